//! JSON bodies: refused by name when a field is unknown, and welcome to be absent where nothing is needed.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Code, Problem};

/// A JSON body of type `T`.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that holds a secret: whatever is wrong with it, nothing of it is repeated.
#[derive(Debug)]
pub(crate) struct SecretBody<T>(pub(crate) T);

/// A JSON body that may be absent, which means the default.
#[derive(Debug)]
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        parse(&required(request, app).await?).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for SecretBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        parse_secretly(&required(request, app).await?).map(Self)
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

async fn required(request: Request, app: &App) -> Result<Bytes, Problem> {
    let (bytes, is_json) = read(request, app).await?;
    let not_json = || Problem::new(Code::UnsupportedMediaType, "send Content-Type: application/json");
    is_json.then_some(bytes).ok_or_else(not_json)
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
    read_object(bytes, |path, error| {
        let message = error.to_string();
        let field = named(&message).map(str::to_owned).or(path);
        let message = without_the_value(&message);
        match field {
            Some(field) => Problem::field(&field, message),
            None => {
                Problem::new(Code::InvalidRequest, format!("the body is not the JSON that this route takes: {message}"))
            }
        }
    })
}

/// serde's message without the value that it quotes: it may be a password, as a number say, or one that stands in the wrong field.
/// What was expected is the type's own word, and comes last.
fn without_the_value(message: &str) -> Cow<'_, str> {
    let quotes = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `"];
    if !quotes.iter().any(|start| message.starts_with(start)) {
        return message.into();
    }
    let expected = message.rfind(", expected ").and_then(|at| message.get(at + 2..));
    format!("this is not what the field takes: {}", expected.unwrap_or("see the API's description")).into()
}

/// The same, for bodies that hold a secret: of serde's messages only what the types say, and never what somebody sent, which may be
/// the secret in the wrong place.
fn parse_secretly<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read_object(bytes, |path, error| {
        let message = error.to_string();
        let own = ["missing field `", "duplicate field `"].iter().any(|start| message.starts_with(start));
        let place = format!("line {} column {}", error.line(), error.column());
        // A field that is unknown may be the secret as well.
        let path = path.filter(|_| !message.starts_with("unknown field `"));
        match (named(&message).filter(|_| own), path) {
            (Some(field), _) => Problem::field(field, format!("a field is missing, or there twice, at {place}")),
            (None, Some(path)) => Problem::field(&path, format!("this is not what the field takes, at {place}")),
            (None, None) => {
                let detail = format!("the body is not the JSON that this route takes: see {place}");
                Problem::new(Code::InvalidRequest, detail)
            }
        }
    })
}

/// `refusal` is told the field, where the error is in one.
fn read_object<T: DeserializeOwned>(
    bytes: &[u8],
    refusal: impl Fn(Option<String>, &serde_json::Error) -> Problem,
) -> Result<T, Problem> {
    // A list would fill in the fields in their order, unnamed.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::new(Code::InvalidRequest, "the body is not a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refusal((path != "." && path != "?").then_some(path), error.inner())
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
    use broker_api::admin::NewAccessKey;
    use serde_json::json;

    use super::*;

    fn refusal(body: &str) -> String {
        format!("{:?}", parse::<SignInRequest>(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        assert!(refusal(r#"{"username":"a","password":"b","mfa":"123456"}"#).contains(r#"field: Some("mfa")"#));
        assert!(refusal(r#"{"username":"a"}"#).contains(r#"field: Some("password")"#));
        assert!(refusal(r#"{"username":7,"password":"b"}"#).contains(r#"field: Some("username")"#));
        assert!(refusal(r#"{"username":"a","username":"b","password":"c"}"#).contains(r#"field: Some("username")"#));
    }

    #[test]
    fn a_body_with_a_secret_is_never_repeated() {
        let whole = json!({ "name": "main", "region": "eu-central-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "secret_access_key": "x", "serves": { "principals": [], "role_arns": [], "connectors": [] } });
        let secret = "wJalr, expected XUtnFEMI `K7MDENG`";
        let refusal = |body: &str| parse_secretly::<NewAccessKey>(body.as_bytes()).map(|_| ()).unwrap_err();
        let mut bodies = vec![(json!({ secret: 1 }), None), (json!({ "name": 7 }), Some("name"))];
        for (field, value) in [
            ("serves", json!(secret)),
            ("serves", json!({ secret: secret })),
            ("serves", json!({ "principals": [secret] })),
            ("serves", json!({ "role_arns": secret })),
            ("secret_access_key", json!({ "file": secret })),
            ("secret_access_key", json!([secret])),
            (secret, json!("x")),
        ] {
            let is_unknown = field == secret || value.get(secret).is_some();
            let mut body = whole.clone();
            body[field] = value;
            bodies.push((body, (!is_unknown).then_some(field)));
        }
        for (body, field) in bodies {
            let refusal = refusal(&body.to_string());
            let said = format!("{refusal:?}");
            assert!(!said.contains("wJalr") && !said.contains("K7MDENG"), "{said}");
            assert!(field.is_none_or(|field| said.contains(&format!("field: Some(\"{field}"))), "{field:?}: {said}");
        }
        for rubbish in
            ["{\"secret_access_key\": \"wJalr", "{wJalr}", "{\"name\": wJalr}", "\"wJalr\"", "{\"name\":\"a\"} wJalr"]
        {
            let said = format!("{:?}", refusal(rubbish));
            assert!(!said.contains("wJalr") && said.contains("InvalidRequest"), "{said}");
        }
        assert!(format!("{:?}", refusal("{}")).contains("field: Some(\"name\")"));
        // Nor is it shown by what has been read.
        let read = parse_secretly::<NewAccessKey>(whole.to_string().replace("\"x\"", "\"wJalr\"").as_bytes()).unwrap();
        assert!(!format!("{read:?}").contains("wJalr"));
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
        for value in [
            "48151623",
            "-48151623",
            "4815162.3",
            "48151623e3",
            "true",
            "null",
            r#"{"48151623":"48151623"}"#,
            r#"["48151623"]"#,
        ] {
            for body in [
                format!(r#"{{"username":"a","password":{value}}}"#),
                format!(r#"{{"username":{value},"password":"b"}}"#),
                format!(r#"{{"username":"a","password":"b","directory":[{value}]}}"#),
            ] {
                let said = refusal(&body);
                assert!(!said.contains("4815162") && !said.contains("true"), "{body}: {said}");
                assert!(said.contains("expected a string") || said.contains("null"), "{body}: {said}");
            }
        }
    }

    #[test]
    fn of_a_value_nothing_is_kept_but_what_was_expected() {
        let kept = |message: &str| without_the_value(message).into_owned();
        let expected = |what: &str| format!("this is not what the field takes: expected {what}");
        assert_eq!(kept("invalid type: string \"a, expected b\", expected u64 at line 1"), expected("u64 at line 1"));
        assert_eq!(kept("invalid value: integer `7`, expected x"), expected("x"));
        assert_eq!(kept("unknown variant `hunter2`, expected `a` or `b`"), expected("`a` or `b`"));
        assert!(!kept("invalid value: integer `7`").contains('7'));
        assert_eq!(kept("missing field `a` at line 1"), "missing field `a` at line 1");
    }
}
