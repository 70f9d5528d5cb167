//! The heart of brokerd: who may have which AWS credentials, how they are made, and the proof of it. Knows no HTTP server.
//!
//! Modules stand in order: each uses only modules further down.

pub mod directory;
pub mod caller;
pub mod lifetime;
pub mod arn;
pub mod partition;
pub mod name;
pub mod id;
pub mod clock;
