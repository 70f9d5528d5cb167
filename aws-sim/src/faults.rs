//! Trouble on demand: latency for all, and a queue of faults for chosen calls.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `Throttling`, 400, before anything is done.
    Throttle,
    /// `InternalFailure`, 500, before anything is done.
    InternalFailure,
    /// `ServiceUnavailable`, 503, before anything is done.
    ServiceUnavailable,
    /// The answer, a good one, comes only after this long.
    Stall(Duration),
    /// 200 and a page of HTML, as from a proxy that knows better.
    NotXml,
    /// 200, valid HTTP, but the document ends in the middle, before the session token.
    Truncated,
    /// 200 and well-formed XML, but one of the credentials' fields is not there.
    MissingField(CredentialField),
    /// The connection is closed without an answer. The call *was* carried out.
    DroppedConnection,
    /// The connection is closed in the middle of the answer.
    CutConnection,
    /// The answer, a good one, comes byte by byte, with this pause before each.
    SlowBytes(Duration),
    /// 200 and a document that begins well and goes on for so many bytes.
    Huge(u64),
    /// 307, to this origin: to somebody who would like to have what was sent.
    Redirect(String),
    /// Any other refusal, before anything is done.
    Refusal {
        /// The HTTP status.
        status: u16,
        /// AWS's code.
        code: &'static str,
        /// AWS's sentence.
        message: String,
    },
}

/// A field of the `Credentials` element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialField {
    /// `AccessKeyId`
    AccessKeyId,
    /// `SecretAccessKey`
    SecretAccessKey,
    /// `SessionToken`
    SessionToken,
    /// `Expiration`
    Expiration,
}

impl CredentialField {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessKeyId => "AccessKeyId",
            Self::SecretAccessKey => "SecretAccessKey",
            Self::SessionToken => "SessionToken",
            Self::Expiration => "Expiration",
        }
    }
}

/// Which calls a fault is meant for. The default is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    action: Option<String>,
    access_key_id: Option<String>,
}

impl Calls {
    /// Any call at all.
    pub fn any() -> Self {
        Self::default()
    }

    /// Calls of this action, such as `AssumeRole` or `getSigninToken`.
    pub fn of(action: &str) -> Self {
        Self { action: Some(action.to_owned()), access_key_id: None }
    }

    /// Of those, only the ones that this access key signs.
    #[must_use]
    pub fn by(mut self, access_key_id: &str) -> Self {
        self.access_key_id = Some(access_key_id.to_owned());
        self
    }

    fn include(&self, action: &str, access_key_id: Option<&str>) -> bool {
        self.action.as_deref().is_none_or(|wanted| wanted == action)
            && self.access_key_id.as_deref().is_none_or(|wanted| Some(wanted) == access_key_id)
    }
}

/// The faults that are yet to happen.
#[derive(Debug, Default)]
pub struct Faults {
    latency_micros: AtomicU64,
    waiting: AtomicUsize,
    standing: AtomicUsize,
    taken: AtomicUsize,
    queue: Mutex<Vec<Queued>>,
}

#[derive(Debug)]
struct Queued {
    /// Nothing: until cleared.
    times: Option<usize>,
    calls: Calls,
    fault: Fault,
}

impl Faults {
    /// Every answer from now on takes this much longer.
    pub fn latency(&self, latency: Duration) {
        self.latency_micros.store(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The next of these calls goes wrong.
    pub fn once(&self, calls: Calls, fault: Fault) {
        self.times(1, calls, fault);
    }

    /// The next `times` of these calls go wrong. A call takes the first fault that was queued for it.
    pub fn times(&self, times: usize, calls: Calls, fault: Fault) {
        self.push(Queued { times: Some(times), calls, fault });
    }

    /// All of these calls go wrong, until the faults are cleared; but first those faults that are queued for a number of calls.
    pub fn always(&self, calls: Calls, fault: Fault) {
        self.push(Queued { times: None, calls, fault });
    }

    /// How many faults have not happened yet, without those that happen always.
    pub fn pending(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// How many faults have begun to happen, ever: of a stall, its beginning.
    pub fn happened(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// No latency, no faults.
    pub fn clear(&self) {
        self.latency(Duration::ZERO);
        let mut queue = self.queue();
        queue.clear();
        self.count(&queue);
    }

    pub(crate) fn current_latency(&self) -> Duration {
        Duration::from_micros(self.latency_micros.load(Relaxed))
    }

    pub(crate) fn take(&self, action: &str, access_key_id: Option<&str>) -> Option<Fault> {
        if self.pending() == 0 && self.standing.load(Relaxed) == 0 {
            return None;
        }
        let mut queue = self.queue();
        let meant = |queued: &&mut Queued| queued.calls.include(action, access_key_id);
        let fault = match queue.iter_mut().filter(|queued| queued.times.is_some()).find(meant) {
            Some(queued) => {
                queued.times = queued.times.map(|times| times.saturating_sub(1));
                queued.fault.clone()
            }
            None => queue.iter_mut().find(meant)?.fault.clone(),
        };
        queue.retain(|queued| queued.times != Some(0));
        self.count(&queue);
        self.taken.fetch_add(1, Relaxed);
        Some(fault)
    }

    fn push(&self, queued: Queued) {
        let mut queue = self.queue();
        queue.push(queued);
        queue.retain(|queued| queued.times != Some(0));
        self.count(&queue);
    }

    fn count(&self, queue: &[Queued]) {
        self.waiting.store(queue.iter().filter_map(|queued| queued.times).sum(), Relaxed);
        self.standing.store(queue.iter().filter(|queued| queued.times.is_none()).count(), Relaxed);
    }

    fn queue(&self) -> MutexGuard<'_, Vec<Queued>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_go_to_the_calls_they_were_meant_for() {
        let faults = Faults::default();
        faults.times(2, Calls::of("AssumeRole").by("AKIA1"), Fault::Throttle);
        faults.once(Calls::any(), Fault::NotXml);
        assert_eq!(faults.take("AssumeRole", Some("AKIA2")), Some(Fault::NotXml));
        assert_eq!(faults.take("AssumeRole", Some("AKIA2")), None);
        assert_eq!(faults.take("AssumeRole", Some("AKIA1")), Some(Fault::Throttle));
        assert_eq!(faults.pending(), 1);
        assert_eq!(faults.take("GetCallerIdentity", Some("AKIA1")), None);
        assert_eq!(faults.take("AssumeRole", Some("AKIA1")), Some(Fault::Throttle));
        assert_eq!(faults.pending(), 0);
    }

    #[test]
    fn some_faults_are_there_until_they_are_cleared() {
        let faults = Faults::default();
        faults.always(Calls::any().by("AKIA1"), Fault::Throttle);
        faults.once(Calls::of("AssumeRole"), Fault::NotXml);
        faults.times(0, Calls::any(), Fault::NotXml);
        assert_eq!(faults.take("AssumeRole", Some("AKIA1")), Some(Fault::NotXml), "the counted one first");
        for _ in 0..100 {
            assert_eq!(faults.take("AssumeRole", Some("AKIA1")), Some(Fault::Throttle));
        }
        assert_eq!(faults.take("AssumeRole", Some("AKIA2")), None);
        assert_eq!((faults.pending(), faults.happened()), (0, 101));
        faults.clear();
        assert_eq!(faults.take("AssumeRole", Some("AKIA1")), None);
    }
}
