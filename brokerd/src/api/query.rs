//! What stands behind the `?`: every parameter known, none twice, and the wrong one named.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::app::App;
use crate::body::named;
use crate::problem::{Code, Problem};

/// The query, as a `T` that denies unknown fields; every value comes as text.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

/// The query of a route that takes no parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        match named(&message).map(str::to_owned).or_else(|| (path != ".").then_some(path)) {
            Some(field) => Problem::field(&field, message),
            None => Problem::new(Code::InvalidRequest, message),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::admin::page::Limit;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        limit: Limit,
    }

    fn refusal(query: &str) -> String {
        format!("{:?}", parse::<Wanted>(query).unwrap_err())
    }

    #[test]
    fn the_parameter_that_is_wrong_is_named() {
        assert!(refusal("nam=x").contains(r#"field: Some("nam")"#));
        assert!(refusal("limit=1&limit=2").contains(r#"field: Some("limit")"#));
        for limit in ["0", "201", "-1", "x", "", "1e2", "99999999999999999999"] {
            assert!(refusal(&format!("limit={limit}")).contains(r#"field: Some("limit")"#), "{limit}");
        }
    }

    #[test]
    fn nothing_at_all_is_fine() {
        let Wanted { name, limit } = parse("").unwrap();
        assert_eq!((name, limit), (None, Limit::default()));
        assert_eq!(parse::<Wanted>("name=a%20b&limit=200").unwrap().name.as_deref(), Some("a b"));
    }
}
