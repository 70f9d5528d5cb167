//! `getSigninToken`, which has no service model: sent by the SDK's own machinery, so that it is retried as STS is, by the same connections.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sts::config::BehaviorVersion;
use aws_sdk_sts::error::{BoxError, SdkError};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::TransientErrorClassifier;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput};
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer, Storable, StoreReplace};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Position, Url};

use super::{ACTION, ConsoleError, said};
use crate::sts::{Credentials, Hindrance, OpenKey, Outage, Pool, StsSettings, quota_of};

/// From a form to a sign-in token.
pub(super) type GetSigninToken = Operation<Form, SecretString, NoToken>;

/// What is sent, and who hears what stood in the way of it.
#[derive(Debug)]
pub(super) struct Form {
    text: SecretString,
    pub(super) stopped: Stopped,
}

/// What kept the last attempt from the endpoint. Clones hear of the same.
#[derive(Clone, Debug)]
pub(super) struct Stopped {
    host: Option<String>,
    last: Arc<Mutex<Option<Hindrance>>>,
}

impl Form {
    /// To be sent to this endpoint.
    pub(super) fn new(text: SecretString, endpoint: &Url) -> Self {
        let host = endpoint.host_str().map(str::to_owned);
        Self { text, stopped: Stopped { host, last: Arc::default() } }
    }
}

impl Stopped {
    /// The deadline came between two attempts, or within one.
    pub(super) fn cut_short(&self) -> ConsoleError {
        self.outage("the deadline came, retries included")
    }

    /// No word from the endpoint. Callers hear that much; the log says what kept it.
    fn outage(&self, what: &str) -> ConsoleError {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (proxy, cause) = last.map(|Hindrance { proxy, cause }| (proxy, cause)).unzip();
        // Which proxy it was is logged with the request.
        ConsoleError::Unavailable(proxy.flatten().map_or_else(
            || {
                tracing::warn!(
                    aws.host = self.host,
                    aws.failure = what,
                    aws.cause = cause,
                    "AWS's federation endpoint does not answer"
                );
                Outage::Silent
            },
            Outage::Proxy,
        ))
    }
}

impl Storable for Stopped {
    type Storer = StoreReplace<Self>;
}

/// Hears what the SDK keeps to itself while it tries again.
#[derive(Debug)]
struct HearsTrouble;

impl Intercept for HearsTrouble {
    fn name(&self) -> &'static str {
        "HearsTrouble"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(form) = context.input().downcast_ref::<Form>() {
            config.interceptor_state().store_put(form.stopped.clone());
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(stopped) = config.load::<Stopped>() {
            *stopped.last.lock().unwrap_or_else(PoisonError::into_inner) = Hindrance::of(context);
        }
        Ok(())
    }
}

/// What an answer without a token means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no sign-in token")]
pub(super) enum NoToken {
    Refused,
    Unavailable,
    Unusable,
}

/// The call as one access key makes it, with a quota of retries of its own.
pub(super) fn of(pool: &Pool, settings: &StsSettings, endpoint: &Url, key: &OpenKey) -> GetSigninToken {
    let path = endpoint[Position::BeforePath..Position::AfterQuery].to_owned();
    let mut layer = Layer::new("getSigninToken");
    layer.store_put(quota_of(key, "federation")).store_put(SensitiveOutput);
    Operation::builder()
        .service_name("federation")
        .operation_name(ACTION)
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(pool.client())
        .endpoint_url(&endpoint.origin().ascii_serialization())
        .no_auth()
        .standard_retry(&settings.retry_config())
        .retry_classifier(TransientErrorClassifier::<NoToken>::new())
        .retry_classifier(PassingTrouble)
        .timeout_config(settings.timeout_config())
        .with_connection_poisoning()
        .interceptor(HearsTrouble)
        .runtime_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()))
        .serializer(move |form: Form| request(&path, &form.text))
        .deserializer(|answer: &HttpResponse| read(answer).map_err(OrchestratorError::operation))
        .build()
}

/// Why there is no token, once nothing is tried any more. Never the SDK's text or source: they quote what was sent and answered.
pub(super) fn failure(error: SdkError<NoToken, HttpResponse>, sent: &Credentials, stopped: &Stopped) -> ConsoleError {
    let told = match error {
        SdkError::ServiceError(told) => told,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => return stopped.outage("no connection in time"),
        SdkError::DispatchFailure(_) => return stopped.outage("no connection, or one that broke"),
        SdkError::TimeoutError(_) => return stopped.outage("no answer to an attempt in time"),
        SdkError::ResponseError(_) => return stopped.outage("an answer that was cut off"),
        // The request could not be made; and kinds that the SDK may add.
        _ => return stopped.outage("something that this release does not know"),
    };
    match told.err() {
        NoToken::Refused => {
            let status = told.raw().status().as_u16();
            ConsoleError::Refused { status, said: said::heard(told.raw(), sent) }
        }
        NoToken::Unavailable => {
            let status = told.raw().status().as_u16();
            stopped.outage(&format!("it asks for patience, or is out of order: HTTP {status}"))
        }
        NoToken::Unusable => ConsoleError::Unusable,
    }
}

/// By POST, so that the credentials stand in no log of URLs.
fn request(path: &str, form: &SecretString) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(form.expose_secret()));
    request.set_method("POST")?;
    request.set_uri(path)?;
    request.headers_mut().try_insert("content-type", "application/x-www-form-urlencoded")?;
    Ok(request)
}

fn read(answer: &HttpResponse) -> Result<SecretString, NoToken> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        signin_token: SecretString,
    }
    let (status, body) = (answer.status(), answer.body().bytes().unwrap_or_default());
    if status.is_server_error() || is_throttled(status.as_u16(), body) {
        return Err(NoToken::Unavailable);
    }
    if !status.is_success() {
        return Err(NoToken::Refused);
    }
    let Answer { signin_token } = serde_json::from_slice(body).map_err(|_| NoToken::Unusable)?;
    if signin_token.expose_secret().is_empty() { Err(NoToken::Unusable) } else { Ok(signin_token) }
}

/// A refusal here is a page for people, without a code: AWS's sentence tells that it is for haste.
fn is_throttled(status: u16, body: &[u8]) -> bool {
    let says = |sentence: &[u8]| body.windows(sentence.len()).any(|part| part == sentence);
    status == 429 || status == 400 && says(b"Rate exceeded")
}

/// An answer that may be another one in a moment.
#[derive(Debug)]
struct PassingTrouble;

impl ClassifyRetry for PassingTrouble {
    fn name(&self) -> &'static str {
        "PassingTrouble"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        match error.and_then(|error| error.as_operation_error()?.downcast_ref()) {
            Some(NoToken::Unavailable | NoToken::Unusable) => RetryAction::transient_error(),
            Some(NoToken::Refused) | None => RetryAction::NoActionIndicated,
        }
    }
}
