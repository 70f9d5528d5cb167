//! Which version of a thing somebody has seen (RFC 9110: `ETag`, `If-Match`), so that two who change it at once are told.

use std::fmt::Display;

use axum::extract::FromRequestParts;
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use crate::app::App;
use crate::problem::{Code, Problem};

/// A strong tag: the thing's id, because a name is given again, and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ETag(String);

/// What a change may only be made to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Nothing was said, or `*`: whatever is there.
    Whatever,
    These(Vec<String>),
}

impl ETag {
    pub(crate) fn of(id: impl Display, version: i64) -> Self {
        Self(format!("\"{id}.{version}\""))
    }

    /// As a list has it, quotes included.
    pub(crate) fn to_text(&self) -> String {
        self.0.clone()
    }

    /// The answer with the tag of what it shows.
    pub(crate) fn on(&self, status: StatusCode, answer: impl IntoResponse) -> Response {
        let mut response = (status, answer).into_response();
        // Ids and numbers always fit.
        if let Ok(value) = HeaderValue::try_from(&self.0) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response
    }
}

impl IfMatch {
    /// What must still be there when the change is made: `present`, where that is what was seen, or whatever. Refuses when what is
    /// there is another one.
    pub(crate) fn seen<T>(&self, tag: &ETag, present: impl FnOnce() -> T) -> Result<Option<T>, Problem> {
        match self {
            Self::Whatever => Ok(None),
            Self::These(tags) if tags.contains(&tag.0) => Ok(Some(present())),
            Self::These(_) => Err(Problem::new(
                Code::PreconditionFailed,
                "someone else changed it since you looked: look at it again",
            )),
        }
    }
}

impl FromRequestParts<App> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let lines: Option<Vec<&str>> =
            parts.headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str().ok()).collect();
        lines.and_then(|lines| parse(&lines.join(","))).ok_or_else(|| {
            Problem::field(
                "If-Match",
                "If-Match is *, or what `ETag` said, quotes included; several with commas between",
            )
        })
    }
}

/// What the document says of it.
impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let header = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The `ETag` of what was seen, or its `etag` in a list: 412 where something else is there now",
            ))
            .schema(Some(text));
        vec![header.build()]
    }
}

/// A weak tag is kept as it is, and so never is what is there: the comparison is the strong one.
fn parse(list: &str) -> Option<IfMatch> {
    if matches!(list.trim(), "" | "*") {
        return Some(IfMatch::Whatever);
    }
    let tags = list.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(|tag| {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag);
        let inside = opaque.strip_prefix('"')?.strip_suffix('"')?;
        (!inside.contains('"')).then(|| tag.to_owned())
    });
    tags.collect::<Option<_>>().map(IfMatch::These)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_version_that_was_seen_counts() {
        let present = ETag::of("7f3a", 3);
        for (list, seen) in [
            ("", Some(None)),
            ("*", Some(None)),
            (r#""7f3a.3""#, Some(Some(3))),
            (r#""7f3a.2", "7f3a.3""#, Some(Some(3))),
            (r#""7f3a.2""#, None),
            (r#""other.3""#, None),
            (r#"W/"7f3a.3""#, None),
        ] {
            assert_eq!(parse(list).unwrap().seen(&present, || 3).ok(), seen, "{list}");
        }
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for bad in ["7f3a.3", r#""7f3a"#, "*, *", r#"""""#, "w/\"a\"", "\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
