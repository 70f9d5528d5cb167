//! Temporary credentials that the sim has issued, and what they stand for.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::policy::Policy;

/// One set of temporary credentials.
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) account: String,
    pub(crate) actor: Actor,
    pub(crate) limits: Limits,
    pub(crate) mfa: bool,
    pub(crate) tags: Vec<Tag>,
    pub(crate) source_identity: Option<String>,
}

/// Who acts with the credentials.
#[derive(Clone, Debug)]
pub(crate) enum Actor {
    /// `AssumeRole`.
    Role { role_arn: String, role_id: String, session_arn: String, session_name: String, by_long_term_key: bool },
    /// `GetFederationToken`.
    Federated { user_arn: String, session_arn: String, name: String },
    /// `GetSessionToken`.
    User { user_arn: String },
}

/// What the session policies leave over of the actor's own rights.
#[derive(Clone, Debug)]
pub(crate) enum Limits {
    /// All of them: no session policy was given, and none is needed.
    Whole,
    /// What any of these allows: inline and managed session policies together. None of them is nothing.
    Within(Vec<Arc<Policy>>),
}

/// A session tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) transitive: bool,
}

impl Session {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("access_key_id", &self.access_key_id)
            .field("actor", &self.actor)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// All sessions, until there are too many: the oldest are then forgotten.
#[derive(Debug, Default)]
pub(crate) struct Sessions(RwLock<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    by_key: HashMap<String, Arc<Session>>,
    order: VecDeque<String>,
}

impl Sessions {
    pub(crate) fn keep(&self, new: &Arc<Session>) {
        let mut room = self.0.write().unwrap_or_else(PoisonError::into_inner);
        room.by_key.insert(new.access_key_id.clone(), new.clone());
        room.order.push_back(new.access_key_id.clone());
        if room.order.len() > CAPACITY
            && let Some(oldest) = room.order.pop_front()
        {
            room.by_key.remove(&oldest);
        }
    }

    pub(crate) fn find(&self, access_key_id: &str) -> Option<Arc<Session>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_key.get(access_key_id).cloned()
    }
}

/// Enough for any test, and a bound on the memory that a benchmark can take.
const CAPACITY: usize = 100_000;
