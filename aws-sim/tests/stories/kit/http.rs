//! Plain HTTP, signed or not, for what the SDK cannot or will not say.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_sim::Sim;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{KEY, SECRET};

/// Sends a request as it is: status and body.
pub(crate) async fn http(sim: &Sim, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let (head, body) = exchange(sim, method, path, headers, body).await.expect("an answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body)
}

/// The answer's head and body, or nothing if the connection was closed instead.
pub(crate) async fn exchange(
    sim: &Sim,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<(String, String)> {
    let mut stream = tokio::net::TcpStream::connect(sim.address()).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", sim.address());
    for (name, value) in headers {
        request += &[*name, ": ", *value, "\r\n"].concat();
    }
    request += &["content-length: ", &body.len().to_string(), "\r\n\r\n", body].concat();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

/// Credentials as `signed` wants them.
pub(crate) fn long_term() -> Credentials {
    Credentials::new(KEY, SECRET, None, None, "test")
}

pub(crate) fn vended(credentials: &aws_sdk_sts::types::Credentials) -> Credentials {
    let token = Some(credentials.session_token().to_owned());
    Credentials::new(credentials.access_key_id(), credentials.secret_access_key(), token, None, "test")
}

/// Sends a signed request to `sts`, `iam` or `s3`.
pub(crate) async fn signed(
    sim: &Sim,
    who: &Credentials,
    service: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String) {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = who.clone().into();
    #[expect(clippy::disallowed_methods, reason = "a client signs by the machine's clock")]
    let now = SystemTime::now();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(service)
        .time(now)
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let url = format!("{}{path}", sim.endpoint());
    let host = sim.address().to_string();
    let mut headers = vec![("host", host.as_str())];
    if service != "s3" {
        headers.push(("content-type", "application/x-www-form-urlencoded"));
    }
    let request = SignableRequest::new(method, &url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
    let (instructions, _) = sign(request.unwrap(), &params).unwrap().into_parts();
    headers.remove(0);
    headers.extend(instructions.headers());
    http(sim, method, path, &headers, body).await
}

/// Gets an object: `Ok` with its content, or S3's code.
pub(crate) async fn get_object(sim: &Sim, who: &Credentials, path: &str) -> Result<String, String> {
    match signed(sim, who, "s3", "GET", path, "").await {
        (200, content) => Ok(content),
        (_, error) => Err(element(&error, "Code")),
    }
}

/// Calls IAM: `Ok` with the document, or IAM's code.
pub(crate) async fn iam(sim: &Sim, who: &Credentials, form: &str) -> Result<String, String> {
    match signed(sim, who, "iam", "POST", "/", &format!("{form}&Version=2010-05-08")).await {
        (200, document) => Ok(document),
        (_, error) => Err(element(&error, "Code")),
    }
}

/// The text of the first element of this name.
pub(crate) fn element(document: &str, name: &str) -> String {
    let after = document.split_once(&format!("<{name}>")).map(|(_, after)| after).unwrap_or_default();
    after.split('<').next().unwrap_or_default().to_owned()
}
