//! The heart of brokerd: who may have which AWS credentials, how they are made, and the proof of it. Knows no HTTP server.
//!
//! Modules stand in order: each uses only modules further down.

pub mod vend;
pub mod console;
pub mod administration;
pub mod catalog;
pub mod oauth;
pub mod sign_in;
pub mod workload;
pub mod inventory;
pub mod iam;
pub mod registry;
pub mod signed;
pub mod kms;
pub mod sts;
pub mod entitlement;
pub mod permission;
pub mod trail;
pub mod directory;
pub mod store;
pub mod file;
pub mod access_key;
pub mod connector;
pub mod authorization;
pub mod second_factor;
pub mod session;
pub mod caller;
pub mod as_read;
pub mod assurance;
pub mod vault;
pub mod principal;
pub mod reason;
pub mod tag;
pub mod policy;
pub mod session_name;
pub mod destination;
pub mod lifetime;
pub mod arn;
pub mod partition;
pub mod name;
pub mod id;
pub mod epoch;
pub mod clock;
pub mod meter;
pub mod network;
mod places;
pub mod character;
