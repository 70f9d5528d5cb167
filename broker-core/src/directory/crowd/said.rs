//! What Crowd says: yes with something in it, or no with a reason.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::trouble::Trouble;

/// An answer of Crowd's own.
#[derive(Debug)]
pub(super) enum Said<T> {
    Yes(T),
    No(No),
}

/// A refusal that Crowd gives a reason for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct No {
    pub(super) status: reqwest::StatusCode,
    pub(super) reason: Reason,
}

/// The word in `reason`. Crowd has more of them; those are told as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    UserNotFound,
    InvalidUserAuthentication,
    InactiveAccount,
    ExpiredCredential,
    ApplicationAccessDenied,
    InvalidSsoToken,
    Other(String),
}

#[derive(Deserialize)]
struct NoFields {
    reason: String,
}

impl<T: DeserializeOwned> Said<T> {
    /// Reads an answer. Whatever is not Crowd's own is trouble, and never a refusal of anybody.
    pub(super) fn read(answer: &Answer) -> Result<Self, Trouble> {
        let status = answer.status;
        match (status.as_u16(), answer.is_json) {
            (200 | 201, true) => answer.parse().map(Self::Yes),
            (401, _) => Err(Trouble::OwnCredential),
            (403, false) => Err(Trouble::AddressNotListed),
            (300..400, _) => Err(Trouble::Redirect(status)),
            (404 | 405 | 410, false) => Err(Trouble::NotThere(status)),
            (429 | 500.., _) => Err(Trouble::Fails(status)),
            (400..500, true) => {
                let NoFields { reason } = answer.parse()?;
                Ok(Self::No(No { status, reason: Reason::of(&reason) }))
            }
            _ => Err(Trouble::NotJson(status)),
        }
    }
}

impl No {
    /// Where the reason is none that the question can have.
    pub(super) fn unexpected(self) -> Trouble {
        Trouble::Refused(self.status, self.reason)
    }
}

impl Reason {
    fn of(word: &str) -> Self {
        match word {
            "USER_NOT_FOUND" => Self::UserNotFound,
            "INVALID_USER_AUTHENTICATION" => Self::InvalidUserAuthentication,
            "INACTIVE_ACCOUNT" => Self::InactiveAccount,
            "EXPIRED_CREDENTIAL" => Self::ExpiredCredential,
            "APPLICATION_ACCESS_DENIED" => Self::ApplicationAccessDenied,
            "INVALID_SSO_TOKEN" => Self::InvalidSsoToken,
            other if is_word(other) => Self::Other(other.to_owned()),
            _ => Self::Other("(no reason of Crowd's)".to_owned()),
        }
    }
}

/// As Crowd writes them; nothing else is repeated.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNotFound => "USER_NOT_FOUND",
            Self::InvalidUserAuthentication => "INVALID_USER_AUTHENTICATION",
            Self::InactiveAccount => "INACTIVE_ACCOUNT",
            Self::ExpiredCredential => "EXPIRED_CREDENTIAL",
            Self::ApplicationAccessDenied => "APPLICATION_ACCESS_DENIED",
            Self::InvalidSsoToken => "INVALID_SSO_TOKEN",
            Self::Other(word) => word,
        })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::Value;

    use super::*;

    fn read(status: u16, is_json: bool, body: &str) -> Result<Said<Value>, Trouble> {
        let status = StatusCode::from_u16(status).unwrap();
        Said::read(&Answer { status, is_json, body: body.as_bytes().to_vec() })
    }

    fn trouble(status: u16, is_json: bool, body: &str) -> Trouble {
        read(status, is_json, body).unwrap_err()
    }

    #[test]
    fn only_what_crowd_itself_says_is_a_refusal() {
        for (status, word, reason) in [
            (400, "INVALID_USER_AUTHENTICATION", Reason::InvalidUserAuthentication),
            (400, "INACTIVE_ACCOUNT", Reason::InactiveAccount),
            (400, "EXPIRED_CREDENTIAL", Reason::ExpiredCredential),
            (404, "USER_NOT_FOUND", Reason::UserNotFound),
            (403, "APPLICATION_ACCESS_DENIED", Reason::ApplicationAccessDenied),
            (403, "PERMISSION_DENIED", Reason::Other("PERMISSION_DENIED".to_owned())),
        ] {
            let body = format!(r#"{{"reason":"{word}","message":"whatever <it> says"}}"#);
            let Said::No(no) = read(status, true, &body).unwrap() else { panic!("{word}") };
            assert_eq!(no.reason, reason);
            assert!(!no.unexpected().to_string().contains("whatever"), "{word}");
        }
        let Said::No(no) = read(400, true, r#"{"reason":"a\u001b[2J"}"#).unwrap() else { panic!() };
        assert!(!no.reason.to_string().contains('\u{1b}'));
    }

    #[test]
    fn our_own_faults_are_told_as_such() {
        let plain = "Application failed to authenticate";
        assert!(matches!(trouble(401, false, plain), Trouble::OwnCredential));
        assert!(matches!(trouble(401, true, r#"{"reason":"INVALID_USER_AUTHENTICATION"}"#), Trouble::OwnCredential));
        assert!(matches!(
            trouble(403, false, "<html>Client with address 192.0.2.1 is forbidden"),
            Trouble::AddressNotListed
        ));
        for status in [301, 302, 307, 308] {
            assert!(matches!(trouble(status, true, "{}"), Trouble::Redirect(_)));
        }
        assert!(matches!(trouble(404, false, "<html>"), Trouble::NotThere(_)));
        assert!(matches!(trouble(200, false, "<html>"), Trouble::NotJson(_)));
        assert!(matches!(trouble(204, true, ""), Trouble::NotJson(_)));
        assert!(matches!(trouble(400, false, "no"), Trouble::NotJson(_)));
        for status in [429, 500, 502, 503] {
            assert!(matches!(trouble(status, true, r#"{"reason":"OPERATION_FAILED"}"#), Trouble::Fails(_)), "{status}");
        }
    }

    #[test]
    fn what_is_no_json_of_crowds_is_malformed() {
        let deep = "[".repeat(100_000);
        for body in ["", "{", "[]", "null", "{\"reason\":1}", "{\"reason\":\"A\"", &deep] {
            assert!(matches!(trouble(404, true, body), Trouble::Malformed), "{}", body.len());
        }
        assert!(matches!(trouble(200, true, &deep), Trouble::Malformed));
        assert!(matches!(trouble(200, true, "{\"name\":"), Trouble::Malformed));
    }
}
