//! Credentials that a client will come back for are fetched before it asks: AWS's own clients wait no more than a second or two.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{Asking, Broker, VendError, VendRequest, Vended};
use crate::caller::{Caller, Subject};
use crate::connector::Reuse;
use crate::id::{RequestId, ServiceTokenId, SessionId};
use crate::name::{AccessKeyName, ConnectorName, DirectoryName};
use crate::places::{Place, Places};
use crate::trail::{Origin, Recorded};

/// Who is expected again. In memory only: after a restart the first asking waits for AWS, as it would without this.
#[derive(Debug)]
pub(super) struct Ahead {
    all: Mutex<All>,
    lanes: Places<Lane>,
}

#[derive(Debug, Default)]
struct All {
    of: HashMap<Whose, HashMap<Key, Expected>>,
    count: usize,
}

/// Who has so many and no more: a person in all their sessions, one service token, or one subject of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Person(Subject),
    Token(ServiceTokenId),
    Workload { issuer_url: String, subject: String },
}

/// One asking of one caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    session: Option<SessionId>,
    /// Of a workload: two jobs that differ in one share nothing.
    claims: Option<[u8; 32]>,
    connector: ConnectorName,
    duration_seconds: Option<u32>,
}

/// What may be silent for long, each for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Directory(DirectoryName),
    AccessKey(AccessKeyName),
}

#[derive(Clone, Debug)]
struct Expected {
    caller: Caller,
    connector: ConnectorName,
    ask: VendRequest,
    /// Of the newest credentials that were given.
    issued_at: Timestamp,
    due: Timestamp,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { all: Mutex::default(), lanes: Places::new(AT_ONCE) }
    }
}

impl Ahead {
    fn expect(&self, expected: Expected) {
        let (whose, session, claims) = match &expected.caller {
            Caller::Person(caller) => (Whose::Person(caller.person.subject.clone()), Some(caller.session), None),
            Caller::Service(caller) => (Whose::Token(caller.token), None, None),
            Caller::Workload(caller) => {
                let (issuer_url, subject) = (caller.issuer_url.clone(), caller.subject.clone());
                (Whose::Workload { issuer_url, subject }, None, Some(caller.claims))
            }
        };
        let (connector, duration_seconds) = (expected.connector.clone(), expected.ask.duration_seconds);
        self.lock().add(whose, Key { session, claims, connector, duration_seconds }, expected);
    }

    /// Whose time has come. Each is fetched for once; whoever does not come back is not expected again.
    fn take_due(&self, now: Timestamp) -> Vec<Expected> {
        self.lock().take(|expected| expected.due <= now)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    /// Whoever comes when there are as many as may be waits for AWS, and gets the same.
    fn add(&mut self, whose: Whose, key: Key, expected: Expected) {
        let others = self.of.get(&whose);
        let is_there = others.is_some_and(|others| others.contains_key(&key));
        let has_room = self.count < MAX_EXPECTED && others.map_or(0, HashMap::len) < MAX_OF_ONE;
        if is_there || has_room {
            self.of.entry(whose).or_default().insert(key, expected);
            self.count = self.count.saturating_add(usize::from(!is_there));
        }
    }

    fn take(&mut self, is_due: impl Fn(&Expected) -> bool) -> Vec<Expected> {
        let mut due = Vec::new();
        self.of.retain(|_, of_one| {
            due.extend(of_one.extract_if(|_, expected| is_due(expected)).map(|(_, expected)| expected));
            !of_one.is_empty()
        });
        self.count = self.count.saturating_sub(due.len());
        due
    }
}

impl Broker {
    /// Lends credentials to a client that keeps them and comes back by itself when they are about to end.
    pub async fn vend_to_returning(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
    ) -> Result<Recorded<Vended>, VendError> {
        let vended = self.vend(asking, name, ask).await?;
        let value = vended.value();
        if value.connector.spec.reuse() != Reuse::Off {
            let (issued_at, expires_at) = (value.credentials.issued_at, value.credentials.expires_at);
            self.ahead.expect(Expected {
                caller: asking.caller.clone(),
                connector: name.clone(),
                ask: ask.clone(),
                issued_at,
                due: due(issued_at, expires_at),
            });
        }
        Ok(vended)
    }

    /// Fetches ahead for as long as the daemon lives. Whom one must wait for keeps nobody waiting who needs another.
    pub async fn keep_ahead(self) {
        let mut fetching = JoinSet::new();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            for expected in self.ahead.take_due(self.clock.now()) {
                let broker = self.clone();
                fetching.spawn(async move { broker.fetch_ahead(&expected).await });
            }
            while fetching.try_join_next().is_some() {}
        }
    }

    /// Whoever may not have them any more is not fetched for: all is proved anew, as it is again when they ask.
    async fn fetch_ahead(&self, expected: &Expected) {
        let origin = Origin { request_id: RequestId::random(), client_address: None };
        if let Err(error) = self.fetch(&origin, expected).await {
            tracing::debug!(
                connector = %expected.connector,
                request_id = %origin.request_id,
                %error,
                "credentials are not fetched ahead"
            );
        }
    }

