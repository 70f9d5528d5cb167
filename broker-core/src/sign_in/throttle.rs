//! Slows down guessing: by account, by address, and by the pair of both where the account is at home there.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

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
    /// The account's counter, or the pair's.
    counted: String,
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
    pub fn mark(&self, typed: &str) -> String {
        let normal = typed.trim().to_lowercase();
        hex::encode(self.store.seals().mac(Purpose::TypedName, &[normal.as_bytes()]))
    }

    /// Counts an attempt, or says how long to wait. Attempts at the same time are counted one by one.
    pub async fn admit(&self, mark: &str, address: IpAddr) -> Result<Attempt, ThrottleError> {
        let now = self.clock.now();
        let (account, network) = (format!("account:{mark}"), network_of(address));
        let by_address = format!("address:{network}");
        self.count(&by_address, ADDRESS, now).await?;
        // Strangers' guesses must not lock out somebody who is at home on this network: that pair has a counter of its own.
        let since = Millis::from(ago(now, FAMILIAR_SECONDS));
        let at_home = self.store.is_familiar(&account, &network, since).await?;
        let counted = if at_home { format!("pair:{mark}:{network}") } else { account.clone() };
        if let Err(error) = self.count(&counted, ACCOUNT, now).await {
            self.store.forgive_attempt(&by_address).await?;
            return Err(error);
        }
        Ok(Attempt { account, network, counted })
    }

    /// The secret was right.
    pub async fn succeeded(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.store.forgive(&attempt.counted).await?;
        self.store.forgive_attempt(&format!("address:{}", attempt.network)).await?;
        self.store.note_familiar(&attempt.account, &attempt.network, self.clock.now().into()).await
    }

    /// Nothing was proved either way: the directory did not answer.
    pub async fn undecided(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.store.forgive_attempt(&attempt.counted).await?;
        self.store.forgive_attempt(&format!("address:{}", attempt.network)).await
    }

    /// Forgets what no longer counts.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        self.store.sweep_throttles(ago(now, FORGET_SECONDS).into(), ago(now, FAMILIAR_SECONDS).into()).await
    }

    async fn count(&self, subject: &str, free: i64, now: Timestamp) -> Result<(), ThrottleError> {
        for _ in 0..MAX_RACES {
            let seen = self.store.failures(subject).await?;
            let count = current(seen, now);
            let since = seen.last.map_or(i64::MAX, |last| seconds_between(last.into(), now).max(0));
            let wait = delay(count, free).saturating_sub(since);
            if wait > 0 {
                return Err(ThrottleError::TooMany { seconds: wait.unsigned_abs() });
            }
            if self.store.count_attempt(subject, seen, count.saturating_add(1), now.into()).await? {
                return Ok(());
            }
        }
        Err(ThrottleError::TooMany { seconds: 1 })
    }
}

/// What still counts: after an hour of peace nothing does.
fn current(seen: Failures, now: Timestamp) -> i64 {
    let peaceful = seen.last.is_none_or(|last| seconds_between(last.into(), now) >= i64::from(FORGET_SECONDS));
    if peaceful { 0 } else { seen.count }
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

/// Failures of an account that cost nothing: people mistype.
const ACCOUNT: i64 = 5;
/// Failures of an address that cost nothing: an office shares one.
const ADDRESS: i64 = 50;
const LONGEST: i64 = 15 * 60;
const FORGET_SECONDS: u32 = 60 * 60;
const FAMILIAR_SECONDS: u32 = 30 * 24 * 60 * 60;
const MAX_RACES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end() {
        let delays: Vec<i64> = [0, 4, 5, 6, 7, 10, 15, 100, i64::MAX].map(|failures| delay(failures, ACCOUNT)).into();
        assert_eq!(delays, [0, 0, 1, 2, 4, 32, 900, 900, 900]);
    }

    #[test]
    fn a_customers_ipv6_addresses_are_one() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
