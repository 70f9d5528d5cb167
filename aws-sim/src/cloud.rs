//! Everything that the sim's handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize};

use crate::calls::Journal;
use crate::clock::Clock;
use crate::consistency::Consistency;
use crate::console::SigninTokens;
use crate::faults::Faults;
use crate::last_used::LastUsed;
use crate::s3::Objects;
use crate::session::Sessions;
use crate::sts::UsedCodes;
use crate::world::WorldHandle;

/// The state. Nothing in it is locked for longer than it takes to copy or insert an entry.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) world: WorldHandle,
    pub(crate) sessions: Sessions,
    pub(crate) signin_tokens: SigninTokens,
    pub(crate) objects: Objects,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) consistency: Consistency,
    pub(crate) last_used: LastUsed,
    pub(crate) used_codes: UsedCodes,
    /// How long session tokens are at least.
    pub(crate) token_size: AtomicUsize,
    /// How long sessions last at most, whatever is asked.
    pub(crate) most_seconds: AtomicU32,
    pub(crate) journal: Journal,
    /// How many connections were accepted.
    pub(crate) connections: AtomicUsize,
    /// `http://127.0.0.1:PORT`
    pub(crate) endpoint: String,
}

pub(crate) type SharedCloud = Arc<Cloud>;
