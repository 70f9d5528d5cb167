//! Proves who sent a request, by AWS's signature version 4.
//!
//! The proof itself is the crate `scratchstack-aws-signature`'s, but for those that `again` signs once more. Requests to other services than S3
//! that are signed in the query string are refused.

mod again;

use std::future::{Ready, ready};

use again::Again;
use axum::body::Bytes;
use chrono::DateTime;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode, header};
use scratchstack_aws_signature::{
    GetSigningKeyRequest, GetSigningKeyResponse, KSecretKey, SignatureError, SignatureOptions,
    VecSignedHeaderRequirements, sigv4_validate_request,
};
use tower::BoxError;
use url::form_urlencoded;

use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::consistency::Seen;
use crate::last_used::Use;
use crate::refusal::Refusal;
use crate::world::Snapshot;

/// What a request says about its signature, not proven yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claim {
    pub(crate) access_key_id: Option<String>,
    pub(crate) region: Option<String>,
}

impl Claim {
    /// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
    pub(crate) fn read(parts: &Parts) -> Self {
        Self::of(Self::in_header(parts))
    }

    /// The same of a request to S3, which may be signed in the query string instead.
    pub(crate) fn read_with_query(parts: &Parts) -> Self {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let presigned = query.into_iter().find(|(name, _)| name == "X-Amz-Credential");
        match presigned {
            Some((_, credential)) if !parts.headers.contains_key(header::AUTHORIZATION) => Self::of(&credential),
            Some(_) | None => Self::read(parts),
        }
    }

    fn in_header(parts: &Parts) -> &str {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        header.split([' ', ',']).filter_map(|word| word.strip_prefix("Credential=")).next_back().unwrap_or_default()
    }

    fn of(credential: &str) -> Self {
        let mut scope = credential.split('/').map(str::to_owned);
        Self {
            access_key_id: scope.next().filter(|id| !id.is_empty()),
            region: scope.nth(1).filter(|region| !region.is_empty()),
        }
    }
}

/// Checks the signature, the time in it, the key behind it, and the session token with it.
pub(crate) async fn prove(
    cloud: &Cloud,
    world: &Snapshot,
    claim: &Claim,
    service: &'static str,
    parts: &Parts,
    body: &Bytes,
) -> Result<Caller, Refusal> {
    let home = world.partition.home_region();
    let region = claim.region.as_deref().filter(|region| world.partition.has_region(region)).unwrap_or(home);
    let found = look_up(cloud, world, claim);
    let wire_now = cloud.clock.wire_now();
    if let Some(again) = Again::read(parts, body, service) {
        let known = found?;
        again.prove(parts, &known, region, wire_now)?;
        return Ok(caller_of(cloud, known, service, region));
    }
    let mut keys = {
        let found = found.clone();
        tower::service_fn(move |request| signing_key(found.as_ref(), &request))
    };
    let now = DateTime::from_timestamp(wire_now.as_second(), 0).unwrap_or_default();
    let options = if service == "s3" { SignatureOptions::S3 } else { SignatureOptions::default() };
    // Whatever AWS itself reads must be signed.
    let must_sign = VecSignedHeaderRequirements::new::<str, str, str>(&[], &[], &["x-amz-"]);
    sigv4_validate_request(as_signed(parts, body), region, service, &mut keys, now, &must_sign, options)
        .await
        .map_err(|error| refusal(error.as_ref()))?;
    Ok(caller_of(cloud, found?, service, region))
}

/// Who has proved it to be them; a long-term key has been used.
fn caller_of(cloud: &Cloud, known: Known, service: &'static str, region: &str) -> Caller {
    let Known { access_key_id, token, caller, .. } = known;
    if token.is_none() {
        let used = Use { at: cloud.clock.now(), service, region: region.to_owned() };
        cloud.last_used.note(&access_key_id, used);
    }
    caller
}

/// A key that exists and may be used.
#[derive(Clone)]
struct Known {
    access_key_id: String,
    secret: String,
    token: Option<String>,
    expired: bool,
    caller: Caller,
}

fn look_up(cloud: &Cloud, world: &Snapshot, claim: &Claim) -> Result<Known, Refusal> {
    let access_key_id = claim.access_key_id.clone().ok_or_else(Refusal::bad_token)?;
    let key = match cloud.consistency.look(&access_key_id, cloud.clock.now()) {
        Seen::AsItIs => world.keys.get(&access_key_id).cloned(),
        Seen::AsItWas(key) => key,
    };
    if let Some(key) = key.filter(|key| key.active) {
        let caller = Caller::of_key(&key.holder, world).ok_or_else(Refusal::bad_token)?;
        return Ok(Known { access_key_id, secret: key.secret, token: None, expired: false, caller });
    }
    let session = cloud.sessions.find(&access_key_id).ok_or_else(Refusal::bad_token)?;
    Ok(Known {
        access_key_id,
        secret: session.secret.clone(),
        token: Some(session.token.clone()),
        expired: session.has_expired(cloud.clock.now()),
        caller: Caller::Session(session),
    })
}

/// Answers the signature crate's question for the key, once the date and scope have been found good.
fn signing_key(
    found: Result<&Known, &Refusal>,
    request: &GetSigningKeyRequest,
) -> Ready<Result<GetSigningKeyResponse, BoxError>> {
    let key = || {
        let bad_token = || SignatureError::InvalidClientTokenId(Refusal::bad_token().message);
        let known = found.map_err(|_| bad_token())?;
        if request.access_key() != known.access_key_id || request.session_token() != known.token.as_deref() {
            return Err(bad_token());
        }
        if known.expired {
            return Err(SignatureError::ExpiredToken(Refusal::expired_token().message));
        }
        let secret: KSecretKey = known.secret.parse().map_err(|_| bad_token())?;
        let key = secret.to_ksigning(request.request_date(), request.region(), request.service());
        let response = GetSigningKeyResponse::builder().signing_key(key).build();
        response.map_err(|error| SignatureError::InternalServiceError(Box::new(error)))
    };
    ready(key().map_err(BoxError::from))
}

/// The request as the client signed it. HTTP/1.1 always has a `Host`; an empty one stands for none.
fn as_signed(parts: &Parts, body: &Bytes) -> Request<Bytes> {
    let mut request = Request::new(body.clone());
    request.method_mut().clone_from(&parts.method);
    request.uri_mut().clone_from(&parts.uri);
    request.headers_mut().clone_from(&parts.headers);
    request.headers_mut().entry(header::HOST).or_insert(HeaderValue::from_static(""));
    request
}

fn refusal(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Refusal {
    let Some(error) = error.downcast_ref::<SignatureError>() else {
        return Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", error.to_string());
    };
    let (status, code) = match error {
        SignatureError::ExpiredToken(_) => return Refusal::expired_token(),
        SignatureError::InvalidClientTokenId(_) => return Refusal::bad_token(),
        SignatureError::IncompleteSignature(_) => (StatusCode::BAD_REQUEST, "IncompleteSignature"),
        SignatureError::MissingAuthenticationToken(_) => (StatusCode::FORBIDDEN, "MissingAuthenticationToken"),
        SignatureError::SignatureDoesNotMatch(_) => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        SignatureError::IO(_) | SignatureError::InternalServiceError(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure")
        }
        _ => (StatusCode::BAD_REQUEST, "MalformedQueryString"),
    };
    Refusal::new(status, code, error.to_string())
}
