//! Codes of MFA devices that AWS refused: whoever may use a connector and does not hold its device gets few guesses, and ever longer waits.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::caller::{Caller, Subject};
use crate::mfa::MfaSerial;
use crate::sts::StsError;

/// How often each person's codes were refused of late, by this node's own experience: of each device by itself, so that nobody's own device
/// makes up for what they guess of another.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<Whose, Count>>);

/// A person, and a device.
type Whose = (Subject, String);

#[derive(Clone, Copy, Debug)]
struct Count {
    /// Refused, or under way: whoever sends a thousand at once has sent a thousand.
    wrong: u32,
    last: Instant,
}

/// A code that AWS is asked about. Where nobody hears what comes of it, it counts as refused.
#[derive(Debug)]
pub(super) struct Guess<'g> {
    of: &'g Guesses,
    whose: Whose,
    /// When it was begun, and when the one before it was.
    last: [Instant; 2],
}

impl Guesses {
    /// Lets a code be tried and counts it, or says how long to wait. Jobs have no devices, and nothing is counted of them.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        device: &MfaSerial,
        now: Instant,
    ) -> Result<Option<Guess<'_>>, Duration> {
        let Caller::Person(person) = caller else { return Ok(None) };
        let whose = (person.person.subject.clone(), device.as_str().to_owned());
        let mut counts = self.counts();
        if counts.len() >= MANY {
            counts.retain(|_, count| now.saturating_duration_since(count.last) < FORGOTTEN);
        }
        let count = counts.entry(whose.clone()).or_insert(Count { wrong: 0, last: now });
        let since = now.saturating_duration_since(count.last);
        if since >= FORGOTTEN {
            count.wrong = 0;
        }
        let wait = wait_after(count.wrong).saturating_sub(since);
        if !wait.is_zero() {
            return Err(wait);
        }
        let before = count.last;
        *count = Count { wrong: count.wrong.saturating_add(1), last: now };
        Ok(Some(Guess { of: self, whose, last: [before, now] }))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Whose, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guess<'_> {
    /// What AWS made of the code. Where it did not come to look at it, none was guessed, and nobody waits for that. AWS's words for a wrong code
    /// may change: any other refusal of the request is a guess as well.
    pub(super) fn ended<T>(self, outcome: &Result<T, StsError>) {
        let mut counts = self.of.counts();
        match outcome {
            Ok(_) => {
                counts.remove(&self.whose);
            }
            Err(StsError::MfaCodeRefused(_) | StsError::Refused(_) | StsError::PolicyRefused(_)) => {}
            Err(StsError::KeyRefused(_) | StsError::Skewed(..) | StsError::Unavailable(_) | StsError::Unusable(_)) => {
                let [before, begun] = self.last;
                if let Some(count) = counts.get_mut(&self.whose) {
                    count.wrong = count.wrong.saturating_sub(1);
                    count.last = if count.last == begun { before } else { count.last };
                }
            }
        }
    }
}

/// Nothing for a few, who mistyped; then twice as long each time.
fn wait_after(wrong: u32) -> Duration {
    match wrong.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(more) => FIRST_WAIT.saturating_mul(2_u32.saturating_pow(more)).min(LONGEST_WAIT),
    }
}

const FREE: u32 = 5;
/// As long as a device shows one code.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_mins(30);
const FORGOTTEN: Duration = Duration::from_hours(6);
const MANY: usize = 10_000;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::as_read::AsRead;
    use crate::assurance::Assurance;
    use crate::caller::{Person, PersonCaller};
    use crate::epoch::Epoch;
    use crate::id::SessionId;
    use crate::sts::{AwsRefusal, Outage};

    fn caller(id: &str) -> Caller {
        let subject = Subject { directory: "corp".to_owned().try_into().unwrap(), id: id.to_owned() };
        let (username, groups) = (id.to_owned(), std::collections::BTreeSet::new());
        let person = Person { subject, username, display_name: None, email: None, email_trusted: false, groups };
        let (session, begin, end) = (SessionId::random(), Timestamp::UNIX_EPOCH, Timestamp::MAX);
        Caller::Person(PersonCaller {
            session,
            expires_at: end,
            signed_in_at: begin,
            person: person.into(),
            client: None,
            role: None,
            assurance: Assurance::default(),
            as_read: AsRead::of_session(session, begin, Epoch::FIRST, begin..end),
        })
    }

    fn device(number: u8) -> MfaSerial {
        format!("GAHT1234567{number}").try_into().unwrap()
    }

    fn refused() -> Result<(), StsError> {
        Err(StsError::MfaCodeRefused(AwsRefusal::told("AccessDenied", "", None)))
    }

    #[test]
    fn a_few_may_be_wrong_and_then_each_waits_twice_as_long() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        for _ in 0..5 {
            guesses.admit(&caller("ada"), &device(1), begin).unwrap().unwrap().ended(&refused());
        }
        assert_eq!(guesses.admit(&caller("ada"), &device(1), begin).unwrap_err(), Duration::from_secs(30));
        assert!(guesses.admit(&caller("eve"), &device(1), begin).is_ok(), "nobody else waits");
        guesses.admit(&caller("ada"), &device(2), begin).unwrap().unwrap().ended(&Ok(()));
        assert!(guesses.admit(&caller("ada"), &device(1), begin).is_err(), "her own device makes up for nothing");
        let mut now = begin;
        for wait in [30, 60, 120, 240, 480, 960, 1_800, 1_800] {
            now += Duration::from_secs(wait - 1);
            assert_eq!(guesses.admit(&caller("ada"), &device(1), now).unwrap_err(), Duration::from_secs(1), "{wait}");
            now += Duration::from_secs(1);
            guesses.admit(&caller("ada"), &device(1), now).unwrap().unwrap().ended(&refused());
        }
        now += Duration::from_mins(30);
        guesses.admit(&caller("ada"), &device(1), now).unwrap().unwrap().ended(&Ok(()));
        assert!(guesses.admit(&caller("ada"), &device(1), now).is_ok(), "a right one forgets them");
    }

    #[test]
    fn many_at_once_are_counted_before_aws_has_answered_and_an_outage_is_none() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let under_way: Vec<_> =
            (0..5).map(|_| guesses.admit(&caller("ada"), &device(1), now).unwrap().unwrap()).collect();
        assert!(guesses.admit(&caller("ada"), &device(1), now).is_err());
        let silent: Result<(), StsError> = Err(StsError::Unavailable(Outage::Silent));
        for guess in under_way {
            guess.ended(&silent);
        }
        let hung_up = guesses.admit(&caller("ada"), &device(1), now).unwrap();
        drop(hung_up);
        assert_eq!(guesses.counts().values().next().unwrap().wrong, 1);
    }

    #[test]
    fn after_a_wait_an_outage_costs_no_other_and_an_unknown_refusal_is_a_guess() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        let admit = |now| guesses.admit(&caller("ada"), &device(1), now).map(Option::unwrap);
        let other: Result<(), StsError> =
            Err(StsError::Refused(AwsRefusal::told("AccessDenied", "in other words", None)));
        for _ in 0..5 {
            admit(begin).unwrap().ended(&other);
        }
        assert_eq!(admit(begin).unwrap_err(), Duration::from_secs(30));
        let after = begin + Duration::from_secs(30);
        let silent: Result<(), StsError> = Err(StsError::Unavailable(Outage::Silent));
        admit(after).unwrap().ended(&silent);
        admit(after).unwrap().ended(&other);
        assert_eq!(admit(after).unwrap_err(), Duration::from_mins(1));
    }
}
