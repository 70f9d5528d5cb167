//! The broker's OAuth routes, the same that AWS's own clients use: what somebody said yes to in a browser becomes tokens of this program's.

use broker_api::Session;
use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Answer, Broker, Welcome};
use crate::clock;
use crate::failure::{Failure, Next};
use crate::lent::Token;
use crate::refusal::{About, SIGN_IN};
use crate::session::{Registration, Renewal};
use crate::text::Text;

/// What is shown for tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grant<'a> {
    /// What the browser brought back, where it was sent to, and the word that proves who sent it.
    Code {
        code: &'a Token,
        redirect: &'a str,
        verifier: &'a str,
    },
    Device(&'a Token),
    Refresh(&'a Token),
}

/// Why there are no tokens.
#[derive(Debug)]
pub(crate) enum NotGranted {
    /// Nobody has said yes or no yet.
    Pending,
    /// The same, and it was asked for too soon.
    SlowDown,
    Failed(Failure),
}

/// What somebody at another machine's browser compares and says yes to.
#[derive(Debug)]
pub(crate) struct DeviceCodes {
    pub(crate) device_code: Token,
    pub(crate) user_code: UserCode,
    pub(crate) expires_at: Timestamp,
    /// Seconds between two questions.
    pub(crate) interval: u64,
}

/// `BCDF-GHJK`
#[derive(Debug)]
pub(crate) struct UserCode(String);

#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Token,
    pub(crate) expires_at: Timestamp,
    pub(crate) refresh: Token,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationWanted<'a> {
    client_name: &'a str,
    client_type: &'a str,
    scopes: [&'a str; 1],
    grant_types: &'a [&'a str],
    redirect_uris: &'a [&'a str],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationGiven {
    client_id: SecretString,
    client_secret: SecretString,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceGiven {
    device_code: SecretString,
    user_code: String,
    expires_in: i64,
    interval: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_verifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokensGiven {
    access_token: SecretString,
    expires_in: i64,
    refresh_token: SecretString,
}

/// An error as AWS's own clients get it.
#[derive(Deserialize)]
struct Told {
    error: String,
    #[serde(default)]
    message: String,
}

impl Broker<'_> {
    /// Makes this program known, with the address that codes may be sent to, if any.
    pub(crate) async fn register(&self, name: &str, redirect: Option<&str>) -> Result<Registration, Failure> {
        let wanted = RegistrationWanted {
            client_name: name,
            client_type: "public",
            scopes: [SCOPE],
            grant_types: if redirect.is_some() { &["authorization_code", "refresh_token"] } else { &[] },
            redirect_uris: redirect.as_slice(),
        };
        let asked = self.http.post(self.at(&["client", "register"])).json(&wanted);
        let RegistrationGiven { client_id, client_secret } = self.of_oauth(asked).await.map_err(NotGranted::failure)?;
        let token = |text, field| Token::parse(text).ok_or_else(|| self.no_broker(field));
        Ok(Registration { id: token(client_id, "clientId")?, secret: token(client_secret, "clientSecret")? })
    }

    /// The page on which somebody says yes to it.
    pub(crate) fn authorize_page(
        &self,
        registration: &Registration,
        redirect: &str,
        state: &str,
        challenge: &str,
    ) -> Url {
        let mut url = self.at(&["authorize"]);
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", registration.id.expose()),
            ("redirect_uri", redirect),
            ("state", state),
            ("code_challenge_method", "S256"),
            ("code_challenge", challenge),
            ("scopes", SCOPE),
        ]);
        url
    }

    /// Codes for somebody with a browser elsewhere.
    pub(crate) async fn begin_device(&self, registration: &Registration) -> Result<DeviceCodes, Failure> {
        let asked = self.http.post(self.at(&["device_authorization"])).json(&Shown::by(registration));
        let given: DeviceGiven = self.of_oauth(asked).await.map_err(NotGranted::failure)?;
        let wrong = |field| self.no_broker(field);
        Ok(DeviceCodes {
            device_code: Token::parse(given.device_code).ok_or_else(|| wrong("deviceCode"))?,
            user_code: UserCode::parse(given.user_code).ok_or_else(|| wrong("userCode"))?,
            expires_at: in_seconds(given.expires_in).ok_or_else(|| wrong("expiresIn"))?,
            interval: given.interval.clamp(1, LONGEST_INTERVAL),
        })
    }

    /// The first tokens, and who it is that they belong to.
    pub(crate) async fn sign_in_by(&self, registration: Registration, grant: Grant<'_>) -> Result<Welcome, NotGranted> {
        let Tokens { access, expires_at, refresh } = self.tokens(&registration, grant).await?;
        let asked = self.http.get(self.at(&["v1", "session"])).bearer_auth(access.expose());
        match self.ask::<Session>(asked, About::SignIn).await {
            Ok(Session { identity, .. }) => {
                let renewal = Some(Renewal { registration, refresh_token: refresh });
                Ok(Welcome { token: access, expires_at, identity: identity.into(), renewal })
            }
            Err(failure) => {
                // Nobody could end it later on. It ends with the browser's session as well.
                let _ = self.leave(&access).await;
                Err(failure.into())
            }
        }
    }

    /// The next tokens of a session, which take the place of those before.
    pub(crate) async fn renew(&self, renewal: &Renewal) -> Result<Tokens, Failure> {
        let grant = Grant::Refresh(&renewal.refresh_token);
        self.tokens(&renewal.registration, grant).await.map_err(|refused| {
            let failure = refused.failure();
            if failure.next == Next::SignIn {
                self.forget_lent();
            }
            failure
        })
    }

    /// Ends whatever came of somebody's yes.
    pub(super) async fn leave(&self, token: &Token) -> Result<(), Failure> {
        let mut shown = reqwest::header::HeaderValue::from_str(token.expose()).map_err(|_| self.no_broker("token"))?;
        shown.set_sensitive(true);
        let asked = self.http.post(self.at(&["logout"])).header("x-amz-sso_bearer_token", shown);
        let answer = self.whatever_comes(asked).await?;
        if answer.status.is_success() { Ok(()) } else { Err(self.not_granted(&answer).failure()) }
    }

    async fn tokens(&self, registration: &Registration, grant: Grant<'_>) -> Result<Tokens, NotGranted> {
        let shown = Shown::by(registration).with(grant);
        let given: TokensGiven = self.of_oauth(self.http.post(self.at(&["token"])).json(&shown)).await?;
        let wrong = |field| self.no_broker(field);
        Ok(Tokens {
            access: Token::parse(given.access_token).ok_or_else(|| wrong("accessToken"))?,
            expires_at: in_seconds(given.expires_in).ok_or_else(|| wrong("expiresIn"))?,
            refresh: Token::parse(given.refresh_token).ok_or_else(|| wrong("refreshToken"))?,
        })
    }

    async fn of_oauth<T: DeserializeOwned>(&self, asked: RequestBuilder) -> Result<T, NotGranted> {
        let answer = self.whatever_comes(asked).await?;
        if !answer.status.is_success() {
            return Err(self.not_granted(&answer));
        }
        Ok(serde_json::from_slice(&answer.body).map_err(|_| self.no_broker("JSON"))?)
    }

    fn not_granted(&self, answer: &Answer) -> NotGranted {
        let Answer { status, retry_after, body, headers: _ } = answer;
        let Ok(Told { error, message }) = serde_json::from_slice(body) else {
            return self.not_by_a_broker(*status).into();
        };
        let server = self.server;
        // The broker's words for AWS's own clients go on with what is to be done with these.
        let words = [". Run `aws", ". Sign in on the machine"]
            .iter()
            .fold(message.as_str(), |words, theirs| words.split_once(theirs).map_or(words, |(words, _)| words));
        let words = Text::of(if words.is_empty() { &error } else { words });
        NotGranted::Failed(match (error.as_str(), *status) {
            ("authorization_pending", _) => return NotGranted::Pending,
            ("slow_down", _) => return NotGranted::SlowDown,
            ("access_denied", _) => Failure::new(
                Next::AskFor,
                format!("somebody said no to this sign-in at {server}"),
                "run `broker login` again, and say yes to it",
            ),
            ("expired_token", _) => {
                Failure::new(Next::SignIn, format!("nobody said yes to it at {server} in time"), SIGN_IN)
            }
            ("unauthorized_client", _) => Failure::new(
                Next::AskFor,
                format!("{server} says: {words}"),
                "run `broker login --browser` where a browser is, or `broker login --username NAME`",
            ),
            ("invalid_grant" | "invalid_client" | "unauthorized", _) => {
                Failure::new(Next::SignIn, format!("your session at {server} is over ({words})"), SIGN_IN)
            }
            (_, StatusCode::TOO_MANY_REQUESTS) => later(server, &words, *retry_after),
            (_, status) if status.is_server_error() => later(server, &words, *retry_after),
            _ => Failure::new(Next::AskFor, format!("{server} says: {words}"), "ask the broker's administrators"),
        })
    }
}