    async fn fetch(&self, origin: &Origin, expected: &Expected) -> Result<(), VendError> {
        let caller = {
            let _place = match &expected.caller {
                Caller::Person(caller) => {
                    let lane = Lane::Directory(caller.person.subject.directory.clone());
                    let Some(place) = self.place(lane).await else { return Ok(()) };
                    Some(place)
                }
                Caller::Service(_) | Caller::Workload(_) => None,
            };
            let deadline = Instant::now() + DEADLINE;
            self.sign_in.again_ahead(&expected.caller, origin, deadline).await?
        };
        let wish = self.wish(&caller, &expected.connector, &expected.ask)?;
        let lane = Lane::AccessKey(wish.entitlement.connector().spec.access_key().clone());
        let Some(_place) = self.place(lane).await else { return Ok(()) };
        let deadline = Instant::now() + DEADLINE;
        let asking = Asking { caller: &caller, by_memory: None, origin, deadline };
        let reuse = wish.entitlement.connector().spec.reuse();
        let held = self.reusable.held(wish.identity, reuse).await;
        if held.as_ref().is_some_and(|held| held.credentials.issued_at > expected.issued_at) {
            return Ok(());
        }
        let call = self.call(&wish, asking.deadline);
        // What was given already lives no longer than the client knows.
        self.reusable.obtain(wish.identity, reuse, held.is_some(), asking.deadline, call).await.map(drop)?;
        Ok(())
    }

    /// Not for ever: whoever waits that long has gone, or asked.
    async fn place(&self, lane: Lane) -> Option<Place> {
        timeout(LONGEST_WAIT, self.ahead.lanes.next(lane)).await.ok().flatten()
    }
}

/// A little before the earliest of AWS's clients comes back: boto3 and the AWS CLI do so a quarter of an hour before the end. What
/// lives too short for that is fetched at its half.
fn due(issued_at: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life = expires_at.duration_since(issued_at);
    expires_at.saturating_sub(EARLY.min(life / 2)).unwrap_or(expires_at)
}

const EARLY: SignedDuration = SignedDuration::from_mins(16);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(20);
/// With one access key, and by one directory.
const AT_ONCE: usize = 4;
const LONGEST_WAIT: Duration = Duration::from_mins(16);
const MAX_EXPECTED: usize = 10_000;
/// Nobody fills it with one connector and many durations.
const MAX_OF_ONE: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::as_read::AsRead;
    use crate::caller::ServiceCaller;
    use crate::epoch::Epoch;

    fn expected(token: ServiceTokenId, duration_seconds: u32, due: Timestamp) -> Expected {
        let (name, expires_at) = ("ci".to_owned().try_into().unwrap(), Timestamp::MAX);
        let as_read = AsRead::of_service_token(token, Epoch::FIRST, expires_at);
        let caller = ServiceCaller { token, name, expires_at, connectors: BTreeSet::new(), as_read };
        Expected {
            caller: Caller::Service(caller),
            connector: "ci".to_owned().try_into().unwrap(),
            ask: VendRequest { duration_seconds: Some(duration_seconds), ..VendRequest::default() },
            issued_at: Timestamp::UNIX_EPOCH,
            due,
        }
    }

    #[test]
    fn who_asks_for_everything_is_expected_a_few_times_and_takes_nobodys_place() {
        let (ahead, now) = (Ahead::default(), Timestamp::UNIX_EPOCH);
        let (greedy, other) = (ServiceTokenId::random(), ServiceTokenId::random());
        for duration in 900..43_200 {
            ahead.expect(expected(greedy, duration, now));
        }
        ahead.expect(expected(greedy, 900, Timestamp::MAX));
        ahead.expect(expected(other, 3_600, now));
        let due = ahead.take_due(now);
        let of_greedy = due.iter().filter(|due| matches!(&due.caller, Caller::Service(it) if it.token == greedy));
        assert_eq!((of_greedy.count(), due.len()), (31, 32), "one of them is due later by now");
        assert_eq!(ahead.lock().count, 1);
        ahead.expect(expected(greedy, 1_000, now));
        assert_eq!(ahead.take_due(now).len(), 1, "there is room again");
        assert_eq!(ahead.take_due(Timestamp::MAX).len(), 1);
        let all = ahead.lock();
        assert_eq!((all.count, all.of.len()), (0, 0), "nobody is remembered who has come");
    }

    #[test]
    fn it_is_time_before_the_first_client_comes_back() {
        let begin = Timestamp::UNIX_EPOCH;
        let of = |minutes: i64| {
            let end = begin + SignedDuration::from_mins(minutes);
            due(begin, end).duration_since(begin).as_mins()
        };
        assert_eq!((of(60), of(720)), (44, 704));
        assert_eq!((of(30), of(16)), (15, 8), "at half of a short life");
    }
}
