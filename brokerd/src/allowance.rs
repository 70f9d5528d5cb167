//! How much one caller may have vended in a minute, so that none uses up what STS allows to all.

use std::num::NonZeroU32;

use broker_core::caller::{Caller, Subject};
use broker_core::id::ServiceTokenId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::Problem;

/// Counts what each caller has had vended, on this node. A minute's worth may be had at once.
#[derive(Debug)]
pub(crate) struct Allowance(DefaultKeyedRateLimiter<Key>);

/// Whose the allowance is: a person in all their sessions, or one service token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Person(Subject),
    Token(ServiceTokenId),
    /// An issuer, and its token's subject.
    Workload(String, String),
}

impl Allowance {
    pub(crate) fn per_minute(vends: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(vends)))
    }

    /// Takes one vend off what the caller may have.
    pub(crate) fn take(&self, caller: &Caller) -> Result<(), Problem> {
        let key = match caller {
            Caller::Person(caller) => return self.take_for(&caller.person.subject),
            Caller::Service(caller) => Key::Token(caller.token),
            Caller::Workload(caller) => Key::Workload(caller.issuer_url.clone(), caller.subject.clone()),
        };
        self.take_by(&key)
    }

    /// The same for a person who has no session.
    pub(crate) fn take_for(&self, person: &Subject) -> Result<(), Problem> {
        self.take_by(&Key::Person(person.clone()))
    }

    fn take_by(&self, key: &Key) -> Result<(), Problem> {
        // Who has had nothing for a minute need not be remembered.
        if self.0.len() > MANY {
            self.0.retain_recent();
        }
        self.0.check_key(key).map_err(|early| {
            let wait = early.wait_time_from(DefaultClock::default().now());
            Problem::rate_limited("you have had as much vended as one may in a minute", wait)
        })
    }
}

const MANY: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    fn token() -> Caller {
        use broker_core::as_read::AsRead;
        use broker_core::caller::ServiceCaller;
        use broker_core::epoch::Epoch;
        let (token, expires_at) = (ServiceTokenId::random(), jiff::Timestamp::MAX);
        Caller::Service(ServiceCaller {
            token,
            name: "ci".to_owned().try_into().unwrap(),
            expires_at,
            connectors: std::collections::BTreeSet::new(),
            as_read: AsRead::of_service_token(token, Epoch::FIRST, expires_at),
        })
    }

    #[test]
    fn each_caller_has_a_minutes_worth() {
        let allowance = Allowance::per_minute(NonZeroU32::new(3).unwrap());
        let (one, other) = (token(), token());
        for _ in 0..3 {
            allowance.take(&one).unwrap();
        }
        assert_eq!(allowance.take(&one).unwrap_err().code(), Code::RateLimited);
        allowance.take(&other).unwrap();
    }

    #[test]
    fn a_crowd_of_callers_is_not_remembered_for_good() {
        let allowance = Allowance::per_minute(NonZeroU32::new(1_000_000_000).unwrap());
        for _ in 0..3 * MANY {
            allowance.take(&token()).unwrap();
        }
        assert!(allowance.0.len() <= MANY + 1, "{}", allowance.0.len());
    }
}