fn later(server: &crate::server::Server, words: &Text, retry_after: Option<u32>) -> Failure {
    let advice = retry_after.map_or("try again later".to_owned(), |seconds| format!("try again in {seconds} seconds"));
    Failure::new(Next::TryLater, format!("{server} says: {words}"), advice)
}

/// When something is over that lives for so many seconds more: no longer than a year.
fn in_seconds(seconds: i64) -> Option<Timestamp> {
    let life = (0..=366 * 86_400).contains(&seconds).then(|| SignedDuration::from_secs(seconds))?;
    clock::now().checked_add(life).ok()
}

impl<'a> Shown<'a> {
    fn by(registration: &'a Registration) -> Self {
        Self {
            client_id: registration.id.expose(),
            client_secret: registration.secret.expose(),
            grant_type: None,
            code: None,
            redirect_uri: None,
            code_verifier: None,
            device_code: None,
            refresh_token: None,
        }
    }

    fn with(self, grant: Grant<'a>) -> Self {
        match grant {
            Grant::Code { code, redirect, verifier } => Self {
                grant_type: Some("authorization_code"),
                code: Some(code.expose()),
                redirect_uri: Some(redirect),
                code_verifier: Some(verifier),
                ..self
            },
            Grant::Device(code) => Self {
                grant_type: Some("urn:ietf:params:oauth:grant-type:device_code"),
                device_code: Some(code.expose()),
                ..self
            },
            Grant::Refresh(token) => {
                Self { grant_type: Some("refresh_token"), refresh_token: Some(token.expose()), ..self }
            }
        }
    }
}

impl NotGranted {
    /// Where nobody is waited for.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Pending | Self::SlowDown => {
                Failure::new(Next::TryLater, "nobody has said yes to it yet", "try again later")
            }
        }
    }
}

impl From<Failure> for NotGranted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl UserCode {
    fn parse(text: String) -> Option<Self> {
        let fits = (4..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        fits.then_some(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// There is one thing to ask for: what the person may use.
const SCOPE: &str = "sso:account:access";
/// Nobody is kept waiting longer between two questions.
const LONGEST_INTERVAL: u64 = 60;
