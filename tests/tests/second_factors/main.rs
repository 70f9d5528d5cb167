//! What people show beside their password: who is asked for it, that a code is good once, what it opens, and what becomes of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod enrolling;
mod host;
mod nodes;
mod pages;
mod passkeys;
mod policy;
mod signing_in;
mod timed;
