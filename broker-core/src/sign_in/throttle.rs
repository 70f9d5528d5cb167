//! Slows down guessing: by address, by the name that was typed, by the person whose name it is, and by the pair of account and
//! network where the account is at home there.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::limit::{ACCOUNT, ADDRESS, ADDRESS_AT_HOME, BREAK_GLASS, Limit};
use crate::caller::Subject;
use crate::clock::{Clock, Millis};
use crate::directory::{Lockout, NotAdmitted};
use crate::name::DirectoryName;
use crate::network::Network;
use crate::store::{CountedAttempt, Failures, ProvedAccount, Standing, Store, StoreError};
use crate::vault::Purpose;

/// Counts every attempt that proves something by a secret, before it is made.
#[derive(Clone, Debug)]
pub struct Throttle {
    store: Store,
    clock: Arc<dyn Clock>,
    /// By which directories lock accounts themselves: wrong passwords of theirs stay below it.
    lockouts: Arc<HashMap<DirectoryName, Lockout>>,
    /// Of networks: see [`Throttle::turn`].
    turns: Arc<[Mutex<()>; TURNS]>,
}

/// An attempt that has been counted. Tell it how it ended; dropping it lets it count as a failure.
#[derive(Debug)]
pub struct Attempt {
    network: String,
    by_address: Counted,
    /// The typed name, and what it is counted in.
    name: String,
    by_name: Counted,
    /// When it was last noted that the name is at home on this network.
    name_familiar_at: Option<Millis>,
    /// The name has used up its attempts, so many seconds from now it has another: until then, only whoever turns out to be at
    /// home on this network gets any further.
    name_is_over: Option<u64>,
    known: OnceLock<Known>,
}

/// Whose name it was, once the directory has said so.
#[derive(Debug)]
struct Known {
    subject: Subject,
    account: String,
    /// When it was last noted that they are at home on this network.
    familiar_at: Option<Millis>,
    break_glass: bool,
    counted: Result<Counted, HeldBack>,
}

/// One counter that an attempt stands in, as it was before and as it is now.
#[derive(Debug)]
struct Counted {
    key: String,
    before: Failures,
    now: Failures,
}

