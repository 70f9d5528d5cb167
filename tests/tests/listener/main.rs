//! The daemon's listener, against those who speak to it badly, slowly, too much or not at all: real processes, raw sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is how they fail")]

mod limits;
mod line;
mod plain;
mod rooms;
mod slow;
mod tls;

use tests::brokerd::Installation;

/// An installation without people; `limits` is a TOML table without its braces.
fn installation(limits: &str) -> Installation {
    let directory = "[[directory]]\nname = \"local\"\nbackend.local.people = []\n";
    Installation::new(&format!("limits = {{ {limits} }}\n{directory}"), "")
}
