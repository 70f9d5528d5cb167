//! Where somebody goes after signing in: one of our own pages, rebuilt from its parts, so that no other place can be written.

use std::fmt;

use broker_core::name::ConnectorName;
use broker_core::oauth::UserCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::form::Fields;

/// A page that may come after the sign-in page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Next {
    #[default]
    Home,
    /// One's own second factors.
    Account,
    Console {
        name: ConnectorName,
        /// As it was asked for; whether it is a page of AWS's console is found out there.
        destination: Option<String>,
    },
    /// Where one of AWS's own clients asks to sign in. Neither page goes on by itself.
    Authorize(ClientAsks),
    /// Where codes of programs on other machines are compared. It wants a sign-in of just now.
    Device { code: Option<UserCode> },
}

/// Which of the two pages a client asks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// `aws sso login`.
    Sso,
    /// `aws login`.
    Login,
}

/// What one of AWS's own clients asks, as it stands in a query; whether it may is found out there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientAsks {
    pub(crate) door: Door,
    pub(crate) response_type: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: String,
    pub(crate) code_challenge: String,
    pub(crate) code_challenge_method: String,
    pub(crate) scopes: String,
}

impl Next {
    /// Reads a local path. What is not the path of a known page leads to the first one.
    pub(crate) fn parse(text: &str) -> Self {
        if text == ACCOUNT {
            return Self::Account;
        }
        Self::console(text).or_else(|| Self::authorize(text)).or_else(|| Self::device(text)).unwrap_or_default()
    }

    /// The page itself, reached through the sign-in page. Whoever was led there by another site has not seen yet where it goes,
    /// so the way to the console stops once and asks, and a code is forgotten that they are to read from a program's own screen; a page that is
    /// known to have been asked for need not.
    pub(crate) fn after_sign_in(&self) -> String {
        match self {
            Self::Home | Self::Account | Self::Authorize(_) => self.to_string(),
            Self::Device { .. } => Self::Device { code: None }.to_string(),
            Self::Console { destination: None, .. } => format!("{self}?{ASK}=yes"),
            Self::Console { destination: Some(_), .. } => format!("{self}&{ASK}=yes"),
        }
    }

    /// The way on from *My account*, out of a query or a form: to a console, or where a program signs in. Other pages want no second factor.
    pub(crate) fn onward(fields: &mut Fields) -> Option<Self> {
        let next = Self::parse(&fields.take_given(NEXT)?);
        (!matches!(next, Self::Home | Self::Account)).then_some(next)
    }

    /// The page where somebody shows a second factor before this one, or sets one up.
    pub(crate) fn account_first(&self) -> String {
        format!("{ACCOUNT}?{NEXT}={}", utf8_percent_encode(&self.to_string(), IN_QUERY))
    }

    /// The sign-in page that leads on to this one.
    pub(crate) fn sign_in_page(&self) -> String {
        format!("/sign-in?{NEXT}={}", utf8_percent_encode(&self.to_string(), IN_QUERY))
    }

    /// The same for somebody who is signed in, and must have signed in just now.
    pub(crate) fn sign_in_page_anew(&self) -> String {
        format!("{}&{ANEW}=yes", self.sign_in_page())
    }

    /// The same, with the proof that the person asked for this one.
    pub(crate) fn sign_in_page_once_asked(&self, proof: &str) -> String {
        format!("{}&{ASKED}={proof}", self.sign_in_page())
    }

    fn authorize(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?')?;
        let door = [Door::Sso, Door::Login].into_iter().find(|door| door.path() == path)?;
        let mut fields = Fields::parse(query.as_bytes()).ok()?;
        let asks = ClientAsks::take(door, &mut fields);
        fields.nothing_left().ok()?;
        let fits = asks.fields().iter().all(|(_, value)| value.len() <= MAX && !value.chars().any(char::is_control));
        fits.then_some(Self::Authorize(asks))
    }

    fn device(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut fields = Fields::parse(query.as_bytes()).ok()?;
        let code = fields.take_given("user_code").map(|code| UserCode::parse(&code)).transpose().ok()?;
        fields.nothing_left().ok()?;
        (path == "/device").then_some(Self::Device { code })
    }

    fn console(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let name = path.strip_prefix("/console/")?.to_owned().try_into().ok()?;
        let mut fields = Fields::parse(query.unwrap_or_default().as_bytes()).ok()?;
        let destination = fields.take_given("destination");
        fields.nothing_left().ok()?;
        // No control character belongs into a URL, whoever reads it later.
        let fits = destination.as_ref().is_none_or(|it| it.len() <= MAX && !it.chars().any(char::is_control));
        fits.then_some(Self::Console { name, destination })
    }
}

