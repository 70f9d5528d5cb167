//! The JSON that the daemon and its clients share. Fields and names are the contract: add, rename none.

pub mod account;
pub mod admin;
pub mod ifaws;
mod connector;
mod list;
mod credentials;
mod problem;
mod readiness;
mod registry;
mod schema;
pub mod secret;
mod session;

pub use connector::{Connector, Connectors, PrincipalType, Scope};
pub use credentials::{
    CallerIdentity, ConsoleUrl, ConsoleUrlRequest, ContainerCredentials, CredentialProcess, Credentials,
    CredentialsRequest,
};
pub use list::List;
pub use problem::{AwsRefusal, ContainerProblem, Problem};
pub use readiness::{CheckStatus, Ready, ReadyStatus};
pub use registry::{CodeartifactCredentials, CodeartifactRequest, EcrCredentials, EcrRequest};
pub use session::{
    AdminRole, ChangePasswordRequest, FactorUsed, Identity, IdentityKind, SecondFactorRequest, Session, ShownFactor,
    SignInRequest, SignedIn,
};
