//! Where the daemon listens, and which proxies it believes.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::Listen;
use super::fields::ListenFields;
use super::load::Loader;

/// A network, or a single address.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(|net| Self(net.trunc())).map_err(|_| "write a network such as 10.0.0.0/8, or an address")
    }
}

impl Loader<'_> {
    pub(super) fn listen(&mut self, fields: ListenFields) -> Listen {
        let ListenFields { address, trusted_proxies } = fields;
        let networks: Vec<IpNet> = trusted_proxies.into_iter().map(|Network(net)| net).collect();
        // Two halves are everything as well.
        if IpNet::aggregate(&networks).iter().any(|net| net.prefix_len() == 0) {
            let text = "not everybody is your proxy: name the networks that your reverse proxies have";
            self.error(&["listen", "trusted_proxies"], text);
        } else if !address.ip().is_loopback() && networks.is_empty() && !self.is_spoilt("listen") {
            let text = "plain HTTP does not leave the machine: listen on 127.0.0.1, or name the reverse proxy that \
                        speaks TLS in trusted_proxies";
            self.error(&["listen", "address"], text);
        }
        Listen { address, trusted_proxies: networks }
    }
}
