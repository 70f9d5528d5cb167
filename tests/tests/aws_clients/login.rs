//! A program that logs in as `aws login` does, without being the AWS CLI: so that it can do everything a little wrong.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, password_of};

use crate::program::{CALLBACK, CHALLENGE, STATE, VERIFIER};
use tests::dpop::DpopKey;

/// One run of `aws login`, on the machine of somebody with a browser.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) http: Asker,
    pub(crate) url: String,
    pub(crate) key: DpopKey,
    client: &'static str,
    redirect: String,
}

/// What it got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) credentials: Value,
    pub(crate) refresh: String,
    pub(crate) expires_in: i64,
    pub(crate) subject: Option<String>,
}

impl Login {
    pub(crate) fn begin(world: &World) -> Self {
        let (http, url) = (world.stranger(), world.brokerd.url());
        Self { http, url, key: DpopKey::new(), client: SAME_DEVICE, redirect: CALLBACK.to_owned() }
    }

    /// `aws login --remote`.
    pub(crate) fn remote(world: &World) -> Self {
        let begun = Self::begin(world);
        Self { client: CROSS_DEVICE, redirect: format!("{}/v1/sessions/confirmation", begun.url), ..begun }
    }

    /// What the browser is sent to.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        [
            ("response_type", "code"),
            ("client_id", self.client),
            ("state", STATE),
            ("code_challenge_method", "SHA-256"),
            ("scope", "openid"),
            ("redirect_uri", &self.redirect),
            ("code_challenge", CHALLENGE),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into()
    }

    pub(crate) async fn page(&self, cookie: &str, query: &[(&'static str, String)]) -> Answer {
        let request = self.http.request(Method::GET, "/v1/authorize").query(query).header("cookie", cookie);
        Answer::of(request).await
    }

    /// What the page's form does when a connector is picked and a button clicked.
    pub(crate) async fn decide(&self, cookie: &str, more: &[(&'static str, &str)]) -> Answer {
        let page = self.page(cookie, &self.query()).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let mut fields = self.query();
        fields.push(("csrf", page.field("csrf")));
        fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.send(cookie, &fields).await
    }

    pub(crate) async fn send(&self, cookie: &str, fields: &[(&'static str, String)]) -> Answer {
        let request = self.http.request(Method::POST, "/v1/authorize").form(fields);
        Answer::of(request.header("cookie", cookie).header("origin", &self.url)).await
    }

    /// The code that somebody's yes gives.
    pub(crate) async fn code(&self, cookie: &str, connector: &str) -> String {
        let answer = self.decide(cookie, &[("connector", connector), ("decision", "allow")]).await;
        let location = answer.header("location").unwrap_or_else(|| panic!("{} {}", answer.status, answer.text));
        let rest = location.strip_prefix(&format!("{}?code=", self.redirect)).unwrap_or_else(|| panic!("{location}"));
        assert_eq!(answer.status, 303);
        rest.strip_suffix(&format!("&state={STATE}")).unwrap().to_owned()
    }

    pub(crate) fn redemption(&self, code: &str) -> Value {
        json!({
            "clientId": self.client, "grantType": "authorization_code", "code": code, "codeVerifier": VERIFIER,
            "redirectUri": self.redirect,
        })
    }

    pub(crate) fn renewal(&self, token: &str) -> Value {
        json!({ "clientId": self.client, "grantType": "refresh_token", "refreshToken": token })
    }

    /// Asks with a new proof of its key.
    pub(crate) async fn token(&self, body: &Value) -> Answer {
        self.token_with(body, &self.key.proof(&self.url)).await
    }

    pub(crate) async fn token_with(&self, body: &Value, proof: &str) -> Answer {
        Answer::of(self.http.request(Method::POST, "/v1/token").header("DPoP", proof).json(body)).await
    }

    pub(crate) async fn renew(&self, token: &str) -> Answer {
        self.token(&self.renewal(token)).await
    }

    /// All of it, for somebody and a connector.
    pub(crate) async fn logged_in(world: &World, username: &str, connector: &str) -> (Self, Got) {
        let cookie = world.stranger().cookie(username, &password_of(username)).await;
        Self::logged_in_by(world, &cookie, connector).await
    }

    pub(crate) async fn logged_in_by(world: &World, cookie: &str, connector: &str) -> (Self, Got) {
        let login = Self::begin(world);
        let code = login.code(cookie, connector).await;
        let got = Got::of(&login.token(&login.redemption(&code)).await);
        (login, got)
    }
}

impl Got {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        let given = answer.good();
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(given["tokenType"], "aws_sigv4");
        let secret = &given["accessToken"];
        let credentials = json!({
            "access_key_id": secret["accessKeyId"], "secret_access_key": secret["secretAccessKey"],
            "session_token": secret["sessionToken"],
        });
        let refresh = given["refreshToken"].as_str().unwrap().to_owned();
        let expires_in = given["expiresIn"].as_i64().unwrap();
        Self { credentials, refresh, expires_in, subject: given["idToken"].as_str().map(subject_of) }
    }
}

/// Who an id token is about, read as the AWS CLI reads it.
fn subject_of(token: &str) -> String {
    use base64::Engine;
    let parts: Vec<&str> = token.split('.').collect();
    assert!(parts.len() == 3 && parts.iter().all(|part| !part.is_empty()), "{token}");
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

/// An error as those read it who log in; `expected` is `STATUS EXCEPTION WORD`. Its message.
#[track_caller]
pub(crate) fn refused(answer: &Answer, expected: &str) -> String {
    let body = answer.json();
    let exception = answer.header("x-amzn-errortype").unwrap_or_default();
    let word = body["error"].as_str().unwrap_or_default();
    assert_eq!(format!("{} {exception} {word}", answer.status), expected, "{}", answer.text);
    assert_eq!(body["__type"], exception);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    body["message"].as_str().unwrap().to_owned()
}

pub(crate) const SAME_DEVICE: &str = "arn:aws:signin:::devtools/same-device";
pub(crate) const CROSS_DEVICE: &str = "arn:aws:signin:::devtools/cross-device";
pub(crate) const INVALID: &str = "400 ValidationException INVALID_REQUEST";
pub(crate) const CODE_OVER: &str = "401 AccessDeniedException AUTHCODE_EXPIRED";
pub(crate) const OVER: &str = "401 AccessDeniedException TOKEN_EXPIRED";
pub(crate) const FORBIDDEN: &str = "403 AccessDeniedException INSUFFICIENT_PERMISSIONS";
