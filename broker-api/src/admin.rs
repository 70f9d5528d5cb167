//! `/v1/admin`: what administrators, operators and auditors see and send.

mod connectors;
mod sessions;

pub use connectors::{AdminConnector, ManagedBy};
pub use sessions::SignedInSession;
