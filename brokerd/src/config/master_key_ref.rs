//! Where a master key is: a secret like others, or wrapped by AWS KMS.

use std::fmt;
use std::path::PathBuf;

use broker_core::arn::KmsKeyArn;
use broker_core::file::{SecretRef, WebUrl};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// `{ file = "…" }`, `{ env = "BROKERD_SECRET_…" }` or `{ kms = { … } }`.
#[derive(Debug)]
pub(super) enum MasterKeyRef {
    Plain(SecretRef),
    Kms(KmsFields),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KmsFields {
    pub(super) key_arn: KmsKeyArn,
    pub(super) wrapped_file: PathBuf,
    #[serde(default)]
    pub(super) endpoint_url: Option<WebUrl>,
}

impl<'de> Deserialize<'de> for MasterKeyRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("MasterKeyRef", &["file", "env", "kms"], RefVisitor)
    }
}

/// Written by hand, because serde's own messages would quote a key that somebody wrote where its place belongs.
struct RefVisitor;

impl<'de> Visitor<'de> for RefVisitor {
    type Value = MasterKeyRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where the master key is")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MasterKeyRef, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let place = match key.as_str() {
                "kms" => MasterKeyRef::Kms(map.next_value()?),
                "file" | "env" => {
                    let value: toml::Value = map.next_value()?;
                    let alone = toml::Value::Table(toml::Table::from_iter([(key, value)]));
                    let reference = SecretRef::deserialize(alone);
                    MasterKeyRef::Plain(reference.map_err(|error| A::Error::custom(error.message()))?)
                }
                _ => return Err(A::Error::custom(SHAPE)),
            };
            if found.replace(place).is_some() {
                return Err(A::Error::custom(
                    "a master key has one place: take the others of `file`, `env` and `kms` away",
                ));
            }
        }
        found.ok_or_else(|| A::Error::custom(SHAPE))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<MasterKeyRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<MasterKeyRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<MasterKeyRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<MasterKeyRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<MasterKeyRef, E> {
        Err(E::custom(SHAPE))
    }
}

const SHAPE: &str = "say where the master key is, { file = \"…\" }, { env = \"BROKERD_SECRET_…\" } or \
                     { kms = { key_arn = \"…\", wrapped_file = \"…\" } }: the key itself never stands here";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<MasterKeyRef, String> {
        #[derive(Deserialize)]
        struct Holder {
            source: MasterKeyRef,
        }
        let holder: Result<Holder, _> = toml::from_str(&format!("source = {value}"));
        holder.map(|holder| holder.source).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_master_key_has_one_place() {
        assert!(matches!(parse(r#"{ file = "k" }"#), Ok(MasterKeyRef::Plain(SecretRef::File(_)))));
        assert!(matches!(parse(r#"{ env = "BROKERD_SECRET_K" }"#), Ok(MasterKeyRef::Plain(SecretRef::Env(_)))));
        let kms = r#"kms = { key_arn = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd", wrapped_file = "k" }"#;
        assert!(matches!(parse(&format!("{{ {kms} }}")), Ok(MasterKeyRef::Kms(_))));
        assert!(parse(&format!("{{ file = \"k\", {kms} }}")).unwrap_err().contains("one place"));
        for (bad, told) in [
            (kms.replace("key/", "alias/"), "is not the ARN of a KMS key"),
            (kms.replace("aws:kms", "aws-cn:kms"), "is not the ARN of a KMS key"),
            (kms.replace(", wrapped_file = \"k\"", ""), "wrapped_file"),
            (kms.replace('}', ", more = 1 }"), "more"),
            ("env = \"PATH\"".to_owned(), "begins with BROKERD_SECRET_"),
        ] {
            let error = parse(&format!("{{ {bad} }}")).unwrap_err();
            assert!(error.contains(told), "{bad}: {error}");
        }
    }

    #[test]
    fn a_key_that_stands_in_the_file_is_not_repeated() {
        for bad in ["\"wJalr7\"", "12347", "1.77", "[\"wJalr7\"]", "{}", "{ wJalr7 = 1 }", "{ file = 7 }", "1977-01-01"]
        {
            let error = parse(bad).unwrap_err();
            assert!(!error.contains('7'), "{bad}: {error}");
        }
    }
}
