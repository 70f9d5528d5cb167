//! Why IAM did not do it, cut by what the caller does next.

use crate::signed::{Failure, NoAnswer};
use crate::sts::{AwsRefusal, Outage};

/// Why IAM did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IamError {
    /// The access key itself is bad.
    #[error("AWS refused the access key: {}: {}", .0.code, .0.message)]
    KeyRefused(AwsRefusal),
    /// The rights that this takes belong to a stored key, not to whatever the host runs as.
    #[error(
        "the host's own identity signs no calls to IAM: name a stored access key of the role's account, or do it in AWS"
    )]
    Ambient,
    /// The key's owner lacks the right.
    #[error("AWS does not permit it: {}: {}", .0.code, .0.message)]
    NotPermitted(AwsRefusal),
    #[error("AWS knows no such role: {}: {}", .0.code, .0.message)]
    NoSuchRole(AwsRefusal),
    /// A role that AWS manages itself.
    #[error("AWS lets nobody change this role: {}: {}", .0.code, .0.message)]
    Protected(AwsRefusal),
    #[error("AWS refused: {}: {}", .0.code, .0.message)]
    Refused(AwsRefusal),
    /// Throttled, broken or silent until the deadline came. Whether anything was changed is not known.
    #[error("{}", .0.of("AWS"))]
    Unavailable(Outage),
    #[error("what answers is not AWS's IAM: {0}; see `aws.iam_endpoint_url` and `aws.proxy`")]
    Unusable(&'static str),
}

impl IamError {
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
    pub(super) fn of_code(refusal: AwsRefusal, passing: bool) -> Self {
        match refusal.code.as_str() {
            "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException" => {
                Self::KeyRefused(refusal)
            }
            "AccessDenied" | "AccessDeniedException" => Self::NotPermitted(refusal),
            "NoSuchEntity" => Self::NoSuchRole(refusal),
            "UnmodifiableEntity" => Self::Protected(refusal),
            "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "InternalFailure"
            | "ServiceFailure"
            | "ServiceUnavailable" => Self::Unavailable(Outage::Told(refusal)),
            _ if passing => Self::Unavailable(Outage::Told(refusal)),
            _ => Self::Refused(refusal),
        }
    }
}

impl From<NoAnswer> for IamError {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Outage(outage) => Self::Unavailable(outage),
            NoAnswer::TooLarge => Self::Unusable("its answer is too large"),
            NoAnswer::Unsigned => Self::Unusable("the request could not be signed"),
        }
    }
}

impl Failure for IamError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_cut_by_what_to_do() {
        let of = |code: &str, passing| IamError::of_code(AwsRefusal::told(code, "", None), passing);
        assert!(matches!(of("AccessDenied", false), IamError::NotPermitted(_)));
        assert!(matches!(of("UnmodifiableEntity", false), IamError::Protected(_)));
        assert!(matches!(of("Throttling", false), IamError::Unavailable(_)));
        assert!(matches!(of("NeverHeardOf", true), IamError::Unavailable(_)));
        assert!(matches!(of("LimitExceeded", false), IamError::Refused(_)));
    }
}
