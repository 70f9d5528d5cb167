//! Where an issuer may be: not on networks of our own, unless its entry says so. Looked at after the name has become an address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Finds addresses, and leaves out those where the issuer may not be.
#[derive(Clone, Debug)]
pub(super) struct PublicOnly {
    /// Other names (a proxy's) are the operator's own choice.
    host: Arc<str>,
}

impl PublicOnly {
    pub(super) fn of(host: &str) -> Self {
        Self { host: host.to_ascii_lowercase().into() }
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let guarded = name.as_str().eq_ignore_ascii_case(&self.host);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> =
                found.into_iter().filter(|address| !guarded || is_public(address.ip())).collect();
            if public.is_empty() {
                let text = "its name leads to no public address (`private_network = true` takes others)";
                return Err(io::Error::other(text).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether everybody's network leads there.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let parts = address.segments();
            let [_, _, _, _, _, _, high, low] = parts;
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            match parts {
                // What is translated leads to the address that is in it.
                [0x64, 0xff9b, 0, 0, 0, 0, _, _] => is_public_v4(Ipv4Addr::new(a, b, c, d)),
                // Global unicast (RFC 4291), but for documentation, 6to4 and Teredo.
                [0x2001, 0x0db8 | 0, ..] | [0x2002, ..] => false,
                [first, ..] => first & 0xe000 == 0x2000,
            }
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = a == 0
        || a >= 224
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18);
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_to_a_network_of_our_own_leads_nowhere() {
        let found =
            async |guard: &PublicOnly, name: &str| guard.resolve(name.parse().unwrap()).await.map(Iterator::count);
        let guard = PublicOnly::of("LocalHost");
        let refused = found(&guard, "localhost").await.unwrap_err();
        assert!(refused.to_string().contains("no public address"), "{refused}");
        assert!(found(&guard, "LOCALHOST").await.is_err());
        // A proxy may be anywhere.
        assert!(found(&PublicOnly::of("issuer.example"), "localhost").await.unwrap() > 0);
    }

    #[test]
    fn networks_of_our_own_are_told_from_everybodys() {
        for public in ["140.82.112.3", "2606:4700::1111", "64:ff9b::8c52:7003", "::ffff:140.82.112.3"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for own in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.1.2.3",
            "::10.1.2.3",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:1::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
    }
}
