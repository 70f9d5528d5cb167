//! When each long-term key was last used, where and for what: what `GetAccessKeyLastUsed` tells.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// The last good signature of each long-term key.
#[derive(Debug, Default)]
pub(crate) struct LastUsed(Mutex<HashMap<String, Use>>);

/// One use of a key.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) at: Timestamp,
    pub(crate) service: &'static str,
    pub(crate) region: String,
}

impl LastUsed {
    pub(crate) fn note(&self, id: &str, used: Use) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), used);
    }

    pub(crate) fn of(&self, id: &str) -> Option<Use> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}
