//! `/v1/admin`: what administrators, operators and auditors see and send.

mod access_keys;
mod audit;
mod connectors;
mod directories;
mod local_users;
mod service_tokens;
mod sessions;

pub use access_keys::{
    AccessKey, AccessKeyState, DamagedAccessKey, DamagedState, ListedAccessKey, NewAccessKey, RefusedAccessKey,
    ReplacedAccessKey, Serves,
};
pub use audit::AuditRecord;
pub use connectors::{
    AdminConnector, AssumeRole, Console, FederatedUser, ManagedBy, Principal, Reuse, ReuseShare, SessionToken, Tag,
    Tried, TryRequest,
};
pub use directories::{DirectoryTest, DirectoryTestRequest, Found, Grant, PasswordOutcome, PasswordTest};
pub use local_users::{LocalGroup, LocalUser, NewLocalGroup, NewLocalUser, NewPassword};
pub use service_tokens::{CreatedServiceToken, NewServiceToken, ServiceToken};
pub use sessions::{EndedSessions, SignedInSession};
