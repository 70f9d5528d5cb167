//! TLS by the daemon itself: a certificate that can be replaced while it serves.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use broker_core::clock::Clock;
use broker_core::file::with_causes;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::certificate::{Certificate, CertificateError, CertificateFiles};

/// What a listener needs to speak TLS. Clones share the certificate.
#[derive(Clone, Debug)]
pub struct Tls {
    files: CertificateFiles,
    shown: Arc<Shown>,
    config: Arc<ServerConfig>,
    clock: Arc<dyn Clock>,
}

/// The certificate that whoever connects now is shown.
#[derive(Debug)]
struct Shown(ArcSwap<Certificate>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().certified))
    }
}

impl Tls {
    /// Reads the certificate; the daemon does not start with a bad one.
    pub fn open(files: CertificateFiles, clock: Arc<dyn Clock>) -> Result<Self, CertificateError> {
        let shown = Arc::new(Shown(ArcSwap::from_pointee(files.read(clock.now())?)));
        // TLS 1.2 and 1.3: the library knows nothing older. No early data, so nothing can be replayed.
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = Self { files, shown, config: Arc::new(config), clock };
        tls.warn_of_the_end();
        Ok(tls)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Takes the files' pair if it is good; otherwise the one before stays. Connections keep what they began with.
    pub(crate) async fn read_again(&self) {
        let (files, now) = (self.files.clone(), self.clock.now());
        // Files may be on a slow disk, and a key takes a while to check.
        match tokio::task::spawn_blocking(move || files.read(now)).await {
            Ok(Ok(certificate)) => {
                let expires_at = certificate.expires_at;
                self.shown.0.store(Arc::new(certificate));
                tracing::info!(%expires_at, "the certificate has been read again");
                self.warn_of_the_end();
            }
            Ok(Err(error)) => {
                tracing::error!(
                    error = with_causes(&error),
                    alarm = "certificate",
                    "the new certificate is not used; the one before stays"
                );
            }
            Err(error) => {
                tracing::error!(%error, alarm = "certificate", "the new certificate is not used; the one before stays");
            }
        }
    }

    /// Looks after the files for as long as the daemon serves: new ones count as soon as both are there.
    pub(crate) async fn follow(self) {
        let (mut used, mut last) = (self.files.fingerprint(), self.files.fingerprint());
        let mut warned_at = self.clock.now();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let files = self.files.clone();
            let Ok(seen) = tokio::task::spawn_blocking(move || files.fingerprint()).await else { continue };
            // Two files are never replaced at once: they count when they have stayed the same between two looks.
            if seen != used && seen == last {
                self.read_again().await;
                used = seen;
            }
            last = seen;
            if self.clock.now().duration_since(warned_at).unsigned_abs() >= WARN_EVERY {
                self.warn_of_the_end();
                warned_at = self.clock.now();
            }
        }
    }

    fn warn_of_the_end(&self) {
        let (certificate, now) = (self.shown.0.load(), self.clock.now());
        let expires_at: Timestamp = certificate.expires_at;
        match certificate.expires_soon(now) {
            Some(left) if left.is_zero() => {
                tracing::error!(%expires_at, alarm = "certificate", "the certificate has expired: clients refuse it");
            }
            Some(_) => {
                tracing::warn!(%expires_at, alarm = "certificate", "the certificate expires soon: put a new one in its place");
            }
            None => {}
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
const WARN_EVERY: Duration = Duration::from_hours(24);
