//! Requests to brokerd over one kept connection, with as little of our own as can be: the load shares the machine with what it loads.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::net::TcpStream;

/// A connection on which one request follows the other.
#[derive(Debug)]
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

/// A request, and what its answer must be for it to count.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    expects: StatusCode,
    holds: &'static str,
}

impl Line {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("brokerd takes no connection")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: HeaderValue::try_from(address.to_string())? })
    }

    /// Asks and reads the whole answer. Anything but what is expected is an error: what fails fast must not count as fast.
    pub(crate) async fn ask(&mut self, asked: &Asked) -> anyhow::Result<Bytes> {
        Ok(self.answer(asked).await?.1)
    }

    pub(crate) async fn answer(&mut self, asked: &Asked) -> anyhow::Result<(HeaderMap, Bytes)> {
        let mut request = Request::new(Full::new(asked.body.clone()));
        request.method_mut().clone_from(&asked.method);
        request.uri_mut().clone_from(&asked.uri);
        request.headers_mut().clone_from(&asked.headers);
        request.headers_mut().insert(header::HOST, self.host.clone());
        self.sender.ready().await?;
        let (answer, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        if answer.status != asked.expects {
            bail!("{} {} was answered with {}: {text}", asked.method, asked.uri, answer.status);
        }
        if !text.contains(asked.holds) {
            bail!("the answer to {} {} does not hold `{}`", asked.method, asked.uri, asked.holds);
        }
        Ok((answer.headers, body))
    }
}

impl Asked {
    /// Nothing but the way there and back.
    pub(crate) fn health() -> Self {
        Self::new(Method::GET, Uri::from_static("/healthz"), StatusCode::OK, "ok")
    }

    /// Credentials: fresh ones from AWS, or those of before.
    pub(crate) fn vend(connector: &str, token: &SecretString, fresh: bool) -> anyhow::Result<Self> {
        let uri = format!("/v1/connectors/{connector}/credentials").parse()?;
        let holds = if fresh { r#""reused":false"# } else { r#""reused":true"# };
        let asked = Self::new(Method::POST, uri, StatusCode::OK, holds).with_token(token)?;
        if fresh { asked.with_json(&json!({ "fresh": true })) } else { Ok(asked) }
    }

    /// The connectors that somebody may use.
    pub(crate) fn list(token: &SecretString) -> anyhow::Result<Self> {
        Self::new(Method::GET, Uri::from_static("/v1/connectors"), StatusCode::OK, "reports-").with_token(token)
    }

    pub(crate) fn sign_in(username: &str, password: &SecretString) -> anyhow::Result<Self> {
        let body = json!({ "username": username, "password": password.expose_secret() });
        Self::new(Method::POST, Uri::from_static("/v1/sessions"), StatusCode::CREATED, "token").with_json(&body)
    }

    /// The same credentials again, as AWS's own clients ask for them.
    pub(crate) fn by_sso(account: &str, connector: &str, token: &SecretString) -> anyhow::Result<Self> {
        let uri = format!("/federation/credentials?role_name={connector}&account_id={account}").parse()?;
        let asked = Self::new(Method::GET, uri, StatusCode::OK, "roleCredentials");
        Ok(asked.with_header(HeaderName::from_static("x-amz-sso_bearer_token"), secret(token.expose_secret())?))
    }

    /// The same credentials again, as AWS's own clients fetch them by themselves, with whatever life they have then.
    pub(crate) fn container(connector: &str, seconds: u32, token: &SecretString) -> anyhow::Result<Self> {
        let uri = format!("/v1/container-credentials/{connector}?duration_seconds={seconds}").parse()?;
        Self::new(Method::GET, uri, StatusCode::OK, "SecretAccessKey").with_token(token)
    }

    /// Who one is, by a job's token: each time it is proved anew.
    pub(crate) fn job(token: &SecretString) -> anyhow::Result<Self> {
        Self::new(Method::GET, Uri::from_static("/v1/session"), StatusCode::OK, "workload").with_token(token)
    }

    pub(crate) fn post(path: &str, expects: StatusCode, holds: &'static str) -> Self {
        let uri = Uri::builder().path_and_query(path).build().unwrap_or_default();
        Self::new(Method::POST, uri, expects, holds)
    }

    pub(crate) fn new(method: Method, uri: Uri, expects: StatusCode, holds: &'static str) -> Self {
        Self { method, uri, headers: HeaderMap::new(), body: Bytes::new(), expects, holds }
    }

    fn with_token(mut self, token: &SecretString) -> anyhow::Result<Self> {
        self.headers.insert(header::AUTHORIZATION, secret(&format!("Bearer {}", token.expose_secret()))?);
        Ok(self)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn with_body(self, body: String) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(crate) fn with_json(mut self, body: &serde_json::Value) -> anyhow::Result<Self> {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = serde_json::to_vec(body)?.into();
        Ok(self)
    }
}

fn secret(text: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}
