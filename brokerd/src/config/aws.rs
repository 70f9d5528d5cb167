//! How AWS is asked, and by which way.

use broker_core::file::with_causes;
use broker_core::file::{SecretRef, WebUrl};
use broker_core::iam::IamSettings;
use broker_core::registry::RegistrySettings;
use broker_core::signed::Patience;
use broker_core::sts::{Outbound, PastProxy, Proxy, ProxyLogin, StsSettings};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use super::Aws;
use super::fields::{AwsFields, ProxyFields};
use super::load::Loader;

impl Loader<'_> {
    pub(super) fn aws(&mut self, fields: AwsFields) -> Option<Aws> {
        let deadline = fields.deadline_seconds.duration();
        let interactive_deadline = fields.interactive_deadline_seconds.duration();
        if interactive_deadline > deadline && !self.is_spoilt("aws") {
            self.error(&["aws", "interactive_deadline_seconds"], "nobody waits longer than deadline_seconds");
        }
        let ca_pem = match fields.ca_file {
            None => None,
            Some(path) => Some(self.ca_file(&["aws", "ca_file"], &path)?),
        };
        let proxy = match fields.proxy {
            None if !fields.no_proxy.is_empty() && !self.is_spoilt("aws") => {
                self.error(
                    &["aws", "no_proxy"],
                    "this goes with aws.proxy: without it, NO_PROXY of the environment counts",
                );
                None
            }
            None => None,
            Some(proxy) => Some(self.proxy(proxy, fields.no_proxy)?),
        };
        let patience =
            Patience { retries: fields.retries.0, attempt_timeout: fields.attempt_timeout_seconds.duration() };
        Some(Aws {
            sts: StsSettings {
                endpoint_url: fields.endpoint_url.map(WebUrl::into_url),
                retries: fields.retries.0,
                attempt_timeout: fields.attempt_timeout_seconds.duration(),
                connect_timeout: fields.connect_timeout_seconds.duration(),
            },
            iam: IamSettings {
                endpoint_url: fields.iam_endpoint_url.map(WebUrl::into_url),
                patience: patience.clone(),
            },
            registries: RegistrySettings {
                ecr_endpoint_url: fields.ecr_endpoint_url.map(WebUrl::into_url),
                codeartifact_endpoint_url: fields.codeartifact_endpoint_url.map(WebUrl::into_url),
                patience,
            },
            deadline,
            interactive_deadline,
            outbound: Outbound { proxy, ca_pem },
            federation_url: fields.federation_url.map(WebUrl::into_url),
        })
    }

    fn ca_file(&mut self, keys: &[&str], path: &std::path::Path) -> Option<Vec<u8>> {
        let pem = match self.folders.text(path, MAX_CA_FILE) {
            Ok(pem) => pem.into_bytes(),
            Err(error) => {
                self.error(keys, &with_causes(&error));
                return None;
            }
        };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        if certificates.is_ok_and(|certificates| !certificates.is_empty()) {
            return Some(pem);
        }
        self.error(keys, &format!("`{}` holds no certificates in PEM", path.display()));
        None
    }

    fn proxy(&mut self, fields: ProxyFields, past: Vec<PastProxy>) -> Option<Proxy> {
        let url = match Url::parse(&fields.url) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.error(
                    &["aws", "proxy", "url"],
                    "take the user and password out of the URL: `username` and `password` are for them",
                );
                return None;
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none() => url,
            Ok(_) | Err(_) => {
                self.error(&["aws", "proxy", "url"], "write the proxy's URL, such as http://proxy.corp.example:3128");
                return None;
            }
        };
        let login = match (fields.username, fields.password) {
            (None, None) => None,
            (Some(username), Some(password)) => Some(self.proxy_login(username, &password)?),
            (Some(_), None) | (None, Some(_)) => {
                self.error(&["aws", "proxy"], "`username` and `password` go together");
                return None;
            }
        };
        Some(Proxy { url, login, past })
    }

    fn proxy_login(&mut self, username: String, password: &SecretRef) -> Option<ProxyLogin> {
        if username.contains(':') {
            self.error(&["aws", "proxy", "username"], "a proxy takes a `:` for the end of the user's name");
            return None;
        }
        match self.folders.secret(password) {
            Ok(password) => Some(ProxyLogin { username, password }),
            Err(error) => {
                self.error(&["aws", "proxy", "password"], &with_causes(&error));
                None
            }
        }
    }
}

/// The largest bundles that are about have 300 KiB.
const MAX_CA_FILE: u64 = 1 << 20;