impl Door {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Sso => "/authorize",
            Self::Login => "/v1/authorize",
        }
    }

    /// What its clients call the field of scopes.
    fn scopes(self) -> &'static str {
        match self {
            Self::Sso => "scopes",
            Self::Login => "scope",
        }
    }
}

impl ClientAsks {
    /// Takes what is known out of a query or a form. What a newer client may say besides is left there.
    pub(crate) fn take(door: Door, fields: &mut Fields) -> Self {
        let mut take = |name| fields.take_given(name).unwrap_or_default();
        Self {
            door,
            response_type: take("response_type"),
            client_id: take("client_id"),
            redirect_uri: take("redirect_uri"),
            state: take("state"),
            code_challenge: take("code_challenge"),
            code_challenge_method: take("code_challenge_method"),
            scopes: take(door.scopes()),
        }
    }

    /// By their names in a query.
    pub(crate) fn fields(&self) -> [(&'static str, String); 7] {
        [
            ("response_type", self.response_type.clone()),
            ("client_id", self.client_id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("state", self.state.clone()),
            ("code_challenge", self.code_challenge.clone()),
            ("code_challenge_method", self.code_challenge_method.clone()),
            (self.door.scopes(), self.scopes.clone()),
        ]
    }
}

/// The path, with everything but the plainest characters encoded.
impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Home => f.write_str("/"),
            Self::Account => f.write_str(ACCOUNT),
            Self::Authorize(asks) => {
                let pair = |(name, value): &(&str, String)| format!("{name}={}", utf8_percent_encode(value, IN_QUERY));
                write!(f, "{}?{}", asks.door.path(), asks.fields().iter().map(pair).collect::<Vec<_>>().join("&"))
            }
            Self::Device { code: None } => f.write_str("/device"),
            Self::Device { code: Some(code) } => write!(f, "/device?user_code={code}"),
            Self::Console { name, destination: None } => write!(f, "/console/{name}"),
            Self::Console { name, destination: Some(destination) } => {
                write!(f, "/console/{name}?destination={}", utf8_percent_encode(destination, IN_QUERY))
            }
        }
    }
}

const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const ACCOUNT: &str = "/account";
const MAX: usize = 2_048;
/// In a query or a form: where somebody goes on.
pub(crate) const NEXT: &str = "next";
/// In a query: show where it goes first.
pub(crate) const ASK: &str = "ask";
/// In the sign-in page's query: show its form to somebody who is signed in, too.
pub(crate) const ANEW: &str = "anew";
/// In the sign-in page's query and form: the proof that the person asked for the next page.
pub(crate) const ASKED: &str = "asked";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_pages_come_out_as_they_went_in() {
        for path in [
            "/",
            "/account",
            "/device",
            "/device?user_code=WDJB-MJHT",
            "/console/deploy",
            "/console/deploy?destination=https%3A//eu-central-1.console.aws.amazon.com/ecs%3Fa%3Db%26c%23d",
        ] {
            assert_eq!(Next::parse(path).to_string(), path);
        }
    }

    #[test]
    fn whatever_else_is_asked_for_leads_home() {
        for text in [
            "",
            "//evil.example",
            "//evil.example/console/deploy",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/%2f/evil.example",
            "/%5cevil.example",
            "/\t/evil.example",
            "\t//evil.example",
            " /",
            "/console",
            "/console/",
            "/console//evil.example",
            "/console/..//evil.example",
            "/console/../sign-out",
            "/console/%2e%2e",
            "/console/deploy/../..//evil.example",
            "/console/deploy#x",
            "/console/de ploy",
            "/console/DEPLOY",
            "/console/deploy\r\nLocation: https://evil.example",
            "/console/deploy?destination=a%0d%0aSet-Cookie:%20x=y",
            "/console/deploy?destination=a\r\nb",
            "/console/deploy?destination=%ff",
            "/console/deploy?destination=a&destination=b",
            "/console/deploy?next=//evil.example",
            "/device?user_code=evil",
            "/device?user_code=WDJB-MJHT&x=y",
            "/device/x",
            "/sign-out",
            "/sign-in?next=/",
            "/v1/session",
            "/problems/internal",
            "@evil.example",
            ".evil.example",
        ] {
            assert_eq!(Next::parse(text), Next::Home, "{text:?}");
        }
        assert_eq!(Next::parse(&format!("/console/deploy?destination={}", "x".repeat(3_000))), Next::Home);
    }

    #[test]
    fn a_destination_cannot_get_out_of_its_place() {
        let next = Next::parse("/console/deploy?destination=//evil.example/%3Fa%26next%3D%22%3E%0");
        assert_eq!(next.to_string(), "/console/deploy?destination=//evil.example/%3Fa%26next%3D%22%3E%250");
        assert_eq!(next.sign_in_page().matches(['?', '&', '"', '<']).count(), 1);
        assert_eq!(Next::Home.sign_in_page(), "/sign-in?next=/");
    }
}
