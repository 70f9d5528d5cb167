//! A token as it was shown, and where each kind belongs.

use secrecy::{ExposeSecret, SecretString};

use crate::authorization::{ACCESS_PREFIX, REFRESH_PREFIX};

/// A token, and how it was shown. What belongs into a browser's cookie opens nothing from anywhere else, and nothing else opens anything
/// from there.
#[derive(Clone, Debug)]
pub enum Shown {
    /// In `Authorization`.
    Bearer(SecretString),
    /// In the header that AWS's clients have for the tokens that were given to them.
    Portal(SecretString),
    Cookie(SecretString),
}

/// Where a session's token may be shown. The token itself says so: the store has a keyed hash over all of it, under the row's own, so that no
/// token can be made into one of the other kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    Api,
    Browser,
}

impl Shown {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Bearer(token) | Self::Portal(token) | Self::Cookie(token) => token.expose_secret(),
        }
    }

    /// The kind of session that it may be the token of, where it was shown.
    pub(super) fn session_kind(&self) -> Option<SessionKind> {
        let kind = match self {
            Self::Bearer(_) => SessionKind::Api,
            Self::Cookie(_) => SessionKind::Browser,
            Self::Portal(_) => return None,
        };
        self.text().starts_with(kind.prefix()).then_some(kind)
    }

    /// Whether it may be an access token of one of AWS's own clients.
    pub(super) fn is_client(&self) -> bool {
        matches!(self, Self::Bearer(_) | Self::Portal(_)) && self.text().starts_with(ACCESS_PREFIX)
    }

    pub(super) fn is_service(&self) -> bool {
        matches!(self, Self::Bearer(_)) && self.text().starts_with(SERVICE_PREFIX)
    }

    /// What may be a token of an issuer of workloads.
    pub(super) fn bearer(&self) -> Option<&str> {
        match self {
            Self::Bearer(token) => Some(token.expose_secret()),
            Self::Portal(_) | Self::Cookie(_) => None,
        }
    }

    /// Whether it looks like a token of ours that was shown where it does not belong.
    pub(super) fn is_out_of_place(&self) -> bool {
        let prefixes =
            [SessionKind::Api.prefix(), SessionKind::Browser.prefix(), SERVICE_PREFIX, ACCESS_PREFIX, REFRESH_PREFIX];
        self.session_kind().is_none()
            && !self.is_service()
            && !self.is_client()
            && prefixes.iter().any(|prefix| self.text().starts_with(prefix))
    }
}

impl SessionKind {
    /// What its tokens begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Api => "bks_",
            Self::Browser => "bkb_",
        }
    }
}

/// What service tokens begin with.
pub const SERVICE_PREFIX: &str = "bkt_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_token_counts_in_its_own_place_alone() {
        let of = |text: &str| {
            let shown: [fn(SecretString) -> Shown; 3] = [Shown::Bearer, Shown::Portal, Shown::Cookie];
            shown.map(|place| {
                let shown = place(SecretString::from(text));
                (shown.session_kind(), shown.is_service(), shown.is_client(), shown.is_out_of_place())
            })
        };
        let nowhere = (None, false, false, true);
        assert_eq!(of("bks_x"), [(Some(SessionKind::Api), false, false, false), nowhere, nowhere]);
        assert_eq!(of("bkb_x"), [nowhere, nowhere, (Some(SessionKind::Browser), false, false, false)]);
        assert_eq!(of("bkt_x"), [(None, true, false, false), nowhere, nowhere]);
        assert_eq!(of("bka_x"), [(None, false, true, false), (None, false, true, false), nowhere]);
        assert_eq!(of("bkr_x"), [nowhere; 3], "a refresh token opens nothing by itself");
        assert_eq!(of("anything"), [(None, false, false, false); 3]);
    }
}
