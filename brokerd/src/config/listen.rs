//! Where the daemon listens, by which certificate, and which proxies it believes.

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::Listen;
use super::fields::{ListenFields, TlsFields};
use super::load::Loader;
use crate::certificate::CertificateFiles;

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
    /// The certificate itself is looked at by whoever serves, or checks: other subcommands work with one that has expired.
    pub(super) fn listen(&mut self, fields: ListenFields, public_url: Option<&Url>, secrets: Option<&Path>) -> Listen {
        let ListenFields { address, tls, trusted_proxies } = fields;
        let networks: Vec<IpNet> = trusted_proxies.into_iter().map(|Network(net)| net).collect();
        // Two halves are everything as well.
        if IpNet::aggregate(&networks).iter().any(|net| net.prefix_len() == 0) {
            let text = "not everybody is your proxy: name the networks that your reverse proxies have";
            self.error(&["listen", "trusted_proxies"], text);
        } else if tls.is_none() && !address.ip().is_loopback() && networks.is_empty() && !self.is_spoilt("listen") {
            let text = "plain HTTP does not leave the machine: give listen a certificate (tls), listen on 127.0.0.1, or \
                        name the reverse proxy that speaks TLS in trusted_proxies";
            self.error(&["listen", "address"], text);
        }
        if tls.is_some() && public_url.is_some_and(|url| url.scheme() != "https") {
            self.error(&["public_url"], "the broker speaks TLS (listen.tls): write https");
        }
        // Behind a proxy, the name on the certificate is a matter between the two.
        let host = public_url.filter(|_| networks.is_empty()).and_then(Url::host_str);
        let tls = tls.map(|TlsFields { certificate, key }| {
            let source = &self.document.source;
            CertificateFiles::new(source.path(), secrets, certificate, key, host)
        });
        Listen { address, tls, trusted_proxies: networks }
    }
}
