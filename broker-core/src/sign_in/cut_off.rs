//! People whom their directory has just called disabled or removed: it is not asked for each of their sessions, which all end at their next use.

use std::time::Duration;

use jiff::Timestamp;
use moka::sync::Cache;

use crate::caller::Subject;
use crate::session::Session;

/// When they were looked up, on this node, in the last seconds.
#[derive(Debug)]
pub(super) struct CutOff(Cache<Subject, Timestamp>);

impl Default for CutOff {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(BRIEFLY).build())
    }
}

impl CutOff {
    /// A directory that was asked at this moment does not know the person any more, or has disabled them.
    pub(super) fn note(&self, subject: &Subject, asked_at: Timestamp) {
        self.0.insert(subject.clone(), asked_at);
    }

    /// Whether that was said of the owner after the session was last looked at. Whoever was let in again meanwhile has a session that is newer.
    pub(super) fn is(&self, session: &Session) -> bool {
        self.0.get(&session.person.subject).is_some_and(|asked_at| asked_at > session.checked_at)
    }
}

/// Long enough for all that somebody's scripts and browsers ask at once; far below the bound.
const BRIEFLY: Duration = Duration::from_secs(5);
const MOST: u64 = 10_000;
