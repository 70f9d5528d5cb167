//! How servers are verified, and how we show them who we are.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::settings::SettingsProblem;
use super::trouble::Trouble;
use crate::directory::{Secured, Step, Told, Watch};

/// Verifies servers by some certificates and no others.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    /// Which of the system's certificates are left out, and why.
    unreadable: Vec<String>,
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    #[default]
    #[serde(rename = "1.2")]
    V12,
    #[serde(rename = "1.3")]
    V13,
}

/// A certificate that shows servers who we are, and its key, both in PEM.
#[derive(Debug)]
pub struct ClientCertificate {
    pub certificate: String,
    pub key: SecretString,
}

impl Tls {
    /// By the certificates of `ca_pem`, or else by the system's. Where no server uses TLS, none is trusted.
    pub(super) fn new(
        needed: bool,
        ca_pem: Option<&[u8]>,
        client: Option<&ClientCertificate>,
        oldest: TlsVersion,
    ) -> Result<Self, TlsProblem> {
        let (roots, unreadable) = roots(needed, ca_pem).map_err(TlsProblem::Roots)?;
        let versions: &[&SupportedProtocolVersion] = match oldest {
            TlsVersion::V12 => &[&TLS12, &TLS13],
            TlsVersion::V13 => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .map_err(|_| TlsProblem::Roots(SettingsProblem::Certificates))?
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let chain = certificates(client.certificate.as_bytes()).map_err(TlsProblem::Certificate)?;
                let key = PrivateKeyDer::from_pem_slice(client.key.expose_secret().as_bytes());
                let key = key.map_err(|_| TlsProblem::Key(SettingsProblem::Key))?;
                builder.with_client_auth_cert(chain, key).map_err(|_| TlsProblem::Key(SettingsProblem::Key))?
            }
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), unreadable })
    }

    /// Tells the log what is left out. Not when it was made: the configuration says how to log, and is read before the log begins.
    pub(super) fn warn(&self) {
        for error in &self.unreadable {
            tracing::warn!(%error, "a certificate of the system cannot be read");
        }
    }

    /// Puts a connection under TLS with the server of that name.
    pub(super) async fn connect(
        &self,
        name: &ServerName<'static>,
        tcp: TcpStream,
        watch: &Watch,
    ) -> Result<TlsStream<TcpStream>, Trouble> {
        let handshake = async { self.connector.connect(name.clone(), tcp).await.map_err(Trouble::Tls) };
        watch.doing(|| Step::Tls { name: name.to_str().into_owned() }, handshake, secured).await
    }
}

fn secured(stream: &TlsStream<TcpStream>) -> Told {
    let (_, connection) = stream.get_ref();
    Told::Secured(Secured {
        version: connection.protocol_version().and_then(|version| version.as_str()).map(str::to_owned),
        cipher: connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).map(str::to_owned),
        certificate: connection.peer_certificates().and_then(<[_]>::first).map(|first| first.to_vec()),
    })
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// Which of the settings is not good.
#[derive(Debug)]
pub(super) enum TlsProblem {
    Roots(SettingsProblem),
    Certificate(SettingsProblem),
    Key(SettingsProblem),
}

/// Who is trusted, and which certificates of the system are left out.
fn roots(needed: bool, ca_pem: Option<&[u8]>) -> Result<(RootCertStore, Vec<String>), SettingsProblem> {
    let mut roots = RootCertStore::empty();
    if !needed {
        return Ok((roots, Vec::new()));
    }
    if let Some(pem) = ca_pem {
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|_| SettingsProblem::Certificates)?;
        }
        return Ok((roots, Vec::new()));
    }
    // One unreadable certificate among the system's must not cost the others (pitfall 11).
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let unreadable = found.errors.iter().map(ToString::to_string).collect();
    if roots.is_empty() { Err(SettingsProblem::NoSystemCertificates) } else { Ok((roots, unreadable)) }
}

/// All certificates of a PEM text, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SettingsProblem> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty()).ok_or(SettingsProblem::Certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_must_be_certificates() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Tls::new(true, Some(pem.as_bytes()), None, TlsVersion::V12).is_err(), "{pem:?}");
        }
    }

    #[test]
    fn what_shows_who_we_are_must_be_a_certificate_with_its_key() {
        let nonsense = ClientCertificate { certificate: "nonsense".to_owned(), key: SecretString::from("nonsense") };
        let refused = Tls::new(false, None, Some(&nonsense), TlsVersion::V13);
        assert!(matches!(refused, Err(TlsProblem::Certificate(_))));
        assert!(
            !format!("{:?}", ClientCertificate { key: SecretString::from("s3cret"), ..nonsense }).contains("s3cret")
        );
    }
}
