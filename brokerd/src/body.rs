//! JSON bodies: refused by name when a field is unknown, and welcome to be absent where nothing is needed.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Code, Problem};

/// A JSON body of type `T`.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that may be absent, which means the default.
#[derive(Debug)]
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (bytes, is_json) = read(request, app).await?;
        if !is_json {
            return Err(Problem::new(Code::UnsupportedMediaType, "send Content-Type: application/json"));
        }
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (bytes, is_json) = read(request, app).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json {
            return Err(Problem::new(Code::UnsupportedMediaType, "send Content-Type: application/json"));
        }
        parse(&bytes).map(Self)
    }
}

/// The body, and whether it says that it is JSON.
async fn read(request: Request, app: &App) -> Result<(Bytes, bool), Problem> {
    let is_json =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        });
    // It has been read by `intake`, which limits it.
    let bytes = Bytes::from_request(request, app).await;
    let bytes = bytes.map_err(|_| Problem::new(Code::TooLarge, "the body is too large, or was cut off"))?;
    Ok((bytes, is_json))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A list would fill in the fields in their order, unnamed.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::new(Code::InvalidRequest, "the body is not a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        let field = named(&message).map(str::to_owned).or_else(|| (path != "." && path != "?").then_some(path));
        match field {
            Some(field) => Problem::field(&field, message),
            None => {
                Problem::new(Code::InvalidRequest, format!("the body is not the JSON that this route takes: {message}"))
            }
        }
    })?;
    reader.end().map_err(|_| Problem::new(Code::InvalidRequest, "the body goes on after its JSON"))?;
    Ok(value)
}

/// The field that serde's message is about, when it is not part of the path: one that is unknown or missing.
pub(crate) fn named(message: &str) -> Option<&str> {
    let rest = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))?;
    rest.split('`').next()
}

#[cfg(test)]
mod tests {
    use broker_api::SignInRequest;

    use super::*;

    fn refusal(body: &str) -> String {
        format!("{:?}", parse::<SignInRequest>(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        assert!(refusal(r#"{"username":"a","password":"b","otp":"123456"}"#).contains(r#"field: Some("otp")"#));
        assert!(refusal(r#"{"username":"a"}"#).contains(r#"field: Some("password")"#));
        assert!(refusal(r#"{"username":7,"password":"b"}"#).contains(r#"field: Some("username")"#));
        assert!(refusal(r#"{"username":"a","username":"b","password":"c"}"#).contains(r#"field: Some("username")"#));
    }

    #[test]
    fn rubbish_is_refused() {
        for body in ["", "null", "[]", "{", "\u{0}", r#"{"username":"a","password":"b"} x"#, r#"["a","b"]"#] {
            assert!(refusal(body).contains("InvalidRequest"), "{body}");
        }
        assert!(parse::<SignInRequest>(&[0xff, 0xfe]).is_err());
        assert!(parse::<SignInRequest>("[".repeat(60_000).as_bytes()).is_err());
    }

    #[test]
    fn a_password_stands_in_no_refusal() {
        assert!(!refusal(r#"{"username":"a","password":"hunter2","x":1}"#).contains("hunter2"));
        assert!(!refusal(r#"{"username":"a","password":["hunter2"]}"#).contains("hunter2"));
    }
}