/// Why an attempt may not be made now.
#[derive(Debug, thiserror::Error)]
pub enum ThrottleError {
    #[error("too many attempts; wait {seconds} seconds")]
    TooMany { seconds: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a password is not tried though its owner is known. From outside, none of this can be told from a wrong one.
#[derive(Debug, thiserror::Error)]
pub enum HeldBack {
    #[error("too many attempts on this account, by whatever name")]
    TooMany { seconds: u64 },
    #[error("too many attempts on this name, and its owner is not at home on this network")]
    NotAtHome,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Throttle {
    /// `lockouts` are the rules by which directories lock accounts by themselves: wrong passwords of theirs stay below them.
    pub fn new(store: Store, clock: Arc<dyn Clock>, lockouts: HashMap<DirectoryName, Lockout>) -> Self {
        let turns = Arc::new(std::array::from_fn(|_| Mutex::default()));
        Self { store, clock, lockouts: Arc::new(lockouts), turns }
    }

    /// A keyed hash of a typed name, whether anybody has it or not. What was typed is kept nowhere: it may be a password.
    ///
    /// Spellings that some directory takes for one name (capitals, width, accents, spaces) are one: too much sharing of a
    /// counter does no harm, too little would give every spelling guesses of its own.
    pub fn mark(&self, typed: &str) -> String {
        hex::encode(self.store.seals().mac(Purpose::TypedName, &[folded(typed).as_bytes()]))
    }

    /// Counts an attempt by what was typed, or says how long to wait. Attempts at the same time are counted one by one.
    ///
    /// This answers alike for names that are there and names that are not, so that the wait may be told.
    pub async fn admit(&self, mark: &str, address: IpAddr) -> Result<Attempt, ThrottleError> {
        let now = self.clock.now();
        let (name, network) = (format!("name:{mark}"), Network::of(address).to_string());
        let pair = pair(&name, &network);
        let (address, home) = (format!("address:{network}"), format!("home:{network}"));
        let _turn = self.turn(&network).await;
        for _ in 0..MAX_RACES {
            let seen =
                self.store.standing([&name, &pair, &address, &home], &name, &network, familiar_since(now)).await?;
            // Strangers' guesses must not lock out somebody who is at home on this network: that pair has a counter of its own, and
            // so has the address for all who are at home there.
            let (by_address, of_address) =
                if seen.is_familiar() { (&home, ADDRESS_AT_HOME) } else { (&address, ADDRESS) };
            let counters: &[&str] = if seen.is_familiar() { &[&pair] } else { &[&name, &pair] };
            // Before anything is written: whoever asks in vain costs the store nothing.
            let (by_name, name_is_over) = first_open(&seen, counters, now)?;
            let by_address = Counted::next(&seen, by_address, of_address, now)?;
            // What all neighbours are counted in comes last: nobody else waits for it longer than they must.
            if self.store.count_in_both([by_name.attempt(), by_address.attempt()]).await? {
                let (name_familiar_at, known) = (seen.familiar_at, OnceLock::new());
                return Ok(Attempt { network, by_address, name, by_name, name_familiar_at, name_is_over, known });
            }
        }
        Err(ThrottleError::TooMany { seconds: 1 })
    }

    /// To count for a network. All who are there move the same counter: of many at once each would find it moved, again and again, until
    /// they were told that there are too many. Whoever waits for long goes without: the store may be what is slow.
    async fn turn(&self, network: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        network.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
        timeout(LONGEST_TURN, self.turns.get(place)?.lock()).await.ok()
    }

    /// Counts an attempt by whose it is, once that is known and before the secret is tried: somebody with several names is one.
    pub async fn admit_subject(&self, attempt: &Attempt, subject: &Subject) -> Result<(), NotAdmitted> {
        self.admit_by(ACCOUNT, attempt, subject).await
    }

    /// The same for an account that is for emergencies: fewer guesses, and a longer wait.
    pub async fn admit_break_glass(&self, attempt: &Attempt, subject: &Subject) -> Result<(), NotAdmitted> {
        self.admit_by(BREAK_GLASS, attempt, subject).await
    }

    /// By whichever of both limits the account has.
    pub(super) async fn admit_whose(
        &self,
        attempt: &Attempt,
        subject: &Subject,
        break_glass: bool,
    ) -> Result<(), NotAdmitted> {
        self.admit_by(if break_glass { BREAK_GLASS } else { ACCOUNT }, attempt, subject).await
    }

    async fn admit_by(&self, limit: Limit, attempt: &Attempt, subject: &Subject) -> Result<(), NotAdmitted> {
        let parts = [subject.directory.as_str().as_bytes(), subject.id.as_bytes()];
        let account = format!("subject:{}", hex::encode(self.store.seals().mac(Purpose::Subject, &parts)));
        let (familiar_at, counted) = match self.count_subject(limit, attempt, subject, &account).await {
            Ok((familiar_at, counted)) => (familiar_at, Ok(counted)),
            Err((familiar_at, held_back)) => (familiar_at, Err(held_back)),
        };
        let admitted = counted.is_ok();
        let break_glass = limit == BREAK_GLASS;
        let known = Known { subject: subject.clone(), account, familiar_at, break_glass, counted };
        // An attempt is about one person: a second one is none.
        if attempt.known.set(known).is_ok() && admitted { Ok(()) } else { Err(NotAdmitted) }
    }

    /// The secret was right: what was counted against the account is forgotten, and the network becomes familiar.
    pub async fn succeeded(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let now = self.clock.now();
        let is_noted = |familiar_at: Option<Millis>| familiar_at.is_some_and(|at| at > ago(now, NOTED_SECONDS).into());
        let Attempt { name, by_name, name_familiar_at, .. } = attempt;
        let typed = ProvedAccount { account: name, counter: &by_name.key, is_noted: is_noted(*name_familiar_at) };
        let person = match attempt.known.get() {
            Some(Known { account, familiar_at, counted: Ok(counted), .. }) => {
                Some(ProvedAccount { account, counter: &counted.key, is_noted: is_noted(*familiar_at) })
            }
            _ => None,
        };
        let (by_address, now) = (attempt.by_address.attempt(), now.into());
        self.store.attempt_was_right(typed, person, &attempt.network, by_address, now).await
    }

    /// Nothing was proved either way: no directory was shown the password.
    pub async fn undecided(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let by_subject = attempt.known.get().and_then(|known| known.counted.as_ref().ok());
        for counted in [&attempt.by_address, &attempt.by_name].into_iter().chain(by_subject) {
            self.take_back(counted).await?;
        }
        Ok(())
    }

    /// The directory was shown the password and did not answer. It may have counted that, and locks accounts by its count, so that it stays
    /// counted here against the name and the person. Their network has done nothing for which its neighbours should wait.
    pub async fn unanswered(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.take_back(&attempt.by_address).await
    }

    /// Forgets what no longer counts.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        self.store.sweep_throttles(ago(now, FORGET_SECONDS).into(), familiar_since(now)).await
    }

    async fn count_subject(
        &self,
        limit: Limit,
        attempt: &Attempt,
        subject: &Subject,
        account: &str,
    ) -> Result<(Option<Millis>, Counted), (Option<Millis>, HeldBack)> {
        let now = self.clock.now();
        let (pair, homes) = (pair(account, &attempt.network), format!("homes:{account}"));
        let mut familiar_at = None;
        for _ in 0..MAX_RACES {
            let counters = [account, &pair, &homes];
            let seen = self.store.standing(counters, account, &attempt.network, familiar_since(now)).await;
            let seen = seen.map_err(|error| (familiar_at, error.into()))?;
            familiar_at = seen.familiar_at;
            if familiar_at.is_none() && attempt.name_is_over.is_some() {
                return Err((None, HeldBack::NotAtHome));
            }
            let next = match self.lockouts.get(&subject.directory) {
                Some(lockout) => self.next_below(*lockout, &seen, account, &homes, now).await,
                None => Counted::next(&seen, if seen.is_familiar() { &pair } else { account }, limit, now),
            };
            let next = match next {
                Ok(next) => next,
                Err(ThrottleError::TooMany { seconds }) => return Err((familiar_at, HeldBack::TooMany { seconds })),
                Err(ThrottleError::Store(error)) => return Err((familiar_at, error.into())),
            };
            match self.store.count_attempt(next.attempt()).await {
                Ok(true) => return Ok((familiar_at, next)),
                Ok(false) => {}
                Err(error) => return Err((familiar_at, error.into())),
            }
        }
        Err((familiar_at, HeldBack::TooMany { seconds: 1 }))
    }

    /// What a directory may count, too: it has one count for what comes from wherever, and forgets it after a pause in all of it.
    async fn next_below(
        &self,
        lockout: Lockout,
        seen: &Standing,
        strangers: &str,
        homes: &str,
        now: Timestamp,
    ) -> Result<Counted, ThrottleError> {
        let (key, other, most) = if seen.is_familiar() {
            (homes, strangers, lockout.at_home())
        } else {
            (strangers, homes, lockout.of_strangers())
        };
        let limit = Limit::below(lockout, most);
        let (before, beside) = (seen.failures(key), seen.failures(other));
        let last = before.last.max(beside.last);
        let (count, wait) = limit.standing(Failures { count: before.count, last }, now);
        if wait > 0 {
            return Err(ThrottleError::TooMany { seconds: wait.unsigned_abs() });
        }
        // A pause ends both counts at once, or the one that is not counted in now would come back with the other's next failure.
        if beside.count > 0 && limit.has_forgotten(last, now) {
            self.store.forgive(other).await?;
        }
        Ok(Counted::one_more(key, before, count, now))
    }

    async fn take_back(&self, counted: &Counted) -> Result<(), StoreError> {
        self.store.forgive_attempt(counted.attempt()).await
    }
}

/// The first of these counters that has room, or how long to wait. Where that is not the very first, that one is over, so many seconds from
/// room: whose name it is may be at home here under another one, and only the directory knows.
fn first_open(seen: &Standing, keys: &[&str], now: Timestamp) -> Result<(Counted, Option<u64>), ThrottleError> {
    let mut first_is_over = None;
    for key in keys {
        match Counted::next(seen, key, ACCOUNT, now) {
            Ok(next) => return Ok((next, first_is_over)),
            Err(ThrottleError::TooMany { seconds }) => first_is_over = first_is_over.or(Some(seconds)),
            Err(error) => return Err(error),
        }
    }
    Err(ThrottleError::TooMany { seconds: first_is_over.unwrap_or(1) })
}

impl Counted {
    /// A counter as it is and as it would be with one more attempt, which is not written; or how long to wait.
    fn next(seen: &Standing, key: &str, limit: Limit, now: Timestamp) -> Result<Self, ThrottleError> {
        let before = seen.failures(key);
        match limit.standing(before, now) {
            (count, 0) => Ok(Self::one_more(key, before, count, now)),
            (_, wait) => Err(ThrottleError::TooMany { seconds: wait.unsigned_abs() }),
        }
    }

    fn one_more(key: &str, before: Failures, count: i64, now: Timestamp) -> Self {
        let now = Failures { count: count.saturating_add(1), last: Some(now.into()) };
        Self { key: key.to_owned(), before, now }
    }

    fn attempt(&self) -> CountedAttempt<'_> {
        let Self { key, before, now } = self;
        CountedAttempt { subject: key, before: *before, now: *now }
    }
}

impl Attempt {
    /// Whose name was typed, if the directory knew.
    pub fn subject(&self) -> Option<&Subject> {
        self.known.get().map(|known| &known.subject)
    }

