//! The certificate that the daemon proves itself with, and its key: read from two files, and refused where clients would.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use broker_core::file::{Environment, Folders, ReferenceError};
use jiff::Timestamp;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use secrecy::ExposeSecret;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Where the certificate and its key are, as the configuration names them. Links are followed each time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    configuration: PathBuf,
    secrets_folder: Option<PathBuf>,
    certificate: PathBuf,
    key: PathBuf,
    /// Whom clients take the daemon for; nothing where a proxy stands between.
    host: Option<String>,
}

/// A certificate that is good now, with those that vouch for it, and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(crate) certified: Arc<CertifiedKey>,
    /// When it ceases to be good.
    pub expires_at: Timestamp,
}

/// Why the two files cannot be used. Says nothing of what stands in the key's.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate cannot be read")]
    Certificate(#[source] ReferenceError),
    #[error("the key cannot be read")]
    Key(#[source] ReferenceError),
    #[error("`{}` holds no certificate in PEM, or a broken one", .0.display())]
    NoCertificate(PathBuf),
    #[error("`{}` holds no private key in PEM that is in use for TLS (PKCS #8, PKCS #1 or SEC1, without a password)", .0.display())]
    NoKey(PathBuf),
    #[error(
        "`{}` is not the key of the first certificate in `{}`: the broker's own comes first, then those that vouch for it",
        key.display(), certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate expired at {0}: put a new one in its place")]
    Expired(Timestamp),
    #[error("the certificate is good only from {0} on: look at the machine's clock")]
    NotYet(Timestamp),
    #[error("the certificate is not for `{0}`, the host of public_url: clients would refuse it")]
    OtherHost(String),
}

impl CertificateFiles {
    pub(crate) fn new(
        configuration: &Path,
        secrets_folder: Option<&Path>,
        certificate: PathBuf,
        key: PathBuf,
        host: Option<&str>,
    ) -> Self {
        // An IPv6 address stands in brackets in a URL and in nothing else.
        let host = host.map(|host| host.trim_matches(['[', ']']).to_owned());
        let (configuration, secrets_folder) = (configuration.to_owned(), secrets_folder.map(Path::to_owned));
        Self { configuration, secrets_folder, certificate, key, host }
    }

    /// Reads both files, and refuses what a client would refuse at `now`.
    pub fn read(&self, now: Timestamp) -> Result<Certificate, CertificateError> {
        use CertificateError::{Expired, Key, Mismatch, NoCertificate, NoKey, NotYet, OtherHost};
        let environment = Environment::default();
        let folders = Folders::of(&self.configuration, self.secrets_folder.as_deref(), &environment);
        let (at, key_at) = (folders.locate(&self.certificate), folders.locate(&self.key));
        let pem = folders.text(&self.certificate, MAX_FILE).map_err(CertificateError::Certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| NoCertificate(at.clone()))?;
        let own = chain.first().ok_or_else(|| NoCertificate(at.clone()))?;
        let (_, parsed) = X509Certificate::from_der(own).map_err(|_| NoCertificate(at.clone()))?;
        let instant = |seconds| Timestamp::from_second(seconds).map_err(|_| NoCertificate(at.clone()));
        let begins_at = instant(parsed.validity().not_before.timestamp())?;
        let expires_at = instant(parsed.validity().not_after.timestamp())?;
        let for_names = ParsedCertificate::try_from(own).map_err(|_| NoCertificate(at.clone()))?;
        if let Some(host) = &self.host {
            let name = ServerName::try_from(host.as_str()).map_err(|_| OtherHost(host.clone()))?;
            verify_server_name(&for_names, &name).map_err(|_| OtherHost(host.clone()))?;
        }
        if now < begins_at {
            return Err(NotYet(begins_at));
        }
        if now >= expires_at {
            return Err(Expired(expires_at));
        }
        let pem = folders.private_text(&self.key, MAX_FILE).map_err(Key)?;
        let key = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| NoKey(key_at.clone()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => Mismatch { certificate: at, key: key_at },
            _ => NoKey(key_at),
        })?;
        Ok(Certificate { certified: Arc::new(certified), expires_at })
    }

    /// Changes whenever one of the files does, or what a link leads to.
    pub(crate) fn fingerprint(&self) -> [Option<Fingerprint>; 2] {
        let environment = Environment::default();
        let folders = Folders::of(&self.configuration, self.secrets_folder.as_deref(), &environment);
        [&self.certificate, &self.key].map(|path| Fingerprint::of(&folders.locate(path)))
    }
}

impl Certificate {
    /// How long it is good, once that is soon over.
    pub fn expires_soon(&self, now: Timestamp) -> Option<Duration> {
        let left = Duration::try_from(self.expires_at.duration_since(now)).unwrap_or_default();
        (left < SOON).then_some(left)
    }
}

/// What the system says of a file that changes when the file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    inode: (u64, u64),
    length: u64,
    modified: SystemTime,
    changed: (i64, i64),
}

impl Fingerprint {
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: (found.dev(), found.ino()),
            length: found.len(),
            modified: found.modified().ok()?,
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// A chain of a few certificates; the key has less.
const MAX_FILE: u64 = 64 * 1024;
/// Long enough to mend whatever was to renew it.
const SOON: Duration = Duration::from_hours(14 * 24);
