//! Takes a request in: its body whole, of a modest size and in time, before it gets the room that others wait for.

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use zeroize::Zeroizing;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::request::Meta;

/// Whoever is slow holds a connection of their own share and nothing else: there is no answering yet.
pub(crate) async fn whole(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let limit = app.settings.limits.body;
    let body = tokio::time::timeout_at(meta.received + limit, read(&parts.headers, body)).await.map_err(|_| {
        Problem::new(Code::TooSlow, format!("the body did not arrive within {} seconds", limit.as_secs()))
    })??;
    // Held until there is an answer.
    let _held = app.room_for(meta.address)?;
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// Bodies hold passwords: what is read is wiped when it is no longer needed.
async fn read(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Problem> {
    let announced = body.size_hint().exact().unwrap_or_default();
    // It asks before it sends, so it need not be heard out to hear us.
    if announced > MAX_BODY as u64 && headers.contains_key(header::EXPECT) {
        return Err(too_large());
    }
    let mut kept = Zeroizing::new(Vec::with_capacity(usize::try_from(announced).unwrap_or_default().min(MAX_BODY)));
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let cut_off = |_| Problem::new(Code::InvalidRequest, "the body was cut off");
        let Ok(data) = frame.map_err(cut_off)?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= MAX_BODY {
            kept.extend_from_slice(&data);
        } else if length > MAX_READ {
            break;
        }
    }
    if length > MAX_BODY { Err(too_large()) } else { Ok(Bytes::from_owner(kept)) }
}

fn too_large() -> Problem {
    Problem::new(Code::TooLarge, "the body is larger than 64 KiB")
}

const MAX_BODY: usize = 64 * 1024;
/// More than is kept: whoever is hung up on in the middle of sending may never see our answer.
const MAX_READ: usize = 4 * 1024 * 1024;
