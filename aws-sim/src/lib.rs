//! A strict in-process stand-in for AWS, for demos and tests: STS, a little IAM, S3, passwords for ECR and CodeArtifact, and
//! the console's federation endpoint.
//!
//! ```no_run
//! # async fn demo() -> Result<(), aws_sim::StartError> {
//! use aws_sim::{AccessKey, Role, Sim, User, World};
//!
//! let trust = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}}"#;
//! let rights = r#"{"Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}"#;
//! let key = AccessKey::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
//! let world = World::new()
//!     .user(User::new("111111111111", "broker").inline_policy("vend", rights).key(key))
//!     .role(Role::new("111111111111", "deploy", trust));
//! let sim = Sim::start(world, ([127, 0, 0, 1], 0).into()).await?;
//! println!("STS is at {}", sim.endpoint());
//! # Ok(())
//! # }
//! ```
//!
//! It is strict where other stand-ins are lax: signatures, clock skew and expiry; the status of keys; every limit on
//! durations, names, tags, external IDs and policies; trust policies; who may call what with which credentials; and
//! vended credentials have the rights that AWS would give them. In a few places it is stricter than AWS, so that
//! mistakes show: unknown or repeated parameters are errors, root users get no credentials, and a condition on a key
//! that the sim does not know never lets an `Allow` apply nor keeps a `Deny` from applying.

mod authorize;
mod caller;
mod calls;
mod chance;
mod clock;
mod cloud;
mod consistency;
mod console;
mod faults;
mod front;
mod iam;
mod last_used;
mod params;
mod partition;
mod policy;
mod refusal;
mod registries;
mod s3;
mod server;
mod session;
mod signature;
mod sim;
mod spoil;
mod sts;
mod world;
mod xml;

pub use calls::{Call, Outcome};
pub use clock::Clock;
pub use consistency::Consistency;
pub use faults::{Calls, CredentialField, Fault, Faults};
pub use partition::Partition;
pub use sim::{Sim, StartError};
pub use world::{AccessKey, Bucket, KeyStatus, Role, User, World, WorldError, WorldHandle};
