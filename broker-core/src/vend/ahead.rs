//! Credentials that a client will come back for are fetched before it asks: AWS's own clients wait no more than a second or two.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Asking, Broker, VendError, VendRequest, Vended};
use crate::caller::Caller;
use crate::connector::Reuse;
use crate::id::{RequestId, ServiceTokenId, SessionId};
use crate::name::ConnectorName;
use crate::trail::{Origin, Recorded};

/// Who is expected again. In memory only: after a restart the first asking waits for AWS, as it would without this.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<HashMap<Key, Expected>>);

/// One asking of one caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    whose: Whose,
    connector: ConnectorName,
    duration_seconds: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Session(SessionId),
    Token(ServiceTokenId),
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

impl Ahead {
    fn expect(&self, expected: Expected) {
        let whose = match &expected.caller {
            Caller::Person(caller) => Whose::Session(caller.session),
            Caller::Service(caller) => Whose::Token(caller.token),
        };
        let (connector, duration_seconds) = (expected.connector.clone(), expected.ask.duration_seconds);
        let key = Key { whose, connector, duration_seconds };
        let mut all = self.lock();
        // Whoever comes when there are that many waits for AWS, and gets the same.
        if all.len() < MAX_EXPECTED || all.contains_key(&key) {
            all.insert(key, expected);
        }
    }

    /// Whose time has come. Each is fetched for once; whoever does not come back is not expected again.
    fn take_due(&self, now: Timestamp) -> Vec<Expected> {
        let mut all = self.lock();
        all.extract_if(|_, expected| expected.due <= now).map(|(_, expected)| expected).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Expected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Fetches ahead for as long as the daemon lives.
    pub async fn keep_ahead(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let due = self.ahead.take_due(self.clock.now());
            futures_util::stream::iter(due)
                .for_each_concurrent(AT_ONCE, |expected| {
                    let broker = self.clone();
                    async move { broker.fetch_ahead(expected).await }
                })
                .await;
        }
    }

    /// Whoever may not have them any more is not fetched for: all is proved anew, as it is again when they ask.
    async fn fetch_ahead(&self, expected: Expected) {
        let origin = Origin { request_id: RequestId::random(), client_address: None };
        let deadline = Instant::now() + DEADLINE;
        let asking = Asking { caller: &expected.caller, origin: &origin, deadline };
        if let Err(error) = self.fetch(&asking, &expected).await {
            tracing::debug!(connector = %expected.connector, %error, "credentials are not fetched ahead");
        }
    }

    async fn fetch(&self, asking: &Asking<'_>, expected: &Expected) -> Result<(), VendError> {
        let wish = self.wish_again(asking, &expected.connector, &expected.ask).await?;
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
const AT_ONCE: usize = 4;
const MAX_EXPECTED: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

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
