//! Where somebody is, as far as addresses can be told apart: whoever has one address of IPv6 has the 2^64 of its network as well.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the 64 bits of IPv6 that one customer has. What is counted for each address is counted by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

/// As the store has it: `192.0.2.1` or `2001:db8:1:2::/64`, with all four parts written out.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => {
                let [first, second, third, fourth, ..] = address.segments();
                write!(f, "{first:x}:{second:x}:{third:x}:{fourth:x}::/64")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customers_ipv6_addresses_are_one() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"), "written otherwise it is the same");
    }

    #[test]
    fn it_is_written_as_counters_have_it() {
        let written = |text: &str| Network::of(text.parse().unwrap()).to_string();
        assert_eq!(written("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(written("2001:db8::1"), "2001:db8:0:0::/64");
        assert_eq!(written("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
