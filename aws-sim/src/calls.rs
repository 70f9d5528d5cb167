//! The journal of every call that the sim received.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::faults::Fault;

/// One call, as it looked from AWS's side. It holds no secrets.
#[derive(Clone, Debug)]
pub struct Call {
    /// `AssumeRole`, `ListUsers`, `GetObject`, `getSigninToken`…; empty if the request named none.
    pub action: String,
    /// Whose signature it bears (or claims to bear). For the federation endpoint, whose session it is.
    pub access_key_id: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The names of those parameters that stood in the URL, which others on the way write down.
    pub in_url: Vec<String>,
    /// The parameters as they came, without MFA codes, sessions and sign-in tokens. For S3, `path` is there too.
    pub parameters: BTreeMap<String, String>,
    /// What came of it.
    pub outcome: Outcome,
    /// The fault that was planted on it.
    pub fault: Option<Fault>,
    /// When, in the world's time.
    pub at: Timestamp,
    /// The request id in the answer.
    pub request_id: String,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Ok,
    /// It was refused with this code.
    Error(String),
}

/// The last calls, in order.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<VecDeque<Call>>);

impl Journal {
    pub(crate) fn write(&self, call: Call) {
        let mut calls = self.calls();
        if calls.len() >= CAPACITY {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    pub(crate) fn read(&self) -> Vec<Call> {
        self.calls().iter().cloned().collect()
    }

    pub(crate) fn count(&self, action: &str) -> usize {
        self.calls().iter().filter(|call| call.action == action).count()
    }

    pub(crate) fn forget(&self) {
        self.calls().clear();
    }

    fn calls(&self) -> MutexGuard<'_, VecDeque<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bound on the memory that a benchmark can take.
const CAPACITY: usize = 100_000;
