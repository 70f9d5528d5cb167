//! The kit of the tests: what a story starts around the broker, and how it asks.
//!
//! Everything here is started for one test and gone after it, even if the test process is killed; nothing is skipped when a
//! server is missing, it fails and says how to install it. `./tests/run` is the command that runs all of it.
//!
//! Each module uses only those further down.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a kit for tests: a panic is how it says that something is wrong"
)]

pub mod company;

pub mod brokerd;
pub mod browser;
pub mod barrier;
pub mod house;
pub mod injected;
pub mod world;
pub mod stage;

pub mod crowd;
pub mod gate;

pub mod host_identity;
pub mod keyring;
pub mod moto;
pub mod phone;
pub mod postgres;
pub mod proxy;
pub mod python;
pub mod relay;
pub mod samba;
pub mod secrets;
pub mod slapd;
pub mod stores;
pub mod strace;
pub mod terminal;
pub mod wall_clock;
pub mod wire;

pub mod apart;
pub mod authenticator;
pub mod certificates;
pub mod dpop;
pub mod elsewhere;
pub mod ended;
pub mod installed;
pub mod issuer;
pub mod log;
pub mod patience;
pub mod process;
mod forgetful;
mod watchdog;

pub mod environment;