    /// Whether it was for an account that is for emergencies.
    pub fn is_break_glass(&self) -> bool {
        self.known.get().is_some_and(|known| known.break_glass)
    }

    /// Whether its secret was shown to nobody, though the directory knew whose it would be.
    pub(super) fn is_held_back(&self) -> bool {
        self.known.get().is_some_and(|known| known.counted.is_err())
    }

    /// For how many seconds its owner has no attempt left. For those alone who have proved to be the owner.
    pub(super) fn waits(&self) -> Option<u64> {
        match self.known.get()?.counted {
            Err(HeldBack::TooMany { seconds }) => Some(seconds),
            Err(HeldBack::NotAtHome) => self.name_is_over,
            Ok(_) | Err(HeldBack::Store(_)) => None,
        }
    }

    /// Why the password was not tried, if the directory knew whose it would be.
    pub fn held_back(self) -> Option<HeldBack> {
        self.known.into_inner().and_then(|known| known.counted.err())
    }

    /// How many seconds to wait, where the name has used up its attempts and nobody who is at home here was found by it.
    pub fn overdue(&self) -> Option<u64> {
        let at_home = self.known.get().is_some_and(|known| known.familiar_at.is_some());
        self.name_is_over.filter(|_| !at_home)
    }
}

/// The counter of an account on a network that it is at home on.
fn pair(account: &str, network: &str) -> String {
    format!("pair:{account}:{network}")
}

/// Without capitals, width, accents, ligatures and repeated spaces (NFKD, marks taken off, lower case).
fn folded(typed: &str) -> String {
    let plain: String = typed.nfkd().filter(|char| !is_combining_mark(*char)).flat_map(char::to_lowercase).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn familiar_since(now: Timestamp) -> Millis {
    ago(now, FAMILIAR_SECONDS).into()
}

fn ago(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_sub(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MIN)
}

/// Longer than the longest window of a lockout.
const FORGET_SECONDS: u32 = 5 * 60 * 60;
const FAMILIAR_SECONDS: u32 = 30 * 24 * 60 * 60;
/// It is noted once a day that somebody still is at home: of their month that is little, and of a sign-in's writes two.
const NOTED_SECONDS: u32 = 24 * 60 * 60;
const MAX_RACES: usize = 32;
const TURNS: usize = 64;
const LONGEST_TURN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_a_directory_takes_for_one_are_one() {
        for spelling in ["ALICE", " alice ", "\u{ff41}lice", "\u{1d41a}lice", "\u{e1}lice", "a\u{301}lice"] {
            assert_eq!(folded(spelling), "alice", "{spelling:?}");
        }
        assert_eq!(folded("mary  \u{a0} ann"), "mary ann");
        assert_ne!(folded("alice"), folded("alicf"));
    }
}
