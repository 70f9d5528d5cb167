//! The packed size of policies and tags.
//!
//! AWS packs them in a way that it does not document. The sim has a rule of its own that anyone can compute: bytes of
//! the inline policy without whitespace, plus bytes of the managed policies' ARNs, plus, for each tag, bytes of key and
//! value and two more, inherited tags included; in percent of 2,560, rounded up. So a policy of the full 2,048
//! characters fits with half a kilobyte of tags, and no more.

use http::StatusCode;

use super::session_policy::SessionPolicies;
use super::tags::Tagging;
use crate::refusal::Refusal;

/// The percentage, or none if there is nothing to pack.
pub(crate) fn packed_size(policies: &SessionPolicies, tagging: &Tagging) -> Result<Option<usize>, Refusal> {
    let bytes = policies.size() + tagging.size();
    let percent = (bytes * 100).div_ceil(LIMIT);
    match percent {
        0 => Ok(None),
        1..=100 => Ok(Some(percent)),
        _ => {
            let what =
                if policies.is_empty() { "Packed size of session tags" } else { "Packed size of policies and tags" };
            let message = format!("{what} consumes {percent}% of allotted space, please use smaller policy.");
            Err(Refusal::new(StatusCode::BAD_REQUEST, "PackedPolicyTooLarge", message))
        }
    }
}

const LIMIT: usize = 2_560;
