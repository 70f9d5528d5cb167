//! The table of answers: status, content type and body as Crowd gives them, by its public REST documentation and recorded answers, and
//! as something else in its place would.

use serde_json::{Value, json};

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    /// Of a redirect.
    pub location: Option<String>,
}

impl Shape {
    pub fn new(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, body: body.into(), location: None }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self::new(status, JSON, body.to_string())
    }

    /// Crowd's own refusal.
    pub fn refusal(status: u16, reason: &str, message: &str) -> Self {
        Self::json(status, &json!({ "reason": reason, "message": message }))
    }

    /// Of `GET user`, and of `POST authentication` with the right password.
    pub fn user(name: &str, key: Option<&str>, active: bool) -> Self {
        let mut user = json!({
            "expand": "attributes",
            "link": { "rel": "self", "href": format!("http://crowd.corp.example/crowd/rest/usermanagement/1/user?username={name}") },
            "name": name, "first-name": name, "last-name": "of Corp", "display-name": format!("{name} of Corp"),
            "email": format!("{name}@corp.example"), "active": active,
            "password": { "link": { "rel": "edit", "href": "http://crowd.corp.example/crowd/rest/usermanagement/1/user/password" } },
            "attributes": { "attributes": [], "link": { "rel": "self", "href": "…" } },
        });
        if let Some(key) = key {
            user["key"] = key.into();
        }
        Self::json(200, &user)
    }

    pub fn groups(names: &[String]) -> Self {
        let groups: Vec<Value> = names.iter().map(|name| json!({ "name": name, "link": { "rel": "self" } })).collect();
        Self::json(200, &json!({ "expand": "group", "groups": groups }))
    }

    /// Of `POST session/TOKEN`, with the user expanded.
    pub fn session(token: &str, user: &Self, created_ms: i64) -> Self {
        let user: Value = serde_json::from_str(&user.body).unwrap();
        Self::json(
            200,
            &json!({
                "expand": "user", "token": token, "user": user, "link": { "rel": "self" },
                "created-date": created_ms, "expiry-date": created_ms + 1_800_000,
            }),
        )
    }

    pub fn cookie_config() -> Self {
        Self::json(200, &json!({ "domain": ".corp.example", "name": "crowd.token_key", "secure": true }))
    }

    pub fn no_such_user(name: &str) -> Self {
        Self::refusal(404, "USER_NOT_FOUND", &format!("User <{name}> does not exist"))
    }

    pub fn wrong_password() -> Self {
        Self::refusal(400, "INVALID_USER_AUTHENTICATION", "Failed to authenticate principal, password was invalid")
    }

    pub fn inactive(name: &str) -> Self {
        Self::refusal(400, "INACTIVE_ACCOUNT", &format!("Account with name <{name}> is inactive"))
    }

    pub fn expired(name: &str) -> Self {
        Self::refusal(400, "EXPIRED_CREDENTIAL", &format!("Credential of <{name}> has expired"))
    }

    pub fn no_such_session() -> Self {
        Self::refusal(404, "INVALID_SSO_TOKEN", "Token does not validate.")
    }

    /// The application's own name or password is wrong: in plain text.
    pub fn application_failed() -> Self {
        Self::new(401, "text/plain;charset=UTF-8", "Application failed to authenticate")
    }

    /// The application asks from an address that is not on its list: a page of the servlet container.
    pub fn address_forbidden() -> Self {
        let body = "<html><body><h1>HTTP Status 403</h1>Client with address \"192.0.2.1\" is forbidden from making requests to the application, broker.</body></html>";
        Self::new(403, "text/html;charset=UTF-8", body)
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::new(status, "text/html", "") }
    }

    pub(super) fn written(&self) -> Vec<u8> {
        let Self { status, content_type, body, location } = self;
        let location = location.as_ref().map(|to| format!("location: {to}\r\n")).unwrap_or_default();
        let length = body.len();
        format!(
            "HTTP/1.1 {status} Whatever\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nset-cookie: JSESSIONID=secret\r\n{location}connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

pub const JSON: &str = "application/json";
