//! What AWS last said in one call, heard behind the SDK's retries, and by which access key it was asked; and how far this machine's
//! clock is from AWS's.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

use url::Url;

use super::errors::told;
use super::{AwsRefusal, Hindrance, Outage, ProxyFailure, StsError};

/// Hears every answer to one call. Clones hear the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Mutex<Heard>>);

#[derive(Clone, Debug, Default)]
struct Heard {
    refusal: Option<AwsRefusal>,
    skew: Option<Skew>,
    /// The access key ID of the last request's signature.
    signer: Option<String>,
    /// Where it went.
    url: String,
    proxy: Option<ProxyFailure>,
    /// Why it came to no connection.
    silence: Option<String>,
}

/// How far this machine's clock is from AWS's, by the `Date` of an answer: exact to the time that the answer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    ahead_seconds: i64,
}

impl Witness {
    /// Why a call failed, where the SDK's last word is not the whole of it.
    pub(super) fn explain(&self, error: StsError) -> StsError {
        match error.refusal() {
            Some(refusal) if refusal.is_about_time() => {
                // A little says nothing: the signature was refused, so that the clock has been set since it was dated.
                let skew = self.notable_skew();
                let ahead_seconds = skew.map(|skew| skew.ahead_seconds);
                tracing::warn!(
                    aws.code = refusal.code,
                    ahead_seconds,
                    "AWS takes no signature of this machine, because of its clock"
                );
                StsError::Skewed(refusal.clone(), skew)
            }
            Some(_) | None => error,
        }
    }

    /// The deadline came between two attempts, or within one.
    pub(super) fn cut_short(&self) -> StsError {
        match self.heard() {
            Heard { proxy: Some(failure), .. } => StsError::stopped(&failure),
            Heard { refusal: Some(refusal), .. } => StsError::Unavailable(Outage::Told(refusal)),
            Heard { .. } => StsError::silent("the deadline came, retries included"),
        }
    }

    /// Tells the operator whom the last attempt did not reach, and why.
    pub(super) fn tell_of_silence(&self) {
        let Heard { url, silence, .. } = self.heard();
        if let Some(cause) = silence {
            let url = Url::parse(&url).ok();
            let host = url.as_ref().and_then(Url::host_str);
            tracing::warn!(aws.host = host, aws.cause = cause, "AWS cannot be reached");
        }
    }

    /// How far the clocks differ, where that is more than a slow answer and a second's rounding.
    pub(super) fn notable_skew(&self) -> Option<Skew> {
        self.heard().skew.filter(|skew| skew.ahead_seconds.unsigned_abs() >= NOTABLE_SECONDS)
    }

    /// The access key ID that the last request was signed by.
    pub(super) fn signer(&self) -> Option<String> {
        self.heard().signer
    }

    fn heard(&self) -> Heard {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Witness {
    fn name(&self) -> &'static str {
        "Witness"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let signer = context.request().headers().get("authorization").and_then(signer).map(str::to_owned);
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.signer = signer;
        context.request().uri().clone_into(&mut heard.url);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let refused = !response.status().is_success();
        let refusal = response.body().bytes().filter(|_| refused).and_then(told);
        let date = response.headers().get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        // The clock that signatures are dated by.
        let ours = components.time_source().map(|source| DateTime::from(source.now()));
        let skew = ours.zip(date).map(|(ours, date)| Skew { ahead_seconds: ours.secs().saturating_sub(date.secs()) });
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (heard.refusal, heard.skew, heard.proxy, heard.silence) = (refusal, skew, None, None);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Hindrance { proxy, cause }) = Hindrance::of(context) {
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            heard.proxy = proxy.or(heard.proxy.take());
            heard.silence = Some(cause);
        }
        Ok(())
    }
}

/// Who signed, by the header of Signature Version 4: `AWS4-HMAC-SHA256 Credential=ASIA…/20260102/…`.
fn signer(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split_once('/').map(|(id, _)| id)
}

impl Skew {
    pub(super) fn ahead_seconds(self) -> i64 {
        self.ahead_seconds
    }
}

/// `16 minutes behind AWS's`, to be read after "the clock is".
impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ahead_seconds.unsigned_abs();
        match seconds {
            0..120 => write!(f, "{seconds} seconds")?,
            120..7_200 => write!(f, "{} minutes", (seconds + 30) / 60)?,
            7_200..172_800 => write!(f, "{} hours", (seconds + 1_800) / 3_600)?,
            172_800.. => write!(f, "{} days", (seconds + 43_200) / 86_400)?,
        }
        f.write_str(if self.ahead_seconds < 0 { " behind AWS's" } else { " ahead of AWS's" })
    }
}

const NOTABLE_SECONDS: u64 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_says_whose_it_is() {
        let header = "AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20260102/eu-central-1/sts/aws4_request, SignedHeaders=host, \
                      Signature=0f0f";
        assert_eq!(signer(header), Some("ASIAIOSFODNN7EXAMPLE"));
        assert_eq!(signer("Bearer ASIAIOSFODNN7EXAMPLE/20260102"), None);
        assert_eq!(signer(""), None);
    }

    #[test]
    fn a_skew_says_how_far_and_which_way() {
        let said = |ahead_seconds| Skew { ahead_seconds }.to_string();
        assert_eq!(said(-90), "90 seconds behind AWS's");
        assert_eq!(said(961), "16 minutes ahead of AWS's");
        assert_eq!(said(-7_200), "2 hours behind AWS's");
        assert_eq!(said(86_400 * 400), "400 days ahead of AWS's");
        assert_eq!(said(i64::MIN), "106751991167301 days behind AWS's");
    }
}
