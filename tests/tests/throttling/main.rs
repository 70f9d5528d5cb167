//! Guesses are counted by what was typed and by whose it is: a person with several names is one, and at home is at home.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod clear;
mod counting;
mod lockout;
mod signing_in;
mod writes;

use std::net::IpAddr;

use broker_core::caller::Subject;

/// A person of a directory, by their immutable id.
fn subject(directory: &str, id: &str) -> Subject {
    Subject { directory: directory.to_owned().try_into().unwrap(), id: id.to_owned() }
}

/// A network of its own for each number.
fn network(number: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, number])
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
/// Guesses that cost nothing.
const FREE: u8 = 5;
