//! Something that somebody has enrolled, as a list and a question tell it.

use broker_core::second_factor::SecondFactor;
use broker_core::vault::SealBroken;

/// `phone (totp)`, `laptop (passkey of broker.corp.example)`; and that it is out of service, where it does not open, which its
/// [`site`](SecondFactor::site) says as well.
pub(super) fn told(factor: &SecondFactor, site: &Result<Option<String>, SealBroken>) -> String {
    let (label, kind) = (factor.label.as_str(), factor.kind.as_str());
    match site {
        Ok(None) => format!("{label} ({kind})"),
        Ok(Some(site)) => format!("{label} ({kind} of {site})"),
        Err(_) => format!("{label} ({kind}) OUT OF SERVICE"),
    }
}
