//! KMS's refusals and failures, cut by what the operator does next.

use std::fmt;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::KmsKey;
use super::heard::Heard;
use crate::sts::{AwsRefusal, NoAmbient, ProxyFailure};

/// Why a master key could not be made or unwrapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    #[error("AWS KMS cannot be asked")]
    NoIdentity(#[from] NoAmbient),
    #[error(
        "the host's AWS identity may not {action} with {key}: allow it in its policy and in the key's (policies/iam/broker-kms.json), with this encryption context"
    )]
    Denied { action: &'static str, key: String },
    /// KMS gives a code with every refusal, some stand-ins do not, and what stands before it may refuse in its own name.
    #[error(
        "a bare 403 came about {asked}, without a code of AWS KMS. Either the host's AWS identity may not {action} with it: allow it in its policy and in the key's (policies/iam/broker-kms.json), with this encryption context; or something on the way answered: look at `aws.proxy` and endpoint_url"
    )]
    Forbidden { action: &'static str, asked: Asked },
    #[error("AWS KMS does not take the host's AWS identity ({0}): look at its credentials and at the machine's clock")]
    Identity(String),
    #[error(
        "AWS KMS refuses the wrapped master key: its file names another installation or master key than it was wrapped for, or it is damaged. Take the file back from its copy"
    )]
    WrongContext,
    #[error(
        "the master key was wrapped with another key than {0}: correct key_arn, or take the wrapped file that belongs to it"
    )]
    OtherKey(String),
    #[error("{0} is disabled, or waits for its deletion: enable it, or cancel the deletion, in AWS KMS")]
    Disabled(String),
    #[error("AWS KMS knows no key {0}: correct key_arn")]
    NoSuchKey(String),
    #[error("AWS KMS does not wrap with {0}: it takes a symmetric key for encryption")]
    NotAWrappingKey(String),
    #[error(
        "AWS KMS refused (look at key_arn, at the key in AWS KMS, and at the identity's policy and the key's): {}: {}", .0.code, .0.message
    )]
    Refused(AwsRefusal),
    #[error("AWS KMS is not reached: {0}")]
    Proxy(ProxyFailure),
    /// Throttled, broken or silent until the deadline came.
    #[error(
        "AWS KMS gave no usable answer about {asked}: {why}. Look at the network, `aws.proxy` and endpoint_url, or wait until AWS is well again, and try again"
    )]
    Unavailable { asked: Asked, why: String },
    #[error("what answers about {asked} is perhaps not AWS KMS: {what}. Look at endpoint_url and `aws.proxy`")]
    Unusable { asked: Asked, what: String },
}

/// Which key was asked about, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    key: String,
    place: String,
}

impl From<&KmsKey> for Asked {
    fn from(key: &KmsKey) -> Self {
        let place = match &key.endpoint_url {
            Some(url) => format!("at {}", url.origin().ascii_serialization()),
            None => format!("in {}", key.arn.region()),
        };
        Self { key: key.arn.as_str().to_owned(), place }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (asked {})", self.key, self.place)
    }
}

impl KmsError {
    /// Reads the SDK's error. Never its text or source: they quote the raw answer.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, key: &KmsKey, action: &'static str, heard: &Heard) -> Self
    where
        SdkError<E, HttpResponse>: ProvideErrorMetadata,
    {
        let unusable = |what: String| Self::Unusable { asked: key.into(), what };
        match error {
            SdkError::ServiceError(service) => match error.code() {
                Some(code) => Self::of_code(code, error.message().unwrap_or_default(), key, action),
                None if service.raw().status().is_server_error() => heard.trouble(key.into()),
                None if service.raw().status().as_u16() == 403 => Self::Forbidden { action, asked: key.into() },
                None if service.raw().status().is_success() => unusable(NOT_JSON.to_owned()),
                None => unusable(format!("it answered {}, and no error of KMS", service.raw().status().as_u16())),
            },
            SdkError::ResponseError(_) => unusable(NOT_JSON.to_owned()),
            SdkError::ConstructionFailure(_) => unusable("the request could not be made".to_owned()),
            SdkError::DispatchFailure(failure) => {
                let proxy = failure.as_connector_error().and_then(|it| ProxyFailure::among(it));
                proxy.map_or_else(|| heard.trouble(key.into()), |failure| Self::Proxy(failure.clone()))
            }
            _ => heard.trouble(key.into()),
        }
    }

    /// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors>
    fn of_code(code: &str, message: &str, key: &KmsKey, action: &'static str) -> Self {
        let name = || key.arn.as_str().to_owned();
        match code {
            "AccessDeniedException" | "AccessDenied" => Self::Denied { action, key: name() },
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "ExpiredTokenException"
            | "IncompleteSignature" => Self::Identity(code.to_owned()),
            "InvalidCiphertextException" => Self::WrongContext,
            "IncorrectKeyException" => Self::OtherKey(name()),
            "DisabledException" | "KMSInvalidStateException" => Self::Disabled(name()),
            "NotFoundException" => Self::NoSuchKey(name()),
            "InvalidKeyUsageException" => Self::NotAWrappingKey(name()),
            "DependencyTimeoutException"
            | "KeyUnavailableException"
            | "KMSInternalException"
            | "ThrottlingException"
            | "Throttling"
            | "LimitExceededException"
            | "InternalFailure"
            | "ServiceUnavailable" => Self::Unavailable { asked: key.into(), why: format!("it says {code}") },
            code => Self::Refused(AwsRefusal::told(code, message, None)),
        }
    }
}

const NOT_JSON: &str = "its answer is cut off, endless, or not JSON";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_cut_by_what_to_do() {
        let arn = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab".to_owned();
        let key = KmsKey { arn: arn.try_into().unwrap(), endpoint_url: None };
        let told = |code: &str| KmsError::of_code(code, "m\u{1b}", &key, "kms:Decrypt").to_string();
        for (code, advice) in [
            ("AccessDeniedException", "may not kms:Decrypt"),
            ("ExpiredTokenException", "the machine's clock"),
            ("InvalidCiphertextException", "another installation"),
            ("IncorrectKeyException", "correct key_arn"),
            ("DisabledException", "enable it"),
            ("KMSInvalidStateException", "cancel the deletion"),
            ("NotFoundException", "correct key_arn"),
            ("InvalidKeyUsageException", "symmetric"),
            ("ThrottlingException", "(asked in eu-central-1): it says ThrottlingException. Look at"),
            ("SomethingNew", "SomethingNew: m"),
        ] {
            assert!(told(code).contains(advice), "{code}: {}", told(code));
        }
        assert!(!told("SomethingNew").contains('\u{1b}'));
    }
}
