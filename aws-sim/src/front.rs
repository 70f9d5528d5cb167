//! The front desk: reads a request, lets the right service answer it, and keeps the journal.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};

use crate::calls::{Call, Outcome};
use crate::cloud::{Cloud, SharedCloud};
use crate::faults::Fault;
use crate::params::Params;
use crate::refusal::Refusal;
use crate::registries::{self, codeartifact, ecr};
use crate::signature::{self, Claim};
use crate::spoil::spoil;
use crate::{chance, iam, s3, sts};

/// One request on its way through the sim.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) params: Params,
    pub(crate) claim: Claim,
    pub(crate) request_id: String,
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn xml(document: String) -> Self {
        Self { content_type: "text/xml", body: document.into() }
    }
}

/// The services behind the one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Sts,
    Iam,
    S3,
    Ecr,
    CodeArtifact,
}

/// Answers everything but the federation endpoint.
pub(crate) async fn answer(State(cloud): State<SharedCloud>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request_id = chance::request_id();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return refused(&too_large(), Service::S3, &request_id, &cloud),
    };
    let params = match Params::read(&parts.method, parts.uri.query(), &parts.headers, &body) {
        Ok(params) => params,
        Err(refusal) => return refused(&refusal, Service::Sts, &request_id, &cloud),
    };
    let claim = if params.get("Action").is_none() { Claim::read_with_query(&parts) } else { Claim::read(&parts) };
    let errand = Errand { parts, body, params, claim, request_id };
    let service = errand.service();
    let action = errand.action(service);
    let fault = cloud.faults.take(&action, errand.claim.access_key_id.as_deref());
    wait(&cloud, fault.as_ref()).await;
    let outcome = match fault.as_ref().and_then(before) {
        Some(refusal) => Err(refusal),
        None => carry_out(&cloud, service, &action, &errand).await,
    };
    let mut parameters = errand.params.without_secrets();
    if service == Service::S3 {
        parameters.insert("path".to_owned(), errand.parts.uri.path().to_owned());
    }
    cloud.journal.write(Call {
        action,
        access_key_id: errand.claim.access_key_id.clone(),
        method: errand.parts.method.to_string(),
        in_url: Params::names(errand.parts.uri.query()),
        parameters,
        outcome: outcome.as_ref().map_or_else(|refusal| Outcome::Error(refusal.code.to_owned()), |_| Outcome::Ok),
        fault: fault.clone(),
        at: cloud.clock.now(),
        request_id: errand.request_id.clone(),
    });
    let response = match outcome {
        Ok(answer) if service == Service::S3 => {
            // What was removed has no content.
            let removed = errand.parts.method == Method::DELETE;
            let status = if removed { StatusCode::NO_CONTENT } else { StatusCode::OK };
            s3::described(respond(status, answer, &errand.request_id, &cloud))
        }
        Ok(answer) => respond(StatusCode::OK, answer, &errand.request_id, &cloud),
        Err(refusal) => refused(&refusal, service, &errand.request_id, &cloud),
    };
    spoil(response, fault.as_ref()).await
}

async fn carry_out(cloud: &Cloud, service: Service, action: &str, errand: &Errand) -> Result<Answer, Refusal> {
    let world = cloud.world.now();
    let caller = signature::prove(cloud, &world, &errand.claim, service.scope(), &errand.parts, &errand.body).await?;
    match service {
        Service::Sts => sts::answer(cloud, &world, &caller, errand),
        Service::Iam => iam::answer(cloud, &world, &caller, errand),
        Service::S3 => s3::answer(cloud, &world, &caller, action, errand),
        Service::Ecr => ecr::answer(cloud, &world, &caller, action, errand),
        Service::CodeArtifact => codeartifact::answer(cloud, &world, &caller, errand),
    }
}

impl Errand {
    /// The query protocol names an action, and ECR's has a header for it; CodeArtifact's call is a path, and S3's are all others.
    fn service(&self) -> Service {
        if ecr::action(&self.parts).is_some() {
            return Service::Ecr;
        }
        if codeartifact::is_it(&self.parts) {
            return Service::CodeArtifact;
        }
        match (self.params.get("Action"), self.params.get("Version")) {
            (None, _) => Service::S3,
            (Some(_), Some(iam::VERSION)) => Service::Iam,
            (Some(_), _) => Service::Sts,
        }
    }

    fn action(&self, service: Service) -> String {
        match service {
            Service::Sts | Service::Iam => self.params.get("Action").unwrap_or_default().to_owned(),
            Service::S3 => s3::action(&self.parts).to_owned(),
            Service::Ecr => ecr::action(&self.parts).unwrap_or_default().to_owned(),
            Service::CodeArtifact => "codeartifact:GetAuthorizationToken".to_owned(),
        }
    }
}

impl Service {
    /// The service's name in credential scopes.
    fn scope(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::S3 => "s3",
            Self::Ecr => "ecr",
            Self::CodeArtifact => "codeartifact",
        }
    }
}

/// Latency for everyone, and more for a call that is to stall.
pub(crate) async fn wait(cloud: &Cloud, fault: Option<&Fault>) {
    let mut delay = cloud.faults.current_latency();
    if let Some(Fault::Stall(more)) = fault {
        delay += *more;
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// The faults that come before anything is done.
pub(crate) fn before(fault: &Fault) -> Option<Refusal> {
    match fault {
        Fault::Throttle => Some(Refusal::new(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded")),
        Fault::InternalFailure => Some(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
        )),
        Fault::ServiceUnavailable => Some(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        )),
        Fault::Refusal { status, code, message } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
            Some(Refusal::new(status, code, message.clone()))
        }
        Fault::Stall(_)
        | Fault::NotXml
        | Fault::Truncated
        | Fault::MissingField(_)
        | Fault::DroppedConnection
        | Fault::CutConnection
        | Fault::SlowBytes(_)
        | Fault::Huge(_)
        | Fault::Redirect(_) => None,
    }
}

/// Puts an answer into its envelope.
pub(crate) fn respond(status: StatusCode, answer: Answer, request_id: &str, cloud: &Cloud) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for name in REQUEST_ID_HEADERS {
        if let Ok(value) = HeaderValue::from_str(request_id) {
            headers.insert(name, value);
        }
    }
    // Clients correct their clocks by it.
    let date = cloud.clock.wire_now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        headers.insert(header::DATE, date);
    }
    response
}

fn refused(refusal: &Refusal, service: Service, request_id: &str, cloud: &Cloud) -> Response {
    let (status, answer) = match service {
        Service::Sts => (refusal.status, sts::refusal(refusal, request_id)),
        Service::Iam => (refusal.status, iam::refusal(refusal, request_id)),
        Service::S3 => s3::refusal(refusal, request_id),
        Service::Ecr => (refusal.status, registries::refusal(refusal, ecr::CONTENT_TYPE)),
        Service::CodeArtifact => (refusal.status, registries::refusal(refusal, codeartifact::CONTENT_TYPE)),
    };
    let mut response = respond(status, answer, request_id, cloud);
    if service == Service::CodeArtifact
        && let Ok(code) = HeaderValue::from_str(refusal.code)
    {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
}

const REQUEST_ID_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-amzn-requestid"), HeaderName::from_static("x-amz-request-id")];
const MAX_BODY: usize = 16 * 1_024 * 1_024;
