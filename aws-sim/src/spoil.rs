//! Ruins a good answer on its way out.

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;

use crate::faults::{CredentialField, Fault};
use crate::server::HangUp;

/// Applies the faults that concern the answer; the others have had their turn.
pub(crate) async fn spoil(mut response: Response, fault: Option<&Fault>) -> Response {
    match fault {
        Some(Fault::NotXml) => {
            *response.status_mut() = StatusCode::OK;
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
        Some(Fault::CutConnection) => {
            let body = bytes_of(&mut response).await;
            let half = body.slice(..body.len() / 2);
            // To the last byte it looks as if the rest would come.
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            let cut = stream::iter([Ok(half), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
            *response.body_mut() = Body::from_stream(cut.then(async |part| {
                tokio::task::yield_now().await;
                part
            }));
            response
        }
        Some(Fault::SlowBytes(pause)) => {
            let (body, pause) = (bytes_of(&mut response).await, *pause);
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            let bytes = stream::iter((0..body.len()).map(move |at| body.slice(at..=at)));
            *response.body_mut() = Body::from_stream(bytes.then(move |byte| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, std::io::Error>(byte)
            }));
            response
        }
        Some(Fault::Huge(bytes)) => {
            *response.status_mut() = StatusCode::OK;
            let body = bytes_of(&mut response).await;
            let half = body.slice(..body.len() / 2);
            let chunks = usize::try_from(bytes.div_ceil(CHUNK as u64)).unwrap_or(usize::MAX);
            let rest = stream::iter(std::iter::repeat_n(Bytes::from(vec![b' '; CHUNK]), chunks));
            let all = stream::iter([half]).chain(rest).map(Ok::<_, std::io::Error>);
            *response.body_mut() = Body::from_stream(all);
            response
        }
        Some(Fault::Redirect(origin)) => {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            *response.body_mut() = Body::empty();
            if let Ok(location) = HeaderValue::try_from(format!("{origin}/")) {
                response.headers_mut().insert(header::LOCATION, location);
            }
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

async fn rewrite(mut response: Response, change: impl FnOnce(&str) -> String) -> Response {
    let changed = change(&String::from_utf8_lossy(&bytes_of(&mut response).await));
    *response.body_mut() = Body::from(changed);
    response
}

async fn bytes_of(response: &mut Response) -> Bytes {
    let body = std::mem::take(response.body_mut());
    body.collect().await.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes)
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

const CHUNK: usize = 64 * 1_024;
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
