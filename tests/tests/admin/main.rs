//! The administration API through the front door: every route, by whom, and what comes of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod access_keys;
mod audit;
mod connectors;
mod directories;
mod roles;
mod service_tokens;
mod sessions;
mod trying;
