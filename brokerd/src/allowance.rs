//! How much one caller may have in a minute, so that none uses up what there is for all.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use broker_core::caller::{Caller, Subject};
use broker_core::id::ServiceTokenId;
use broker_core::network::Network;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::Problem;

/// Counts what each has had, on this node. A minute's worth may be had at once.
#[derive(Debug)]
pub(crate) struct Allowance(DefaultKeyedRateLimiter<Key>);

/// Whose the allowance is: a person in all their sessions, one service token, or whoever asks from one network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Person(Subject),
    Token(ServiceTokenId),
    /// An issuer, and its token's subject.
    Workload(String, String),
    Network(Network),
}

impl Allowance {
    pub(crate) fn per_minute(many: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(many)))
    }

    /// Takes one vend off what the caller may have.
    pub(crate) fn take(&self, caller: &Caller) -> Result<(), Problem> {
        let key = match caller {
            Caller::Person(caller) => return self.take_for(&caller.person.subject),
            Caller::Service(caller) => Key::Token(caller.token),
            Caller::Workload(caller) => Key::Workload(caller.issuer_url.clone(), caller.subject.clone()),
        };
        self.take_by(&key).map_err(vended_enough)
    }

    /// The same for a person who has no session.
    pub(crate) fn take_for(&self, person: &Subject) -> Result<(), Problem> {
        self.take_by(&Key::Person(person.clone())).map_err(vended_enough)
    }

    /// Takes one request off what those may ask of us at one address who have not proved anything yet.
    pub(crate) fn take_from(&self, address: IpAddr) -> Result<(), Problem> {
        let enough =
            |wait| Problem::rate_limited("your address has asked for as many tokens as one may in a minute", wait);
        self.take_by(&Key::Network(Network::of(address))).map_err(enough)
    }

    /// Says how long to wait where there is nothing left.
    fn take_by(&self, key: &Key) -> Result<(), Duration> {
        // Who has had nothing for a minute need not be remembered.
        if self.0.len() > MANY {
            self.0.retain_recent();
        }
        self.0.check_key(key).map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

fn vended_enough(wait: Duration) -> Problem {
    Problem::rate_limited("you have had as much vended as one may in a minute", wait)
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
    fn a_network_has_a_minutes_worth_whichever_of_its_addresses_asks() {
        let allowance = Allowance::per_minute(NonZeroU32::new(2).unwrap());
        let take = |address: &str| allowance.take_from(address.parse().unwrap());
        take("2001:db8:1:2::1").unwrap();
        take("2001:db8:1:2:ffff::2").unwrap();
        assert_eq!(take("2001:db8:1:2::3").unwrap_err().code(), Code::RateLimited);
        take("2001:db8:1:3::1").unwrap();
        take("192.0.2.1").unwrap();
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
