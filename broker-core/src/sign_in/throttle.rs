//! Slows down guessing: by account, by address, and by the pair of both where the account is at home there.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::clock::{Clock, Millis, seconds_between};
use crate::store::{Failures, Store, StoreError};
use crate::vault::Purpose;

/// Counts every attempt that proves something by a secret, before it is made.
#[derive(Clone, Debug)]
pub struct Throttle {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// An attempt that has been counted. Tell it how it ended; dropping it lets it count as a failure.
#[derive(Debug)]
pub struct Attempt {
    account: String,
    network: String,
    counted: Vec<Counted>,
}

/// One counter that an attempt stands in, as it was before and as it is now.
#[derive(Debug)]
struct Counted {
    subject: String,
    before: Failures,
    now: Failures,
}

/// How many failures cost nothing, and how fast they are forgotten.
#[derive(Clone, Copy, Debug)]
struct Limit {
    free: i64,
    seconds_to_forget_one: i64,
}

/// Why an attempt may not be made now.
#[derive(Debug, thiserror::Error)]
pub enum ThrottleError {
    #[error("too many attempts; wait {seconds} seconds")]
    TooMany { seconds: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Throttle {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// A keyed hash of a typed name, whether anybody has it or not. What was typed is kept nowhere: it may be a password.
    ///
    /// Spellings that some directory takes for one name (capitals, width, accents, spaces) are one: too much sharing of a
    /// counter does no harm, too little would give every spelling guesses of its own.
    pub fn mark(&self, typed: &str) -> String {
        hex::encode(self.store.seals().mac(Purpose::TypedName, &[folded(typed).as_bytes()]))
    }

    /// Counts an attempt, or says how long to wait. Attempts at the same time are counted one by one.
    pub async fn admit(&self, mark: &str, address: IpAddr) -> Result<Attempt, ThrottleError> {
        let now = self.clock.now();
        let (account, network) = (format!("account:{mark}"), network_of(address));
        // Strangers' guesses must not lock out somebody who is at home on this network: that pair has a counter of its own,
        // and its owner's neighbours do not count.
        let since = Millis::from(ago(now, FAMILIAR_SECONDS));
        if self.store.is_familiar(&account, &network, since).await? {
            let pair = self.count(format!("pair:{mark}:{network}"), ACCOUNT, now).await?;
            return Ok(Attempt { account, network, counted: vec![pair] });
        }
        let by_address = self.count(format!("address:{network}"), ADDRESS, now).await?;
        match self.count(account.clone(), ACCOUNT, now).await {
            Ok(by_account) => Ok(Attempt { account, network, counted: vec![by_address, by_account] }),
            Err(error) => {
                self.take_back(&by_address).await?;
                Err(error)
            }
        }
    }

    /// The secret was right: what was counted against the account is forgotten, and the network becomes familiar.
    pub async fn succeeded(&self, attempt: &Attempt) -> Result<(), StoreError> {
        for counted in &attempt.counted {
            if counted.subject.starts_with("address:") {
                self.take_back(counted).await?;
            } else {
                self.store.forgive(&counted.subject).await?;
            }
        }
        self.store.note_familiar(&attempt.account, &attempt.network, self.clock.now().into()).await
    }

    /// Nothing was proved either way: the directory did not answer.
    pub async fn undecided(&self, attempt: &Attempt) -> Result<(), StoreError> {
        for counted in &attempt.counted {
            self.take_back(counted).await?;
        }
        Ok(())
    }

    /// Forgets what no longer counts.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        self.store.sweep_throttles(ago(now, FORGET_SECONDS).into(), ago(now, FAMILIAR_SECONDS).into()).await
    }

    async fn take_back(&self, counted: &Counted) -> Result<(), StoreError> {
        self.store.forgive_attempt(&counted.subject, counted.now, counted.before).await
    }

    async fn count(&self, subject: String, limit: Limit, now: Timestamp) -> Result<Counted, ThrottleError> {
        for _ in 0..MAX_RACES {
            let before = self.store.failures(&subject).await?;
            let (count, wait) = limit.standing(before, now);
            if wait > 0 {
                return Err(ThrottleError::TooMany { seconds: wait.unsigned_abs() });
            }
            let counted = Failures { count: count.saturating_add(1), last: Some(now.into()) };
            if self.store.count_attempt(&subject, before, counted.count, now.into()).await? {
                let before = Failures { count, ..before };
                return Ok(Counted { subject, before, now: counted });
            }
        }
        Err(ThrottleError::TooMany { seconds: 1 })
    }
}

impl Limit {
    /// What still counts, and how many seconds to wait for the next attempt.
    fn standing(self, seen: Failures, now: Timestamp) -> (i64, i64) {
        let Some(last) = seen.last else { return (0, 0) };
        let since = seconds_between(last.into(), now);
        let count = seen.count.saturating_sub(since.max(0) / self.seconds_to_forget_one).max(0);
        // A clock that was set back would keep everybody waiting until it has caught up.
        let wait = if since < 0 { 0 } else { delay(count, self.free).saturating_sub(since).max(0) };
        (count, wait)
    }
}

/// Seconds between attempts after so many failures: none at first, then doubling to a quarter of an hour.
fn delay(failures: i64, free: i64) -> i64 {
    match failures.saturating_sub(free) {
        ..0 => 0,
        over => {
            1_i64.checked_shl(u32::try_from(over).unwrap_or(u32::MAX)).map_or(LONGEST, |delay| delay.clamp(1, LONGEST))
        }
    }
}

/// Without capitals, width, accents, ligatures and repeated spaces (NFKD, marks taken off, lower case).
fn folded(typed: &str) -> String {
    let plain: String = typed.nfkd().filter(|char| !is_combining_mark(*char)).flat_map(char::to_lowercase).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn ago(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_sub(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MIN)
}

/// An IPv4 address, or the /64 that one customer has of IPv6.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// People mistype; a dozen guesses an hour is what is left for whoever does not stop.
const ACCOUNT: Limit = Limit { free: 5, seconds_to_forget_one: 12 * 60 };
/// An office shares one address.
const ADDRESS: Limit = Limit { free: 50, seconds_to_forget_one: 60 };
const LONGEST: i64 = 15 * 60;
const FORGET_SECONDS: u32 = 4 * 60 * 60;
const FAMILIAR_SECONDS: u32 = 30 * 24 * 60 * 60;
const MAX_RACES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn seen(count: i64, second: i64) -> Failures {
        Failures { count, last: Some(at(second).into()) }
    }

    #[test]
    fn delays_grow_and_end() {
        let delays: Vec<i64> = [0, 4, 5, 6, 7, 10, 15, 100, i64::MAX].map(|failures| delay(failures, 5)).into();
        assert_eq!(delays, [0, 0, 1, 2, 4, 32, 900, 900, 900]);
    }

    #[test]
    fn failures_are_forgotten_one_by_one_while_others_keep_coming() {
        assert_eq!(ADDRESS.standing(seen(60, 0), at(0)), (60, 900));
        assert_eq!(ADDRESS.standing(seen(60, 0), at(600)), (50, 0));
        assert_eq!(ACCOUNT.standing(seen(7, 0), at(1)), (7, 3));
        assert_eq!(ACCOUNT.standing(seen(7, 0), at(720)), (6, 0));
        assert_eq!(ACCOUNT.standing(Failures::default(), at(0)), (0, 0));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        assert_eq!(ACCOUNT.standing(seen(20, 10_000), at(0)), (20, 0));
    }

    #[test]
    fn spellings_that_a_directory_takes_for_one_are_one() {
        for spelling in ["ALICE", " alice ", "\u{ff41}lice", "\u{1d41a}lice", "\u{e1}lice", "a\u{301}lice"] {
            assert_eq!(folded(spelling), "alice", "{spelling:?}");
        }
        assert_eq!(folded("mary  \u{a0} ann"), "mary ann");
        assert_ne!(folded("alice"), folded("alicf"));
    }

    #[test]
    fn a_customers_ipv6_addresses_are_one() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
