//! Trouble around a daemon that is a real process: AWS, the directory, the store, and being told to stop in the middle of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod clock;
mod directory;
mod ending;
mod opening;
mod outages;
mod read_only;
mod rekeyed;
mod replaced;
mod silence;
mod store;
mod sts;
mod stopping;
