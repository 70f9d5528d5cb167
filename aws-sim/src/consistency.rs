//! IAM's eventual consistency, on demand: for a moment the rest of AWS goes on seeing a key as it was before IAM's last call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::world::KeyRecord;

/// How far the rest of AWS is behind IAM. Not at all, until somebody says so.
#[derive(Debug, Default)]
pub struct Consistency(Mutex<Behind>);

#[derive(Debug, Default)]
struct Behind {
    lag: SignedDuration,
    /// Keys that IAM has changed: what they were, if anything, and until when that is what is seen.
    before: HashMap<String, (Option<KeyRecord>, Timestamp)>,
}

/// How a key looks to the rest of AWS.
#[derive(Debug)]
pub(crate) enum Seen {
    AsItIs,
    /// As it was: nothing, when it is new.
    AsItWas(Option<KeyRecord>),
}

impl Consistency {
    /// From now on, what IAM's calls do to access keys is seen so much later, by the world's clock: a new key is unknown
    /// (`InvalidClientTokenId`), one that was deactivated or deleted still works.
    pub fn lag(&self, lag: Duration) {
        self.with(|behind| behind.lag = SignedDuration::try_from(lag).unwrap_or(SignedDuration::MAX));
    }

    /// Notes what a key was before a call of IAM's changed it.
    pub(crate) fn note(&self, id: &str, before: Option<KeyRecord>, now: Timestamp) {
        self.with(|behind| {
            if behind.lag.is_zero() {
                return;
            }
            let until = now.checked_add(behind.lag).unwrap_or(Timestamp::MAX);
            // What is seen is what was seen: a second call within the moment does not make the first one seen earlier.
            let seen = match behind.before.remove(id) {
                Some((seen, still)) if now < still => seen,
                Some(_) | None => before,
            };
            behind.before.insert(id.to_owned(), (seen, until));
        });
    }

    pub(crate) fn look(&self, id: &str, now: Timestamp) -> Seen {
        self.with(|behind| match behind.before.get(id) {
            Some((before, until)) if now < *until => Seen::AsItWas(before.clone()),
            Some(_) | None => Seen::AsItIs,
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Behind) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
