//! The rules of AWS, one by one, asked over HTTP with AWS's own client.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]

mod assume_role;
mod console;
mod faults;
mod iam;
mod kit;
mod services;
mod session_policies;
mod signature;
mod tags;
mod tokens;
mod trust;
