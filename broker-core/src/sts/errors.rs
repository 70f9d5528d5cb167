//! AWS's refusals and failures, cut by what the caller does next. Of a peer's answer only code, message and request id go on.

use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Outage, ProxyFailure, Skew};
use crate::character::is_hidden;

/// What AWS said, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRefusal {
    pub code: String,
    pub message: String,
    pub request_id: Option<String>,
}

impl AwsRefusal {
    /// A peer's words, made fit.
    pub(crate) fn told(code: &str, message: &str, request_id: Option<&str>) -> Self {
        Self { code: shown(code), message: shown(message), request_id: request_id.map(shown) }
    }

    /// Whether the temporary credentials that signed are over.
    pub(super) fn is_about_expiry(&self) -> bool {
        matches!(self.code.as_str(), "ExpiredToken" | "ExpiredTokenException")
    }

    /// Whether AWS knows no active key of this id: there is none, or it was made a moment ago.
    pub(crate) fn is_of_an_unknown_key(&self) -> bool {
        self.code == "InvalidClientTokenId"
    }

    /// Whether an MFA device's code is what it takes exception to, and not the device. Only its words tell.
    fn is_about_a_code(&self) -> bool {
        self.code == "AccessDenied"
            && self.message.starts_with("MultiFactorAuthentication failed")
            && self.message.contains("invalid MFA one time pass code")
    }

    /// Whether it is the date of a signature that AWS refused, and neither the key nor its secret. By the same code it refuses a wrong
    /// secret; only its words tell.
    pub(super) fn is_about_time(&self) -> bool {
        match self.code.as_str() {
            "RequestTimeTooSkewed" | "RequestExpired" | "IncompleteSignature" => true,
            "SignatureDoesNotMatch" | "InvalidSignatureException" => {
                ["Signature expired", "Signature not yet current"].iter().any(|start| self.message.starts_with(start))
            }
            _ => false,
        }
    }
}

/// Why there are no credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StsError {
    /// The access key itself is bad; asking again with it is useless.
    #[error("AWS refused the access key: {}", .0.code)]
    KeyRefused(AwsRefusal),
    /// The session policies are what AWS will not take.
    #[error("AWS refused the session policy: {}", .0.code)]
    PolicyRefused(AwsRefusal),
    /// The code of the MFA device is not the one of this moment, or was used before.
    #[error("AWS refused the code of the MFA device: {}", .0.code)]
    MfaCodeRefused(AwsRefusal),
    #[error("AWS refused: {}", .0.code)]
    Refused(AwsRefusal),
    /// AWS refuses what this machine signs, because of the time that its clock says.
    #[error("AWS takes no signature of this machine{}: set its clock, and have it kept right", .1.map(|skew| format!(", whose clock is {skew}")).unwrap_or_default())]
    Skewed(AwsRefusal, Option<Skew>),
    /// Throttled, broken or silent until the deadline came.
    #[error("{}", .0.of("AWS"))]
    Unavailable(Outage),
    /// An answer that is not one: cut off, not XML, expired already.
    #[error("AWS's answer cannot be used: {0}")]
    Unusable(&'static str),
}

impl StsError {
    /// Reads the SDK's error. Never its text or source: they quote the raw answer, which may hold a secret.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata,
        SdkError<E, HttpResponse>: RequestId + ProvideErrorMetadata,
    {
        match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status();
                let passing = status.is_server_error() || status.as_u16() == TOO_MANY_REQUESTS;
                let told = match error.code() {
                    Some(code) => {
                        let message = error.message().unwrap_or_default();
                        Some(AwsRefusal::told(code, message, error.request_id()))
                    }
                    None => service.raw().body().bytes().and_then(told),
                };
                match told {
                    Some(refusal) => Self::of_code(refusal, passing),
                    None if passing => Self::silent("an error of its own without a code"),
                    None => Self::Unusable("an error without a code"),
                }
            }
            SdkError::ResponseError(_) => Self::Unusable("it is cut off or not XML"),
            SdkError::ConstructionFailure(_) => Self::Unusable("the request could not be made"),
            // Timeouts and broken connections; and kinds that the SDK may add. Which it was is for the operator.
            SdkError::TimeoutError(_) => Self::silent("no answer to an attempt in time"),
            SdkError::DispatchFailure(failure)
                if let Some(failure) = failure.as_connector_error().and_then(|it| ProxyFailure::among(it)) =>
            {
                Self::stopped(failure)
            }
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::silent("no connection in time"),
            SdkError::DispatchFailure(failure) if failure.is_io() => {
                Self::silent("no connection: name, address, or refused")
            }
            SdkError::DispatchFailure(_) => Self::silent("no connection: TLS (see aws.ca_file), or something else"),
            _ => Self::silent("something that this release does not know"),
        }
    }

    /// No word from AWS. Callers hear that much; the log says what kept it.
    pub(super) fn silent(what: &'static str) -> Self {
        tracing::warn!(aws.failure = what, "STS does not answer");
        Self::Unavailable(Outage::Silent)
    }

    /// The proxy did not let the call through. Only administrators hear which one.
    pub(super) fn stopped(failure: &ProxyFailure) -> Self {
        tracing::warn!(aws.failure = %failure, "STS does not answer");
        Self::Unavailable(Outage::Proxy(failure.clone()))
    }

    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>; `passing` where the status says already that it is AWS's
    /// own trouble, or haste.
    fn of_code(refusal: AwsRefusal, passing: bool) -> Self {
        match refusal.code.as_str() {
            "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException" => {
                Self::KeyRefused(refusal)
            }
            "MalformedPolicyDocument" | "PackedPolicyTooLarge" => Self::PolicyRefused(refusal),
            "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "InternalFailure"
            | "ServiceUnavailable" => Self::Unavailable(Outage::Told(refusal)),
            _ if passing => Self::Unavailable(Outage::Told(refusal)),
            _ if refusal.is_about_a_code() => Self::MfaCodeRefused(refusal),
            _ => Self::Refused(refusal),
        }
    }

    /// What AWS said, where it said something.
    pub fn refusal(&self) -> Option<&AwsRefusal> {
        match self {
            Self::KeyRefused(refusal)
            | Self::PolicyRefused(refusal)
            | Self::MfaCodeRefused(refusal)
            | Self::Refused(refusal)
            | Self::Skewed(refusal, _) => Some(refusal),
            Self::Unavailable(outage) => outage.refusal(),
            Self::Unusable(_) => None,
        }
    }
}

