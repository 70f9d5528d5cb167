//! People whom their directory has just called disabled or removed: all of their sessions end at once, and it is not asked for each.

use std::time::Duration;

use jiff::Timestamp;
use moka::sync::Cache;

use crate::caller::Subject;
use crate::clock::seconds_between;
use crate::session::Session;

/// When they were looked up, on this node, in the last seconds.
#[derive(Debug)]
pub(super) struct CutOff(Cache<Subject, Timestamp>);

impl Default for CutOff {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(Duration::from_secs(SECONDS.into())).build())
    }
}

impl CutOff {
    /// A directory that was asked at this moment does not know the person any more, or has disabled them.
    pub(super) fn note(&self, subject: &Subject, asked_at: Timestamp) {
        self.0.insert(subject.clone(), asked_at);
    }

    /// Whether that was said of the owner after the session was last looked at. Whoever was let in again meanwhile has a session that is newer.
    pub(super) fn is(&self, session: &Session, now: Timestamp) -> bool {
        self.last(&session.person.subject, now).is_some_and(|asked_at| asked_at > session.checked_at)
    }

    /// Whether it was said of them at all: whoever is remembered is to be read anew.
    pub(super) fn has(&self, subject: &Subject, now: Timestamp) -> bool {
        self.last(subject, now).is_some()
    }

    fn last(&self, subject: &Subject, now: Timestamp) -> Option<Timestamp> {
        let is_of_now = |asked_at: &Timestamp| (0..i64::from(SECONDS)).contains(&seconds_between(*asked_at, now));
        self.0.get(subject).filter(is_of_now)
    }
}

/// Long enough for all that somebody's scripts and browsers ask at once; far below the bound.
const SECONDS: u32 = 5;
const MOST: u64 = 10_000;
