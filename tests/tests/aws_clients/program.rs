//! A program that signs in as AWS's clients do, without being one: so that it can do everything a little wrong.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, password_of};

/// A registered client, on the machine of somebody with a browser.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) http: Asker,
    pub(crate) url: String,
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// What it got.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Program {
    pub(crate) async fn registered(world: &World) -> Self {
        let http = world.stranger();
        let answer = http.post("/client/register", &registration()).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let made = answer.good();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { url: world.brokerd.url(), id: text("clientId"), secret: text("clientSecret"), http }
    }

    /// What the browser is sent to.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", CALLBACK),
            ("state", STATE),
            ("code_challenge_method", "S256"),
            ("scopes", "sso:account:access"),
            ("code_challenge", CHALLENGE),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into()
    }

    /// The page for somebody with this cookie, asked with that query.
    pub(crate) async fn page(&self, cookie: &str, query: &[(&'static str, String)]) -> Answer {
        let request = self.http.request(Method::GET, "/authorize").query(query).header("cookie", cookie);
        Answer::of(request).await
    }

    /// What the page's form does when a button is clicked.
    pub(crate) async fn decide(&self, cookie: &str, decision: &str) -> Answer {
        let page = self.page(cookie, &self.query()).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let mut fields = self.query();
        fields.extend([("csrf", page.field("csrf")), ("decision", decision.to_owned())]);
        self.send(cookie, &fields).await
    }

    pub(crate) async fn send(&self, cookie: &str, fields: &[(&'static str, String)]) -> Answer {
        let request = self.http.request(Method::POST, "/authorize").form(fields);
        Answer::of(request.header("cookie", cookie).header("origin", &self.url)).await
    }

    /// The code that somebody's yes gives.
    pub(crate) async fn code(&self, cookie: &str) -> String {
        let answer = self.decide(cookie, "allow").await;
        let location = answer.header("location").unwrap_or_else(|| panic!("{} {}", answer.status, answer.text));
        let rest = location.strip_prefix(&format!("{CALLBACK}?code=")).unwrap_or_else(|| panic!("{location}"));
        assert_eq!(answer.status, 303);
        rest.strip_suffix(&format!("&state={STATE}")).unwrap().to_owned()
    }

    pub(crate) fn redemption(&self, code: &str) -> Value {
        json!({
            "grantType": "authorization_code", "clientId": self.id, "clientSecret": self.secret,
            "redirectUri": CALLBACK, "codeVerifier": VERIFIER, "code": code,
        })
    }

    pub(crate) async fn token(&self, body: &Value) -> Answer {
        self.http.post("/token", body).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let body = json!({
            "grantType": "refresh_token", "clientId": self.id, "clientSecret": self.secret, "refreshToken": token,
        });
        self.token(&body).await
    }

    /// All of it, for somebody.
    pub(crate) async fn signed_in(world: &World, username: &str) -> (Self, Tokens) {
        let cookie = world.stranger().cookie(username, &password_of(username)).await;
        Self::signed_in_by(world, &cookie).await
    }

    pub(crate) async fn signed_in_by(world: &World, cookie: &str) -> (Self, Tokens) {
        let program = Self::registered(world).await;
        let code = program.code(cookie).await;
        let tokens = Tokens::of(&program.token(&program.redemption(&code)).await);
        (program, tokens)
    }

    /// The portal's answer to somebody with this token.
    pub(crate) async fn portal(&self, token: &str, path: &str) -> Answer {
        Answer::of(self.http.request(Method::GET, path).header(HEADER, token)).await
    }

    pub(crate) async fn credentials(&self, token: &str, role: &str) -> Answer {
        self.portal(token, &format!("/federation/credentials?role_name={role}&account_id={ACCOUNT}")).await
    }

    pub(crate) async fn logout(&self, token: &str) -> Answer {
        Answer::of(self.http.request(Method::POST, "/logout").header(HEADER, token)).await
    }
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let given = answer.good();
        assert_eq!(given["tokenType"], "Bearer");
        let text = |name: &str| given[name].as_str().unwrap().to_owned();
        let tokens = Self { access: text("accessToken"), refresh: text("refreshToken") };
        assert!(tokens.access.starts_with("bka_") && tokens.refresh.starts_with("bkr_"), "{given}");
        tokens
    }
}

/// As the AWS CLI sends it.
pub(crate) fn registration() -> Value {
    json!({
        "clientName": "botocore-client-corp", "clientType": "public", "scopes": ["sso:account:access"],
        "grantTypes": ["authorization_code", "refresh_token"], "redirectUris": ["http://127.0.0.1/oauth/callback"],
        "issuerUrl": "https://identitycenter.amazonaws.com/brokerd",
    })
}

/// An error as AWS's clients read it; `expected` is `STATUS EXCEPTION`. Its message.
#[track_caller]
pub(crate) fn refused(answer: &Answer, expected: &str) -> String {
    let body = answer.json();
    let exception = answer.header("x-amzn-errortype").unwrap_or_default();
    assert_eq!(format!("{} {exception}", answer.status), expected, "{}", answer.text);
    assert_eq!(body["__type"], exception);
    assert_eq!(body["message"], body["error_description"]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some());
    let word = body["error"].as_str().unwrap();
    assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{word}");
    body["message"].as_str().unwrap().to_owned()
}

pub(crate) const CALLBACK: &str = "http://127.0.0.1:49152/oauth/callback";
pub(crate) const STATE: &str = "b2f0e1a4-5c1e-4a57-9f0e-3f6f1f9f8a11";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const HEADER: &str = "x-amz-sso_bearer_token";
pub(crate) const ACCOUNT: &str = "111111111111";