/// The error in an answer's body. Some stand-ins for AWS, moto among them, put one element more around it than the SDK looks into.
pub(super) fn told(body: &[u8]) -> Option<AwsRefusal> {
    let text = std::str::from_utf8(body).ok()?;
    let within = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(value, _)| value)
    };
    let code = within("Code")?;
    let is_code = !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then(|| AwsRefusal {
        code: code.to_owned(),
        message: shown(within("Message").unwrap_or_default()),
        request_id: within("RequestId").or_else(|| within("RequestID")).map(shown),
    })
}

/// A peer's text, short and without characters that nobody sees.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|char| !is_hidden(*char)).take(MAX_SHOWN).collect()
}

const MAX_SHOWN: usize = 512;
pub(super) const TOO_MANY_REQUESTS: u16 = 429;

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: &str, passing: bool) -> StsError {
        let refusal = AwsRefusal { code: code.to_owned(), message: String::new(), request_id: None };
        StsError::of_code(refusal, passing)
    }

    #[test]
    fn codes_are_cut_by_what_to_do() {
        assert!(matches!(code("SignatureDoesNotMatch", false), StsError::KeyRefused(_)));
        assert!(matches!(code("PackedPolicyTooLarge", false), StsError::PolicyRefused(_)));
        for throttled in ["Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"] {
            assert!(
                matches!(code(throttled, false), StsError::Unavailable(_)),
                "AWS throttles with HTTP 400: {throttled}"
            );
        }
        assert!(matches!(code("AccessDenied", false), StsError::Refused(_)));
        assert!(matches!(code("NeverHeardOf", true), StsError::Unavailable(_)));
        assert!(matches!(code("RegionDisabledException", false), StsError::Refused(_)));
    }

    #[test]
    fn a_refused_code_of_a_device_is_told_apart_from_a_device_that_is_not_the_callers() {
        let said = |message: &str| StsError::of_code(AwsRefusal::told("AccessDenied", message, None), false);
        let wrong = said("MultiFactorAuthentication failed with invalid MFA one time pass code. ");
        assert!(matches!(wrong, StsError::MfaCodeRefused(_)), "{wrong:?}");
        for other in [
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
            "User: arn:aws:iam::123456789012:user/invalid MFA one time pass code is not authorized to perform: sts:AssumeRole",
        ] {
            assert!(matches!(said(other), StsError::Refused(_)), "{other}");
        }
    }

    #[test]
    fn a_refused_date_is_no_refused_key() {
        let about_time = |code: &str, message: &str| AwsRefusal::told(code, message, None).is_about_time();
        let expired =
            "Signature expired: 20260102T030405Z is now earlier than 20260102T030905Z (20260102T031405Z - 5 min.)";
        assert!(about_time("SignatureDoesNotMatch", expired));
        assert!(about_time(
            "SignatureDoesNotMatch",
            "Signature not yet current: 20260102T030405Z is still later than …"
        ));
        for code in ["RequestTimeTooSkewed", "RequestExpired", "IncompleteSignature"] {
            assert!(about_time(code, ""), "{code}");
        }
        assert!(!about_time(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
        ));
        assert!(!about_time("AccessDenied", expired));
    }

    #[test]
    fn an_error_is_found_one_element_deeper_as_well() {
        let error = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
        let body = format!("<ErrorResponse><Errors>{error}</Errors><RequestId>1</RequestId></ErrorResponse>");
        let refusal = told(body.as_bytes()).unwrap();
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("AccessDenied", "no"));
        assert_eq!(refusal.request_id.as_deref(), Some("1"));
        for other in ["", "<html><Code>", "<Code></Code>", "<Code><b>x</b></Code>", "<Message>no</Message>"] {
            assert_eq!(told(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_peers_text_is_short_and_plain() {
        assert_eq!(shown("a\u{1b}[2Jb\r\n"), "a[2Jb");
        assert_eq!(shown(&"x".repeat(10_000)).len(), 512);
    }
}
