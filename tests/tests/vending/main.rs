//! Credentials through the front door: brokerd as a process, a strict stand-in for AWS behind it, and AWS's own clients after it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod administrators;
mod copying;
mod deadlines;
mod durations;
mod faults;
mod flights;
mod formats;
mod console;
mod keys;
mod mfa;
mod names;
mod narrowing;
mod new_keys;
mod nodes;
mod pool;
mod reasons;
mod requests;
mod reuse;
mod revoking;
mod session_tokens;
mod shipped_policies;
