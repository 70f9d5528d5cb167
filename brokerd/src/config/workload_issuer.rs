//! Who vouches for jobs, and what their claims open.

use broker_core::file::with_causes;
use broker_core::workload::{IssuerFields, IssuerSettings, KeySet, SettingsError, twice};
use toml::Spanned;
use url::Url;

use super::fields::WorkloadIssuerFields;
use super::load::Loader;

impl Loader<'_> {
    pub(super) fn workload_issuers(
        &mut self,
        entries: Vec<Spanned<WorkloadIssuerFields>>,
        public_url: Option<&Url>,
    ) -> Vec<IssuerSettings> {
        let mut issuers: Vec<IssuerSettings> = Vec::new();
        for entry in entries {
            let at = entry.span().start;
            let WorkloadIssuerFields { name, issuer, audience, ca_file, jwks_file, private_network, mapping } =
                entry.into_inner();
            let named = name.as_str().to_owned();
            if issuers.iter().any(|known| known.name == name) {
                let text = "another [[workload_issuer]] has this name: give each its own";
                self.entry_error(WORKLOAD_ISSUER, &named, at, &["name"], text);
            }
            let ca_pem = match ca_file.map(|path| self.folders.text(&path, MAX_CA_FILE)) {
                None => None,
                Some(Ok(pem)) => Some(pem.into_bytes()),
                Some(Err(error)) => {
                    self.entry_error(WORKLOAD_ISSUER, &named, at, &["ca_file"], &with_causes(&error));
                    None
                }
            };
            let keys = jwks_file.map(|path| match self.folders.text(&path, MAX_JWKS_FILE) {
                Ok(text) => KeySet::parse(text.as_bytes()).map_err(|error| error.to_string()),
                Err(error) => Err(with_causes(&error)),
            });
            let keys = match keys.transpose() {
                Ok(keys) => keys,
                Err(error) => {
                    self.entry_error(WORKLOAD_ISSUER, &named, at, &["jwks_file"], &error);
                    Some(KeySet::default())
                }
            };
            let ours = || public_url.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
            let audience = audience.unwrap_or_else(ours);
            let fields = IssuerFields { name, issuer, audience, ca_pem, keys, private_network, mappings: mapping };
            match fields.checked() {
                Ok(issuer) => issuers.push(issuer),
                Err(errors) => {
                    for error in errors.into_iter().filter(|it| public_url.is_some() || *it != SettingsError::Audience)
                    {
                        self.entry_error(WORKLOAD_ISSUER, &named, at, place(&error), &error.to_string());
                    }
                }
            }
        }
        if let Some((first, second)) = twice(&issuers) {
            let text = format!(
                "`{}` and `{}` are for the same issuer and audience: put their mappings into one",
                first.name, second.name
            );
            self.error(&[WORKLOAD_ISSUER], &text);
        }
        issuers
    }
}

fn place(error: &SettingsError) -> &'static [&'static str] {
    match error {
        SettingsError::Url(_) => &["issuer"],
        SettingsError::Private => &["private_network"],
        SettingsError::Audience => &["audience"],
        SettingsError::Ca => &["ca_file"],
        SettingsError::NoMapping | SettingsError::Mapping { .. } => &["mapping"],
    }
}

const WORKLOAD_ISSUER: &str = "workload_issuer";
/// The largest bundles that are about have 300 KiB.
const MAX_CA_FILE: u64 = 1 << 20;
const MAX_JWKS_FILE: u64 = 256 << 10;
