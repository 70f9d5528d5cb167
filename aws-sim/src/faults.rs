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
    queue: Mutex<Vec<Queued>>,
}

#[derive(Debug)]
struct Queued {
    times: usize,
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
        let mut queue = self.queue();
        queue.push(Queued { times, calls, fault });
        self.waiting.store(queue.iter().map(|queued| queued.times).sum(), Relaxed);
    }

    /// How many faults have not happened yet.
    pub fn pending(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// No latency, no faults.
    pub fn clear(&self) {
        self.latency(Duration::ZERO);
        self.queue().clear();
        self.waiting.store(0, Relaxed);
    }

    pub(crate) fn current_latency(&self) -> Duration {
        Duration::from_micros(self.latency_micros.load(Relaxed))
    }

    pub(crate) fn take(&self, action: &str, access_key_id: Option<&str>) -> Option<Fault> {
        if self.pending() == 0 {
            return None;
        }
        let mut queue = self.queue();
        let queued = queue.iter_mut().find(|queued| queued.times > 0 && queued.calls.include(action, access_key_id))?;
        queued.times -= 1;
        let fault = queued.fault.clone();
        queue.retain(|queued| queued.times > 0);
        self.waiting.store(queue.iter().map(|queued| queued.times).sum(), Relaxed);
        Some(fault)
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
}
