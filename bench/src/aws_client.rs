//! People signed in as `aws sso login` signs them in: by the pages, for an access token.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::ask::{Asked, Line};
use crate::house::House;

/// A client that is registered, and a line to the broker.
#[derive(Debug)]
pub(crate) struct AwsClient {
    line: Line,
    origin: String,
    id: String,
    secret: SecretString,
}

impl AwsClient {
    pub(crate) async fn registered(house: &House) -> anyhow::Result<Self> {
        let mut line = Line::open(house.address()).await?;
        let body = json!({
            "clientName": "bench", "clientType": "public", "scopes": [SCOPE],
            "grantTypes": ["authorization_code", "refresh_token"], "redirectUris": [CALLBACK],
        });
        let answer = line.ask(&Asked::post("/client/register", StatusCode::OK, "clientId").with_json(&body)?).await?;
        let made: Value = serde_json::from_slice(&answer)?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("no registration was given");
        let (id, secret) = (text("clientId")?, SecretString::from(text("clientSecret")?));
        Ok(Self { line, origin: format!("http://{}", house.address()), id, secret })
    }

    /// The access token of somebody who says yes.
    pub(crate) async fn sign_in(&mut self, username: &str, password: &SecretString) -> anyhow::Result<SecretString> {
        let cookie = self.cookie(username, password).await?;
        let mut query = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.id.clone()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("state", "bench".to_owned()),
            ("code_challenge_method", "S256".to_owned()),
            ("scopes", SCOPE.to_owned()),
            ("code_challenge", CHALLENGE.to_owned()),
        ];
        let page = self.page(&format!("/authorize?{}", form(&query)), Some(&cookie)).await?;
        query.extend([("csrf", field(&page.1, "csrf")?), ("decision", "allow".to_owned())]);
        let (headers, _) = self.send("/authorize", &query, &cookie).await?;
        let location = headers.get(header::LOCATION).and_then(|it| it.to_str().ok()).context("nobody was led back")?;
        let (_, code) = location.split_once("code=").context("no code was given")?;
        let code = code.split('&').next().unwrap_or_default();
        let body = json!({
            "grantType": "authorization_code", "clientId": self.id, "clientSecret": self.secret.expose_secret(),
            "redirectUri": CALLBACK, "codeVerifier": VERIFIER, "code": code,
        });
        let answer = self.line.ask(&Asked::post("/token", StatusCode::OK, "accessToken").with_json(&body)?).await?;
        let given: Value = serde_json::from_slice(&answer)?;
        Ok(given["accessToken"].as_str().context("no token was given")?.into())
    }

    /// A browser's session.
    async fn cookie(&mut self, username: &str, password: &SecretString) -> anyhow::Result<HeaderValue> {
        let (headers, page) = self.page("/sign-in", None).await?;
        let before = cookie_of(&headers)?;
        let fields = [
            ("csrf", field(&page, "csrf")?),
            ("next", "/".to_owned()),
            ("username", username.to_owned()),
            ("password", password.expose_secret().to_owned()),
        ];
        let (headers, _) = self.send("/sign-in", &fields, &before).await?;
        cookie_of(&headers)
    }

    async fn page(&mut self, path: &str, cookie: Option<&HeaderValue>) -> anyhow::Result<(HeaderMap, String)> {
        let mut asked = Asked::new(Method::GET, path.parse()?, StatusCode::OK, "csrf");
        if let Some(cookie) = cookie {
            asked = asked.with_header(header::COOKIE, cookie.clone());
        }
        let (headers, body) = self.line.answer(&asked).await?;
        Ok((headers, String::from_utf8(body.to_vec())?))
    }

    async fn send(
        &mut self,
        path: &str,
        fields: &[(&str, String)],
        cookie: &HeaderValue,
    ) -> anyhow::Result<(HeaderMap, Bytes)> {
        let asked = Asked::post(path, StatusCode::SEE_OTHER, "")
            .with_header(header::COOKIE, cookie.clone())
            .with_header(header::ORIGIN, HeaderValue::try_from(&self.origin)?)
            .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .with_body(form(fields));
        self.line.answer(&asked).await
    }
}

fn form(fields: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The newest one that is not taken back.
fn cookie_of(headers: &HeaderMap) -> anyhow::Result<HeaderValue> {
    let mut kept = headers.get_all(header::SET_COOKIE).iter().filter_map(|it| it.to_str().ok());
    let kept = kept.rfind(|cookie| !cookie.contains("Max-Age=0")).context("no cookie was given")?;
    Ok(HeaderValue::from_str(kept.split(';').next().unwrap_or_default())?)
}

fn field(page: &str, name: &str) -> anyhow::Result<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).context("the page has no such field")?;
    let value = rest.split('"').next().unwrap_or_default();
    ensure!(!value.is_empty(), "the page's field is empty");
    Ok(value.to_owned())
}

const CALLBACK: &str = "http://127.0.0.1/oauth/callback";
const SCOPE: &str = "sso:account:access";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
