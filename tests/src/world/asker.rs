//! Those who ask the broker by HTTP, and what it answers.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::people::password_of;

/// Somebody who asks the broker by HTTP, with a token or without one.
#[derive(Clone, Debug)]
pub struct Asker {
    http: Client,
    url: String,
    pub token: Option<String>,
    /// Whence a proxy would say that they ask.
    seen_at: Option<String>,
}

/// What the broker answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Asker {
    /// Somebody without a token, before the broker at this address.
    pub fn at(url: &str) -> Self {
        // Whoever comes first installs it; all of them would install the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, url: url.to_owned(), token: None, seen_at: None }
    }

    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same from elsewhere, as a broker takes it that is [behind a proxy](super::Prepared::behind_a_proxy).
    #[must_use]
    pub fn seen_at(&self, address: &str) -> Self {
        Self { seen_at: Some(address.to_owned()), ..self.clone() }
    }

    /// The same, signed in as one of the world's people.
    pub async fn signed_in(&self, username: &str) -> Self {
        self.signed_in_with(username, &password_of(username)).await
    }

    pub async fn signed_in_with(&self, username: &str, password: &str) -> Self {
        let answer = self.sign_in(&json!({ "username": username, "password": password })).await;
        assert_eq!(answer.status, 201, "{username}: {}", answer.text);
        self.with_token(answer.json()["token"].as_str().unwrap())
    }

    pub async fn sign_in(&self, body: &Value) -> Answer {
        self.post("/v1/sessions", body).await
    }

    /// Tries a name and a password by the form, as a browser does.
    pub async fn by_form(&self, username: &str, password: &str) -> Answer {
        Answer::of(self.filled_form(username, password).await).await
    }

    /// The form, filled in and not sent yet.
    pub async fn filled_form(&self, username: &str, password: &str) -> RequestBuilder {
        self.at_the_form(username, password).await.1
    }

    /// Signs somebody in by the form; the browser's cookie, `NAME=VALUE`.
    pub async fn cookie(&self, username: &str, password: &str) -> String {
        self.by_form(username, password).await.cookie()
    }

    /// The same of somebody who is asked for a second factor after the password.
    pub async fn cookie_with(&self, username: &str, password: &str, otp: &str) -> String {
        let (before, filled) = self.at_the_form(username, password).await;
        let page = Answer::of(filled).await;
        assert_eq!(page.status, 200, "{username}: {}", page.text);
        let (csrf, half_way) = (page.field("csrf"), page.field("half_way"));
        let fields = [("csrf", csrf.as_str()), ("next", "/"), ("half_way", half_way.as_str()), ("otp", otp)];
        Answer::of(self.filled("/sign-in/second-factor", &before, &fields)).await.cookie()
    }

    /// The cookie that a browser has before it is signed in, and the form that it fills in.
    async fn at_the_form(&self, username: &str, password: &str) -> (String, RequestBuilder) {
        let form = Answer::of(self.request(Method::GET, "/sign-in")).await;
        let before = form.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let csrf = form.field("csrf");
        let fields = [("csrf", csrf.as_str()), ("next", "/"), ("username", username), ("password", password)];
        let filled = self.filled("/sign-in", &before, &fields);
        (before, filled)
    }

    fn filled(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.request(Method::POST, path).header("origin", &self.url).header("cookie", cookie).form(fields)
    }

    pub async fn vend(&self, connector: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/connectors/{connector}/credentials"), body).await
    }

    /// What was vended, as JSON; panics if nothing was.
    pub async fn vended(&self, connector: &str, body: &Value) -> Value {
        self.vend(connector, body).await.good()
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = match &self.seen_at {
            Some(address) => request.header("x-forwarded-for", address),
            None => request,
        };
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, text: answer.text().await.unwrap() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// By which the log and the trail know the request.
    pub fn request_id(&self) -> &str {
        self.header("x-request-id").unwrap_or_else(|| panic!("no id: {}", self.text))
    }

    /// The cookie of whoever was signed in by a form, `NAME=VALUE`.
    #[track_caller]
    fn cookie(&self) -> String {
        assert_eq!(self.status, 303, "{}", self.text);
        let mut cookies = self.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        let kept = cookies.rfind(|cookie| !cookie.contains("Max-Age=0")).unwrap();
        kept.split(';').next().unwrap().to_owned()
    }

    /// The value of a form's hidden field.
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.text)).1;
        rest.split('"').next().unwrap().to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON, {error}: {}", self.text))
    }

    /// The JSON of an answer with status 200; panics if it is another.
    pub fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// A problem, whose shape is the same everywhere; `expected` is `STATUS CODE`, as in `404 not_found`.
    #[track_caller]
    pub fn problem(&self, expected: &str) -> Value {
        let problem = self.json();
        let code = problem["code"].as_str().unwrap_or_default();
        assert_eq!(format!("{} {code}", self.status), expected, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        problem
    }

    /// The same with what differs from request to request taken out.
    pub fn but_for_the_request_id(&self) -> (u16, String, Vec<(String, String)>) {
        let id = self.header("x-request-id").unwrap();
        let headers = self.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        (self.status, self.text.replace(id, ""), headers.collect())
    }
}
