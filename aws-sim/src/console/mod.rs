//! The console's federation endpoint: from temporary credentials to a sign-in token, and from there to a console.

mod login;
mod signin;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};

pub(crate) use signin::SigninTokens;

use crate::calls::{Call, Outcome};
use crate::chance;
use crate::cloud::{Cloud, SharedCloud};
use crate::front::{Answer, before, respond, wait};
use crate::params::Params;
use crate::refusal::Refusal;
use crate::spoil::spoil;

/// What comes of a call, and whose credentials it is about.
struct Reply {
    access_key_id: Option<String>,
    outcome: Result<Answer, Refusal>,
}

/// Answers `/federation`.
pub(crate) async fn federation(State(cloud): State<SharedCloud>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request_id = chance::request_id();
    let body =
        Limited::new(body, MAX_BODY).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let params = match Params::read(&parts.method, parts.uri.query(), &parts.headers, &body) {
        Ok(params) => params,
        Err(refusal) => return respond(refusal.status, page_of(&refusal), &request_id, &cloud),
    };
    let action = params.get("Action").unwrap_or_default().to_owned();
    let parameters = params.without_secrets();
    let claimed = signin::access_key_id(&params);
    let fault = cloud.faults.take(&action, claimed.as_deref());
    wait(&cloud, fault.as_ref()).await;
    let reply = match fault.as_ref().and_then(before) {
        Some(refusal) => Reply { access_key_id: claimed, outcome: Err(refusal) },
        None => carry_out(&cloud, &parts.method, &action, params),
    };
    cloud.journal.write(Call {
        action,
        access_key_id: reply.access_key_id,
        method: parts.method.to_string(),
        in_url: Params::names(parts.uri.query()),
        parameters,
        outcome: reply.outcome.as_ref().map_or_else(|refusal| Outcome::Error(refusal.code.to_owned()), |_| Outcome::Ok),
        fault: fault.clone(),
        at: cloud.clock.now(),
        request_id: request_id.clone(),
    });
    let mut response = match reply.outcome {
        Ok(answer) => respond(StatusCode::OK, answer, &request_id, &cloud),
        Err(refusal) => respond(refusal.status, page_of(&refusal), &request_id, &cloud),
    };
    for (name, value) in HARMLESS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    spoil(response, fault.as_ref()).await
}

fn carry_out(cloud: &Cloud, method: &Method, action: &str, params: Params) -> Reply {
    match (method, action) {
        (&Method::GET | &Method::POST, "getSigninToken") => signin::call(cloud, params),
        (&Method::GET, "login") => login::call(cloud, params),
        _ => Reply { access_key_id: None, outcome: Err(bad_request("Action is not valid")) },
    }
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message)
}

fn page_of(refusal: &Refusal) -> Answer {
    Answer { content_type: HTML, body: login::error_page(&refusal.message).into() }
}

const HTML: &str = "text/html; charset=utf-8";
const MAX_BODY: usize = 256 * 1_024;
const HARMLESS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];
