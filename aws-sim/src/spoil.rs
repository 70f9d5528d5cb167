//! Ruins a good answer on its way out.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderValue, header};
use http_body_util::BodyExt;

use crate::faults::{CredentialField, Fault};
use crate::server::HangUp;

/// Applies the faults that concern the answer; the others have had their turn.
pub(crate) async fn spoil(mut response: Response, fault: Option<&Fault>) -> Response {
    match fault {
        Some(Fault::NotXml) => {
            *response.body_mut() = Body::from(HTML);
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            response
        }
        Some(Fault::Truncated) => rewrite(response, cut).await,
        Some(Fault::MissingField(field)) => rewrite(response, |body| without(body, *field)).await,
        Some(Fault::DroppedConnection) => {
            response.extensions_mut().insert(HangUp);
            response
        }
        Some(
            Fault::Throttle
            | Fault::InternalFailure
            | Fault::ServiceUnavailable
            | Fault::Stall(_)
            | Fault::Refusal { .. },
        )
        | None => response,
    }
}

async fn rewrite(response: Response, change: impl FnOnce(&str) -> String) -> Response {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let changed = change(&String::from_utf8_lossy(&body));
    Response::from_parts(parts, Body::from(changed))
}

/// Ends just before the session token, or else in the middle.
fn cut(body: &str) -> String {
    let end = body.find("<SessionToken>").unwrap_or(body.len() / 2);
    body.chars()
        .scan(0, |at, char| {
            *at += char.len_utf8();
            (*at <= end).then_some(char)
        })
        .collect()
}

fn without(body: &str, field: CredentialField) -> String {
    let (open, close) = (format!("<{}>", field.name()), format!("</{}>", field.name()));
    match (body.split_once(&open), body.split_once(&close)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => body.to_owned(),
    }
}

const HTML: &str = "<!doctype html><html><head><title>Proxy</title></head><body><p>It works!<br></body></html>";

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<C><AccessKeyId>A</AccessKeyId><SessionToken>T</SessionToken><Expiration>E</Expiration></C>";

    #[test]
    fn answers_are_cut_or_lose_a_field() {
        assert_eq!(cut(GOOD), "<C><AccessKeyId>A</AccessKeyId>");
        assert_eq!(
            without(GOOD, CredentialField::SessionToken),
            "<C><AccessKeyId>A</AccessKeyId><Expiration>E</Expiration></C>"
        );
        assert_eq!(without("<C/>", CredentialField::Expiration), "<C/>");
    }
}
