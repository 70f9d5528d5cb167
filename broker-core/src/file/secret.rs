//! Where a secret is. The secret itself never stands in a configuration file.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::environment::PREFIX;

/// `{ file = "…" }` or `{ env = "BROKERD_SECRET_…" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    File(PathBuf),
    Env(String),
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("SecretRef", &["file", "env"], SecretVisitor)
    }
}

/// Written by hand, because serde's own messages would quote a secret that somebody wrote where its place belongs.
struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where the secret is")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let Text(value) = map.next_value()?;
            let reference = match (key.as_str(), value) {
                ("file", Some(path)) if !path.is_empty() => SecretRef::File(path.into()),
                ("env", Some(name)) if is_name(&name) => SecretRef::Env(name),
                ("env", _) => return Err(A::Error::custom(ENV)),
                (_, _) => return Err(A::Error::custom(SHAPE)),
            };
            if found.replace(reference).is_some() {
                return Err(A::Error::custom("a secret has one place: take either `file` or `env` away"));
            }
        }
        found.ok_or_else(|| A::Error::custom(SHAPE))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<SecretRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<SecretRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::custom(SHAPE))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(A::Error::custom(SHAPE))
    }
}

/// A string, or something else of which nothing is said.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(toml::Value::deserialize(deserializer)?.as_str().map(str::to_owned)))
    }
}

fn is_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    })
}

const SHAPE: &str = "say where the secret is, { file = \"…\" } or { env = \"BROKERD_SECRET_…\" }: \
                     the secret itself never stands here";
const ENV: &str = "`env` names a variable that begins with BROKERD_SECRET_ and goes on with A-Z, 0-9 and _";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<SecretRef, String> {
        #[derive(Deserialize)]
        struct Holder {
            secret: SecretRef,
        }
        let holder: Result<Holder, _> = toml::from_str(&format!("secret = {value}"));
        holder.map(|holder| holder.secret).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_secret_has_one_place() {
        assert_eq!(parse(r#"{ file = "keys/main" }"#).unwrap(), SecretRef::File("keys/main".into()));
        assert_eq!(parse(r#"{ env = "BROKERD_SECRET_A1" }"#).unwrap(), SecretRef::Env("BROKERD_SECRET_A1".to_owned()));
        assert!(parse(r#"{ file = "a", env = "BROKERD_SECRET_A" }"#).unwrap_err().contains("one place"));
        for bad in ["{ env = \"PATH\" }", "{ env = \"BROKERD_SECRET_\" }", "{ env = \"BROKERD_SECRET_a\" }"] {
            assert!(parse(bad).unwrap_err().contains("begins with BROKERD_SECRET_"), "{bad}");
        }
    }

    #[test]
    fn a_secret_that_stands_in_the_file_is_refused_and_not_repeated() {
        for bad in [
            "\"wJalr7\"",
            "12347",
            "true",
            "1.77",
            "[\"wJalr7\"]",
            "{}",
            "{ value = \"wJalr7\" }",
            "{ file = 7 }",
            "{ file = \"\" }",
            "{ env = \"wJalr7\" }",
            "{ env = { x = \"wJalr7\" } }",
            "1977-01-01",
            "{ wJalr7 = 1 }",
        ] {
            let error = parse(bad).unwrap_err();
            assert!(!error.contains('7'), "{bad}: {error}");
        }
    }
}
