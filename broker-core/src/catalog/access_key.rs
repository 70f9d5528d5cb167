//! One `[[access_key]]` of the file.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::FileKey;
use super::read::{EntryName, Reader};
use crate::access_key::{AwsKeyId, KeyDetails, KeySource, Serves};
use crate::file::{SecretRef, WebUrl, offset_in, with_causes};
use crate::name::AccessKeyName;
use crate::partition::Region;

/// A key, and where its entry begins.
pub(super) struct ReadKey {
    pub(super) key: FileKey,
    pub(super) at: usize,
}

/// What an `[[access_key]]` may say, beside its name. Public so that the documentation can be compared with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFields {
    region: Region,
    #[serde(default)]
    endpoint_url: Option<WebUrl>,
    #[serde(default)]
    serves: Serves,
    source: SourceFields,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceFields {
    Stored(StoredFields),
    Ambient(AmbientFields),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFields {
    access_key_id: AwsKeyId,
    secret_access_key: SecretRef,
}

/// Who the host itself is in AWS: there is nothing to say of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AmbientFields {}

impl Reader<'_> {
    pub(super) fn access_key(&mut self, name: &EntryName, entry: &Spanned<DeValue<'_>>) -> Option<ReadKey> {
        let about = &name.about;
        let at = entry.span().start;
        let fields: Option<KeyFields> = self.value(entry, about);
        let name: Option<AccessKeyName> = self.parsed(name);
        let KeyFields { region, endpoint_url, serves, source } = fields?;
        let foreign = serves.role_arns.iter().find(|arn| arn.partition() != region.partition());
        if let Some(arn) = foreign {
            let text = format!("`{}` is of another partition than the region {region}", arn.as_str());
            self.error(offset_in(entry, &["serves", "role_arns"]), &format!("{about}: serves.role_arns"), &text);
            return None;
        }
        let (source, secret) = match source {
            SourceFields::Ambient(AmbientFields {}) => (KeySource::Ambient, SecretString::from("")),
            SourceFields::Stored(stored) => {
                let secret = self.long_term_secret(&stored, entry, about)?;
                (KeySource::Stored(stored.access_key_id), secret)
            }
        };
        let details = KeyDetails {
            source,
            region,
            endpoint_url: endpoint_url.map(WebUrl::into_url),
            serves,
            owner: None,
            expected_owner: None,
        };
        let name = name?;
        let details = KeyDetails { owner: self.known_owner(&name, &details), ..details };
        let line = self.source.place(at).line;
        Some(ReadKey { key: FileKey { name, details, secret, line }, at })
    }

    fn long_term_secret(
        &mut self,
        stored: &StoredFields,
        entry: &Spanned<DeValue<'_>>,
        about: &str,
    ) -> Option<SecretString> {
        let problem = match self.folders.secret(&stored.secret_access_key) {
            Ok(secret) if is_whole(&secret) => return Some(secret),
            Ok(_) => "what is there is no AWS secret: visible ASCII characters on one line, 256 at most".to_owned(),
            Err(error) => with_causes(&error),
        };
        let path = ["source", "stored", "secret_access_key"];
        self.error(offset_in(entry, &path), &format!("{about}: {}", path.join(".")), &problem);
        None
    }
}

fn is_whole(secret: &SecretString) -> bool {
    let text = secret.expose_secret();
    text.len() <= MAX_SECRET && text.bytes().all(|byte| byte.is_ascii_graphic())
}

const MAX_SECRET: usize = 256;
