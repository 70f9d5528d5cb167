//! `/v1/admin`: what administrators, operators and auditors see and send.

mod audit;
mod connectors;
mod service_tokens;
mod sessions;

pub use audit::AuditRecord;
pub use connectors::{
    AdminConnector, AssumeRole, Console, FederatedUser, ManagedBy, Principal, Reuse, ReuseShare, SessionToken, Tag,
};
pub use service_tokens::{CreatedServiceToken, NewServiceToken, ServiceToken};
pub use sessions::SignedInSession;
