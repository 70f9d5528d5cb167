//! What administrators change: access keys, connectors, service tokens, the connectors file, a role's live sessions and lost second factors, each
//! together with its audit record or not at all.

mod access_keys;
mod apply;
mod connectors;
mod damaged;
mod denial;
mod epochs;
mod local_users;
mod proof;
mod prove_unproved;
mod prune;
mod rekey;
mod second_factors;
mod service_tokens;
mod trail;
mod sessions;

use std::sync::Arc;

use crate::clock::Clock;
use crate::store::Store;
use crate::trail::Trail;
use crate::vault::Vault;

pub use access_keys::{AccessKeyError, NewAccessKey, SeenAccessKey};
pub use apply::ApplyError;
pub use connectors::{ConnectorChangeError, SeenConnector};
pub use damaged::DamagedRowError;
pub use denial::POLICY_NAME;
pub use epochs::{EpochError, NewEpoch, Restored};
pub use local_users::{
    ListedGroup, ListedUser, LocalUserError, LocalUsers, LocalUsersParts, NewLocalUser, OwnPassword, OwnPasswordError,
    SeenGroup, SeenUser, UserForm,
};
pub use proof::{NotProved, Proof};
pub use rekey::{Left, Progress, RekeyError, Rekeyed, Survey, WhyLeft};
pub use second_factors::ResetError;
pub use service_tokens::{DEFAULT_DAYS, MAX_DAYS, NewServiceToken, Revoked, ServiceTokenError, TokenIdentifier};
pub use sessions::{Aws, Revocation, RevokeError, RevokedSessions, SessionsOf};
pub use trail::ProvedRecord;

/// A connector or a key is gone.
#[derive(Clone, Copy, Debug)]
pub struct Removed {
    /// Not where the trail cannot be written at this moment: a process that goes on writes it there later.
    pub recorded: bool,
}

/// Makes administrative changes. Clones share everything.
#[derive(Clone, Debug)]
pub struct Administration {
    store: Store,
    vault: Arc<Vault>,
    trail: Trail,
    clock: Arc<dyn Clock>,
}

impl Administration {
    pub fn new(store: Store, vault: Arc<Vault>, trail: Trail, clock: Arc<dyn Clock>) -> Self {
        Self { store, vault, trail, clock }
    }
}
