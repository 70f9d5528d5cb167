//! Whether a password is on its way to a server that has not answered to it: an answer that is too late then means something else.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{AuthenticateError, Unavailable};

/// Of one sign-in.
#[derive(Debug, Default)]
pub(super) struct Shown(AtomicBool);

impl Shown {
    pub(super) fn sent(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// What it is for whoever signs in that there was no answer in time: the server may have counted what it was shown.
    pub(super) fn late(&self, late: Unavailable) -> AuthenticateError {
        if self.0.load(Ordering::Relaxed) { AuthenticateError::Unanswered(late) } else { late.into() }
    }
}
