//! Keys that AWS refused as such: tried again once a minute at most, so that a dead key costs neither time nor quota.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::id::AccessKeyId;
use crate::sts::{AwsRefusal, OpenKey, StsError};

/// Which keys are refused at present, by this node's own experience.
#[derive(Debug, Default)]
pub(super) struct Pace {
    refused: Mutex<HashMap<(AccessKeyId, i64), (Instant, AwsRefusal)>>,
}

/// What a call's outcome changed about its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    WentBad(AwsRefusal),
    Recovered,
}

impl Pace {
    /// Lets a call pass, or answers at once what AWS said less than a minute ago.
    pub(super) fn admit(&self, key: &OpenKey, now: Instant) -> Result<(), StsError> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((last, refusal)) = refused.get_mut(&(key.id, key.generation)) else { return Ok(()) };
        if now.saturating_duration_since(*last) < BETWEEN_TRIES {
            return Err(StsError::KeyRefused(refusal.clone()));
        }
        // This caller is the minute's one try.
        *last = now;
        Ok(())
    }

    /// Learns from an outcome. Only the first to see a change hears of it.
    pub(super) fn learn<T>(&self, key: &OpenKey, outcome: &Result<T, StsError>, now: Instant) -> Turn {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (key.id, key.generation);
        match outcome {
            Err(StsError::KeyRefused(refusal)) => match refused.insert(place, (now, refusal.clone())) {
                Some(_) => Turn::None,
                None => Turn::WentBad(refusal.clone()),
            },
            Ok(_) if refused.remove(&place).is_some() => Turn::Recovered,
            Ok(_) | Err(_) => Turn::None,
        }
    }
}

const BETWEEN_TRIES: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    fn key(generation: i64) -> OpenKey {
        let details = json!({ "aws_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "eu-central-1" });
        let id = "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d".parse().unwrap();
        OpenKey::new(id, generation, &serde_json::from_value(details).unwrap(), SecretString::from("s"))
    }

    fn refused() -> Result<(), StsError> {
        let code = "InvalidClientTokenId".to_owned();
        Err(StsError::KeyRefused(AwsRefusal { code, message: String::new(), request_id: None }))
    }

    #[test]
    fn a_refused_key_is_tried_once_a_minute_until_it_works_or_changes() {
        let (pace, begin) = (Pace::default(), Instant::now());
        assert!(matches!(pace.learn(&key(1), &refused(), begin), Turn::WentBad(_)));
        assert!(matches!(pace.admit(&key(1), begin + Duration::from_secs(59)), Err(StsError::KeyRefused(_))));
        assert!(pace.admit(&key(2), begin).is_ok(), "a changed key is another one");
        let later = begin + Duration::from_secs(61);
        assert!(pace.admit(&key(1), later).is_ok());
        assert!(pace.admit(&key(1), later).is_err(), "one try a minute, not one each");
        assert_eq!(pace.learn(&key(1), &Ok(()), later), Turn::Recovered);
        assert!(pace.admit(&key(1), later).is_ok());
    }
}
