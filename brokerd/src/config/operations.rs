//! Where operators and their machines ask, and the token that opens causes and metrics.

use std::net::SocketAddr;

use broker_core::file::with_causes;
use secrecy::{ExposeSecret, SecretString};

use super::fields::OperationsFields;
use super::load::Loader;

/// A listener of its own for operators, a token, both or neither.
#[derive(Debug, Default)]
pub struct OperationsSettings {
    pub address: Option<SocketAddr>,
    pub token: Option<SecretString>,
}

impl Loader<'_> {
    pub(super) fn operations(&mut self, fields: &OperationsFields, has_certificate: bool) -> OperationsSettings {
        let token = match fields.token.as_ref().map(|reference| self.folders.secret(reference)) {
            None => None,
            Some(Ok(token)) if is_long_enough(&token) => Some(token),
            Some(Ok(_)) => {
                let text =
                    "too short to be no guess: take at least 32 characters without blanks (openssl rand -hex 32)";
                self.error(&["operations", "token"], text);
                None
            }
            Some(Err(error)) => {
                self.error(&["operations", "token"], &with_causes(&error));
                None
            }
        };
        let leaves_the_machine = fields.address.is_some_and(|address| !address.ip().is_loopback());
        if leaves_the_machine && token.is_none() && !self.is_spoilt("operations") {
            let text = "beyond this machine, metrics want a token: set operations.token, or listen on 127.0.0.1";
            self.error(&["operations", "address"], text);
        }
        if leaves_the_machine && !has_certificate && !self.is_spoilt("listen") {
            let text = "plain HTTP does not leave the machine, the token would be read on its way: give listen a certificate (tls), which \
                        counts here too, or listen on 127.0.0.1";
            self.error(&["operations", "address"], text);
        }
        OperationsSettings { address: fields.address, token }
    }
}

fn is_long_enough(token: &SecretString) -> bool {
    let token = token.expose_secret();
    token.len() >= MIN_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic())
}

const MIN_TOKEN: usize = 32;
