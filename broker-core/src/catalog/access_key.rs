//! One `[[access_key]]` of the file.

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::DeValue;

use super::FileKey;
use super::read::Reader;
use crate::access_key::{AwsKeyId, KeyDetails, Serves};
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
    source: KeySource,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeySource {
    Stored(StoredFields),
    Ambient(Ambient),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFields {
    access_key_id: AwsKeyId,
    secret_access_key: SecretRef,
}

/// The credentials that the machine itself has. There is none of these yet.
#[derive(Debug)]
enum Ambient {}

impl<'de> Deserialize<'de> for Ambient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Err(D::Error::custom("`ambient` comes with a later release: use [access_key.source.stored] until then"))
    }
}

impl Reader<'_> {
    pub(super) fn access_key(&mut self, name: &str, entry: &Spanned<DeValue<'_>>) -> Option<ReadKey> {
        let about = format!("access_key {name:?}");
        let at = entry.span().start;
        let fields: Option<KeyFields> = self.value(entry, &about);
        let name: Option<AccessKeyName> = match name.to_owned().try_into() {
            Ok(name) => Some(name),
            Err(error) => {
                self.error(at, &about, &format!("{error}"));
                None
            }
        };
        let KeyFields { region, endpoint_url, serves, source } = fields?;
        let KeySource::Stored(stored) = source;
        let foreign = serves.role_arns.iter().find(|arn| arn.partition() != region.partition());
        if let Some(arn) = foreign {
            let text = format!("`{}` is of another partition than the region {region}", arn.as_str());
            self.error(offset_in(entry, &["serves", "role_arns"]), &format!("{about}: serves.role_arns"), &text);
            return None;
        }
        let secret = match self.folders.secret(&stored.secret_access_key).map_err(|error| with_causes(&error)) {
            Ok(secret) if is_whole(&secret) => Ok(secret),
            Ok(_) => {
                Err("what is there is no AWS secret: visible ASCII characters on one line, 256 at most".to_owned())
            }
            Err(problem) => Err(problem),
        };
        let secret = match secret {
            Ok(secret) => secret,
            Err(problem) => {
                let path = ["source", "stored", "secret_access_key"];
                self.error(offset_in(entry, &path), &format!("{about}: {}", path.join(".")), &problem);
                return None;
            }
        };
        let details = KeyDetails {
            aws_key_id: stored.access_key_id,
            region,
            endpoint_url: endpoint_url.map(WebUrl::into_url),
            serves,
            owner: None,
            expected_owner: None,
        };
        let line = self.source.place(at).line;
        Some(ReadKey { key: FileKey { name: name?, details, secret, line }, at })
    }
}

fn is_whole(secret: &SecretString) -> bool {
    let text = secret.expose_secret();
    text.len() <= MAX_SECRET && text.bytes().all(|byte| byte.is_ascii_graphic())
}

const MAX_SECRET: usize = 256;
