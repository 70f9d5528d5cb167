//! Keys that AWS refused as such: tried again once a minute at most, so that a dead key costs neither time nor quota.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::id::AccessKeyId;
use crate::sts::{AwsRefusal, OpenKey, StsError};

/// How AWS takes each key at present, by this node's own experience.
#[derive(Debug, Default)]
pub(super) struct Pace {
    known: Mutex<HashMap<Place, Known>>,
}

/// Which key, in which form; and whether AWS had said whose it is. A key that was just made is unknown to AWS for some seconds: what was
/// learnt then says nothing of it once it is proved.
type Place = (AccessKeyId, i64, bool);

#[derive(Debug)]
enum Known {
    Good,
    Refused(Instant, AwsRefusal),
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
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Known::Refused(last, refusal)) = known.get_mut(&place_of(key)) else { return Ok(()) };
        if now.saturating_duration_since(*last) < BETWEEN_TRIES {
            return Err(StsError::KeyRefused(refusal.clone()));
        }
        // This caller is the minute's one try.
        *last = now;
        Ok(())
    }

    /// Learns from an outcome. Only the first to see a change hears of it. `marked` says that the store has the key as refused, perhaps
    /// since before this process began.
    pub(super) fn learn<T>(&self, key: &OpenKey, marked: bool, outcome: &Result<T, StsError>, now: Instant) -> Turn {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place_of(key);
        match outcome {
            Err(StsError::KeyRefused(refusal)) => match known.insert(place, Known::Refused(now, refusal.clone())) {
                Some(Known::Refused(..)) => Turn::None,
                Some(Known::Good) | None => Turn::WentBad(refusal.clone()),
            },
            // Where AWS said no to something else, it took the key.
            Ok(_) | Err(StsError::Refused(_) | StsError::PolicyRefused(_) | StsError::MfaCodeRefused(_)) => {
                match known.insert(place, Known::Good) {
                    Some(Known::Refused(..)) => Turn::Recovered,
                    None if marked => Turn::Recovered,
                    Some(Known::Good) | None => Turn::None,
                }
            }
            // Nothing was learnt, so the minute's try is still to come.
            Err(StsError::Skewed(..) | StsError::Unavailable(_) | StsError::Unusable(_)) => {
                if let Some(Known::Refused(last, _)) = known.get_mut(&place) {
                    *last = now.checked_sub(BETWEEN_TRIES).unwrap_or(now);
                }
                Turn::None
            }
        }
    }
}

fn place_of(key: &OpenKey) -> Place {
    (key.id, key.generation, key.proved)
}

const BETWEEN_TRIES: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::sts::Outage;

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
        assert!(matches!(pace.learn(&key(1), false, &refused(), begin), Turn::WentBad(_)));
        assert!(matches!(pace.admit(&key(1), begin + Duration::from_secs(59)), Err(StsError::KeyRefused(_))));
        assert!(pace.admit(&key(2), begin).is_ok(), "a changed key is another one");
        let later = begin + Duration::from_secs(61);
        assert!(pace.admit(&key(1), later).is_ok());
        assert!(pace.admit(&key(1), later).is_err(), "one try a minute, not one each");
        let silent: Result<(), StsError> = Err(StsError::Unavailable(Outage::Silent));
        assert_eq!(pace.learn(&key(1), false, &silent, later), Turn::None);
        assert!(pace.admit(&key(1), later).is_ok(), "a try that AWS did not answer was none");
        assert_eq!(pace.learn(&key(1), false, &Ok(()), later), Turn::Recovered);
        assert!(pace.admit(&key(1), later).is_ok());
    }

    #[test]
    fn what_was_learnt_before_the_key_was_proved_is_forgotten_then() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert!(matches!(pace.learn(&key(1), false, &refused(), now), Turn::WentBad(_)));
        assert!(pace.admit(&key(1), now).is_err());
        let mut proved = key(1);
        proved.proved = true;
        assert!(pace.admit(&proved, now).is_ok());
        assert!(
            matches!(pace.learn(&proved, false, &refused(), now), Turn::WentBad(_)),
            "and what is learnt now counts"
        );
        assert!(pace.admit(&proved, now).is_err());
    }

    #[test]
    fn a_mark_of_an_earlier_process_goes_with_the_first_success() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.learn(&key(1), true, &Ok(()), now), Turn::Recovered);
        assert_eq!(pace.learn(&key(1), true, &Ok(()), now), Turn::None, "once");
        assert_eq!(pace.learn(&key(2), false, &Ok(()), now), Turn::None);
    }
}
