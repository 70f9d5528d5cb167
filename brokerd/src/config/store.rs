//! Where the store is, its password, and what proves its server.

use std::path::{Path, PathBuf};

use broker_core::file::{ReferenceError, SecretRef, with_causes};
use broker_core::store::Location;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use super::fields::StoreFields;
use super::load::Loader;

impl Loader<'_> {
    pub(super) fn store(&mut self, fields: &StoreFields) -> Option<Location> {
        let location = match fields.url.parse::<Location>() {
            Ok(location) => location,
            Err(error) => {
                self.error(&["store", "url"], &with_causes(&error));
                return None;
            }
        };
        let password = match fields.password.as_ref().map(|reference| self.folders.secret(reference)) {
            None => None,
            Some(Ok(secret)) => Some(secret),
            Some(Err(error)) => {
                self.error(&["store", "password"], &with_causes(&error));
                return None;
            }
        };
        match (location, password) {
            (Location::Postgres { url, .. }, password) => {
                Some(Location::Postgres { url: self.with_files(&url)?, password })
            }
            (Location::Sqlite(_) | Location::Memory, Some(_)) => {
                self.error(&["store", "password"], "SQLite has no password: take it away");
                None
            }
            (Location::Sqlite(path), None) => Some(Location::Sqlite(self.own_path(&["store", "url"], &path)?)),
            (Location::Memory, None) => {
                self.warn(&["store", "url"], "the trail, keys and sessions are gone when the process is");
                Some(Location::Memory)
            }
        }
    }
    /// The URL with its certificates' files where this file means them: in its own folder, or the one for secrets.
    fn with_files(&mut self, url: &str) -> Option<String> {
        let mut url = Url::parse(url).ok()?;
        let mut pairs = Vec::new();
        for (key, value) in url.query_pairs() {
            let path = Path::new(&*value);
            let looked_at = match &*key {
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" => Some(self.certificates(path)),
                "sslkey" | "ssl-key" => Some(self.key(path)),
                _ => None,
            };
            let value = match looked_at {
                None => value.into_owned(),
                Some(Ok(path)) => path.to_string_lossy().into_owned(),
                Some(Err(text)) => {
                    self.error(&["store", "url"], &format!("{key}: {text}"));
                    return None;
                }
            };
            pairs.push((key.into_owned(), value));
        }
        if !pairs.is_empty() {
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        Some(url.into())
    }

    fn certificates(&self, path: &Path) -> Result<PathBuf, String> {
        let pem = self.folders.text(path, MAX_PEM_FILE).map_err(told)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(self.folders.locate(path)),
            Ok(_) | Err(_) => Err(format!("`{}` holds no certificates in PEM", path.display())),
        }
    }

    fn key(&self, path: &Path) -> Result<PathBuf, String> {
        self.folders.secret(&SecretRef::File(path.to_owned())).map_err(told)?;
        Ok(self.folders.locate(path))
    }
}

fn told(error: ReferenceError) -> String {
    with_causes(&error)
}

const MAX_PEM_FILE: u64 = 1 << 20;
