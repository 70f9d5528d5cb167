//! The same caller asking the very same again gets live credentials again, and concurrent askers share one call to STS.

use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use moka::future::Cache;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::clock::{Clock, seconds_between};
use crate::connector::Reuse;
use crate::entitlement::Entitlement;
use crate::sts::{Credentials, OpenKey, Outage, StsError, StsRequest};
use crate::vault::digest;

/// Credentials that may be given again. In memory only, and only as long as they may.
#[derive(Clone, Debug)]
pub(super) struct Reusable {
    live: Cache<Key, Arc<Held>>,
    clock: Arc<dyn Clock>,
}

/// Everything that makes two askings the very same: the rendered request, the subject, the connector's revision, the key's
/// generation, and how strongly the subject proved itself.
type Key = [u8; 32];

#[derive(Debug)]
struct Held {
    credentials: Arc<Credentials>,
    /// How long they may be given again.
    usable: Duration,
}

/// Credentials, and whether they were there before this caller asked.
#[derive(Clone, Debug)]
pub(super) struct Obtained {
    pub(super) credentials: Arc<Credentials>,
    pub(super) reused: bool,
}

impl Reusable {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let live = Cache::builder().max_capacity(MAX_HELD).expire_after(ByShare).build();
        Self { live, clock }
    }

    /// What is there with enough life left. Nothing is waited for.
    pub(super) async fn held(&self, key: Key, reuse: Reuse) -> Option<Obtained> {
        match reuse {
            Reuse::Off => None,
            Reuse::MinimumShare(_) => {
                let held = self.live.get(&key).await.filter(|held| self.is_usable(held))?;
                Some(Obtained { credentials: Arc::clone(&held.credentials), reused: true })
            }
        }
    }

    /// Gives what is there with enough life left, or else asks by `call`, once for all who ask the same at the same time.
    ///
    /// The call is a task of its own: whoever hangs up cancels nobody else.
    pub(super) async fn obtain<F>(
        &self,
        key: Key,
        reuse: Reuse,
        fresh: bool,
        deadline: Instant,
        call: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) -> Result<Obtained, StsError>
    where
        F: Future<Output = Result<Credentials, StsError>> + Send + 'static,
    {
        let Reuse::MinimumShare(share) = reuse else { return alone(call).await };
        if fresh {
            let obtained = alone(call).await?;
            self.live.insert(key, Arc::new(Held::of(Arc::clone(&obtained.credentials), share))).await;
            return Ok(obtained);
        }
        if let Some(held) = self.live.get(&key).await
            && !self.is_usable(&held)
        {
            // The wall clock was set, or this timer is late: the credentials' own times decide.
            self.live.invalidate(&key).await;
        }
        loop {
            // Our own call ends at the same deadline, and says what AWS said last.
            let shared = tokio::time::timeout_at(deadline + LAST_WORD, self.share(key, share, call.clone())).await;
            match shared.unwrap_or(Err((StsError::Unavailable(Outage::Silent), true))) {
                Ok(obtained) => return Ok(obtained),
                // Another caller's deadline ended the call we waited for; ours has not come.
                Err((StsError::Unavailable(_), false)) if Instant::now() < deadline => {}
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// On failure also says whether the call was our own.
    async fn share<F>(
        &self,
        key: Key,
        share: f64,
        call: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Obtained, (StsError, bool)>
    where
        F: Future<Output = Result<Credentials, StsError>> + Send + 'static,
    {
        let live = self.live.clone();
        let own = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let asked = Arc::clone(&own);
        let flight = tokio::spawn(async move {
            let entry = live.entry(key).or_try_insert_with(async move {
                asked.store(true, std::sync::atomic::Ordering::Relaxed);
                call().await.map(|credentials| Arc::new(Held::of(Arc::new(credentials), share)))
            });
            entry.await.map(|entry| (Arc::clone(&entry.value().credentials), entry.is_fresh()))
        });
        let own = || own.load(std::sync::atomic::Ordering::Relaxed);
        match flight.await {
            Ok(Ok((credentials, fresh))) => Ok(Obtained { credentials, reused: !fresh }),
            Ok(Err(error)) => Err((StsError::clone(&error), own())),
            Err(_) => Err((StsError::Unusable("the task that asked has ended"), true)),
        }
    }

    fn is_usable(&self, held: &Held) -> bool {
        let age = seconds_between(held.credentials.issued_at, self.clock.now());
        u64::try_from(age).is_ok_and(|age| age <= held.usable.as_secs())
    }
}

impl Held {
    fn of(credentials: Arc<Credentials>, minimum_share: f64) -> Self {
        let usable = credentials.life.mul_f64((1.0 - minimum_share).clamp(0.0, 1.0));
        Self { credentials, usable }
    }
}

/// Shared with nobody, but still a task of its own.
async fn alone<F>(call: impl Fn() -> F) -> Result<Obtained, StsError>
where
    F: Future<Output = Result<Credentials, StsError>> + Send + 'static,
{
    let asked = tokio::spawn(call()).await.unwrap_or(Err(StsError::Unusable("the task that asked has ended")))?;
    Ok(Obtained { credentials: Arc::new(asked), reused: false })
}

/// The key under which credentials may be given again.
pub(super) fn key(entitlement: &Entitlement, key: &OpenKey, request: &StsRequest) -> Key {
    let (kind, first, second) = match entitlement.caller() {
        Caller::Person(caller) => {
            ("person", caller.person.subject.directory.to_string(), caller.person.subject.id.clone())
        }
        Caller::Service(caller) => ("service token", caller.token.to_string(), String::new()),
        Caller::Workload(caller) => ("workload", caller.issuer_url.clone(), hex::encode(caller.claims)),
    };
    let connector = entitlement.connector();
    digest(&[
        &request.digest(),
        kind.as_bytes(),
        first.as_bytes(),
        second.as_bytes(),
        level(entitlement.caller()),
        connector.id.as_bytes(),
        &connector.revision.to_be_bytes(),
        key.id.as_bytes(),
        &key.generation.to_be_bytes(),
    ])
}

struct ByShare;

impl moka::Expiry<Key, Arc<Held>> for ByShare {
    fn expire_after_create(&self, _: &Key, held: &Arc<Held>, _: StdInstant) -> Option<Duration> {
        Some(held.usable)
    }
}

/// How surely the caller has proved who they are: what was given to somebody with a second factor is for nobody without.
fn level(caller: &Caller) -> &'static [u8] {
    match caller {
        Caller::Person(person) if person.assurance.proved.is_some() => b"two factors",
        Caller::Person(_) | Caller::Service(_) | Caller::Workload(_) => b"one factor",
    }
}

const MAX_HELD: u64 = 50_000;
const LAST_WORD: Duration = Duration::from_millis(200);
