//! Seals long-term secrets to the row that owns them, and makes the keyed hashes that everything else is proved by.

mod key_id;
mod place;
mod seals;

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use zeroize::Zeroizing;

use crate::id::InstallationId;

pub use self::key_id::{KeyId, NotAKeyId};
pub use self::place::Place;
pub use self::seals::{Mac, Purpose, Seals, digest, new_token};

/// A master key: thirty-two bytes that stand nowhere but where the configuration says.
pub struct MasterKey {
    id: KeyId,
    /// The one installation that it may open and seal for, where it was made for one.
    installation: Option<InstallationId>,
    bytes: SecretBox<[u8; 32]>,
}

/// Opens whatever a known master key sealed, and seals with one of them (AES-256-GCM, the AEAD that is in the TLS library anyway).
pub struct Vault {
    installation: InstallationId,
    keys: BTreeMap<String, RandomizedNonceKey>,
    seals: String,
}

/// What a sealed secret is bound to. Moved anywhere else, it does not open.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    pub place: Place,
    pub row: &'a [u8],
    /// Everything else that must not change under the secret: an access key's id, partition and endpoint.
    pub details: &'a [&'a str],
}

/// A secret as the store holds it: format, the master key's id, and nonce and ciphertext in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(String);

/// Why a seal does not open, as far as it can be told: all that is wrong with one whose key is known looks the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealBroken {
    #[error(
        "a secret is sealed with master key `{0}`, which this process does not know: give it a [[master_key]] of that id, and restart it"
    )]
    UnknownMasterKey(String),
    #[error("a sealed secret does not open: wrong master key, wrong owner, or damaged")]
    Damaged,
}

/// What is wrong with a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    #[error("a master key is 32 bytes in base64 (44 characters): make one with `brokerd init`")]
    NotAKey,
    #[error(transparent)]
    Id(#[from] NotAKeyId),
    #[error("two master keys have the same id")]
    Twice,
    #[error("no master key seals: set `seals = true` on exactly one")]
    NoneSeals,
}

impl MasterKey {
    /// Reads the base64 text that [`MasterKey::generate`] wrote.
    pub fn parse(id: &str, text: &SecretString) -> Result<Self, MasterKeyError> {
        let id = KeyId::try_from(id.to_owned())?;
        let text = text.expose_secret().trim().trim_end_matches('=');
        let decoded = Zeroizing::new(STANDARD_NO_PAD.decode(text).map_err(|_| MasterKeyError::NotAKey)?);
        Self::from_bytes(id, &decoded)
    }

    /// A key that stood somewhere as bytes.
    pub fn from_bytes(id: KeyId, bytes: &[u8]) -> Result<Self, MasterKeyError> {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.try_into().map_err(|_| MasterKeyError::NotAKey)?);
        let bytes = SecretBox::init_with_mut(|key: &mut [u8; 32]| key.copy_from_slice(&*bytes));
        Ok(Self { id, installation: None, bytes })
    }

    /// The same key, for one installation alone.
    #[must_use]
    pub fn bound_to(self, installation: InstallationId) -> Self {
        Self { installation: Some(installation), ..self }
    }

    /// The one installation that it is for, where there is only one.
    pub fn installation(&self) -> Option<InstallationId> {
        self.installation
    }

    /// A new key as text for a file, from the operating system's randomness.
    pub fn generate() -> Result<SecretString, SealBroken> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut *bytes).map_err(|_| SealBroken::Damaged)?;
        Ok(SecretString::from(base64::engine::general_purpose::STANDARD.encode(*bytes)))
    }
}

impl Vault {
    /// `seals` names the one key that new secrets are sealed with.
    pub fn new(installation: InstallationId, keys: Vec<MasterKey>, seals: &str) -> Result<Self, MasterKeyError> {
        let mut known = BTreeMap::new();
        for key in keys {
            let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.bytes.expose_secret())
                .map_err(|_| MasterKeyError::NotAKey)?;
            if known.insert(String::from(key.id), cipher).is_some() {
                return Err(MasterKeyError::Twice);
            }
        }
        if !known.contains_key(seals) {
            return Err(MasterKeyError::NoneSeals);
        }
        Ok(Self { installation, keys: known, seals: seals.to_owned() })
    }

    /// The same keys, bound to another installation: the one that was found in the store.
    pub(crate) fn for_installation(self, installation: InstallationId) -> Self {
        Self { installation, ..self }
    }

    /// Seals a secret to its owner.
    pub fn seal(&self, binding: Binding<'_>, secret: &SecretString) -> Result<Sealed, SealBroken> {
        let key = self.keys.get(&self.seals).ok_or(SealBroken::Damaged)?;
        let mut text = Zeroizing::new(secret.expose_secret().as_bytes().to_vec());
        let nonce =
            key.seal_in_place_append_tag(Aad::from(self.bind(binding)), &mut *text).map_err(|_| SealBroken::Damaged)?;
        let body = [nonce.as_ref().as_slice(), text.as_slice()].concat();
        Ok(Sealed(format!("{FORMAT}:{}:{}", self.seals, STANDARD_NO_PAD.encode(body))))
    }

    /// Seals with the present key what an older one sealed. Nothing is opened for anybody.
    pub fn reseal(&self, binding: Binding<'_>, sealed: &Sealed) -> Result<Sealed, SealBroken> {
        self.seal(binding, &self.open(binding, sealed)?)
    }

    /// The id of the key that seals.
    pub fn seals_with(&self) -> &str {
        &self.seals
    }

    /// The ids of all keys that open, in order.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Opens what was sealed to this owner.
    pub fn open(&self, binding: Binding<'_>, sealed: &Sealed) -> Result<SecretString, SealBroken> {
        let [FORMAT, id, body] = sealed.0.split(':').collect::<Vec<_>>()[..] else { return Err(SealBroken::Damaged) };
        let unknown =
            || sealed.master_key().map_or(SealBroken::Damaged, |id| SealBroken::UnknownMasterKey(id.to_owned()));
        let key = self.keys.get(id).ok_or_else(unknown)?;
        let body = STANDARD_NO_PAD.decode(body).map_err(|_| SealBroken::Damaged)?;
        let (nonce, text) = body.split_first_chunk::<12>().ok_or(SealBroken::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = key
            .open_in_place(nonce.into(), Aad::from(self.bind(binding)), &mut text)
            .map_err(|_| SealBroken::Damaged)?;
        Ok(SecretString::from(std::str::from_utf8(plain).map_err(|_| SealBroken::Damaged)?))
    }

    fn bind(&self, binding: Binding<'_>) -> Vec<u8> {
        let fixed: [&[u8]; 5] = [
            FORMAT.as_bytes(),
            self.installation.as_bytes(),
            binding.place.table().as_bytes(),
            binding.row,
            binding.place.purpose().as_bytes(),
        ];
        framed(fixed.into_iter().chain(binding.details.iter().map(|detail| detail.as_bytes())))
    }
}

impl Sealed {
    /// Takes what the store holds; whether it opens is another question.
    pub fn from_store(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the master key that it names. Whether that key opens it is another question.
    pub fn master_key(&self) -> Option<&str> {
        match self.0.split(':').collect::<Vec<_>>()[..] {
            [FORMAT, id, _] if KeyId::is(id) => Some(id),
            _ => None,
        }
    }
}

/// Length before content, so that no two lists of parts look the same.
fn framed<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut framed = Vec::new();
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    framed
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("seals", &self.seals).finish_non_exhaustive()
    }
}

const FORMAT: &str = "v1";

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> MasterKey {
        let text = base64::engine::general_purpose::STANDARD.encode([byte; 32]);
        MasterKey::parse(id, &SecretString::from(text)).unwrap()
    }

    fn binding<'a>(row: &'a [u8], details: &'a [&'a str]) -> Binding<'a> {
        Binding { place: Place::AccessKey, row, details }
    }

    #[test]
    fn a_seal_opens_for_its_owner_only() {
        let installation = InstallationId::random();
        let vault = Vault::new(installation, vec![key("k1", 1)], "k1").unwrap();
        let secret = SecretString::from("wJalrXUtnFEMI");
        let sealed = vault.seal(binding(b"row", &["AKIA", "aws"]), &secret).unwrap();
        assert_eq!(vault.open(binding(b"row", &["AKIA", "aws"]), &sealed).unwrap().expose_secret(), "wJalrXUtnFEMI");
        for (row, details) in [
            (b"row2".as_slice(), &["AKIA", "aws"][..]),
            (b"row", &["AKIB", "aws"]),
            (b"row", &["AKIAaws"]),
            (b"row", &["AKIA"]),
        ] {
            assert!(vault.open(binding(row, details), &sealed).is_err(), "{details:?}");
        }
        let elsewhere = Vault::new(InstallationId::random(), vec![key("k1", 1)], "k1").unwrap();
        assert!(elsewhere.open(binding(b"row", &["AKIA", "aws"]), &sealed).is_err(), "another installation");
        let place = Binding { place: Place::Installation, ..binding(b"row", &["AKIA", "aws"]) };
        assert!(vault.open(place, &sealed).is_err(), "another place");
    }

    #[test]
    fn an_older_key_still_opens_and_the_new_one_seals() {
        let installation = InstallationId::random();
        let old = Vault::new(installation, vec![key("k1", 1)], "k1").unwrap();
        let sealed = old.seal(binding(b"r", &[]), &SecretString::from("s")).unwrap();
        let both = Vault::new(installation, vec![key("k1", 1), key("k2", 2)], "k2").unwrap();
        assert!(both.open(binding(b"r", &[]), &sealed).is_ok());
        assert!(both.seal(binding(b"r", &[]), &SecretString::from("s")).unwrap().as_str().starts_with("v1:k2:"));
        let resealed = both.reseal(binding(b"r", &[]), &sealed).unwrap();
        assert_eq!((sealed.master_key(), resealed.master_key()), (Some("k1"), Some("k2")));
        assert!(old.open(binding(b"r", &[]), &resealed).is_err());
        assert_eq!(both.open(binding(b"r", &[]), &resealed).unwrap().expose_secret(), "s");
        assert!(both.reseal(binding(b"other", &[]), &sealed).is_err(), "only what opens where it is");
        let only_new = Vault::new(installation, vec![key("k2", 2)], "k2").unwrap();
        assert_eq!(only_new.open(binding(b"r", &[]), &sealed).unwrap_err(), SealBroken::UnknownMasterKey("k1".into()));
        let other_bytes = Vault::new(installation, vec![key("k1", 9)], "k1").unwrap();
        assert_eq!(other_bytes.open(binding(b"r", &[]), &sealed).unwrap_err(), SealBroken::Damaged);
    }

    #[test]
    fn a_damaged_seal_is_refused_in_one_word() {
        let vault = Vault::new(InstallationId::random(), vec![key("k1", 1)], "k1").unwrap();
        let sealed = vault.seal(binding(b"r", &[]), &SecretString::from("s")).unwrap();
        for text in ["", "v1", "v1:k1:", "v1:k1:%%%", "v2:k1:AAAA", "v1:k 9:AAAA", &sealed.as_str()[..20]] {
            assert_eq!(
                vault.open(binding(b"r", &[]), &Sealed(text.to_owned())).unwrap_err(),
                SealBroken::Damaged,
                "{text}"
            );
        }
    }

    /// Whoever changes this makes every seal that there is unreadable.
    #[test]
    fn a_seal_is_bound_to_its_format_and_all_that_it_belongs_to() {
        let installation = InstallationId::random();
        let vault = Vault::new(installation, vec![key("k1", 1)], "k1").unwrap();
        let parts: [&[u8]; 7] =
            [b"v1", installation.as_bytes(), b"access_keys", b"row", b"secret access key", b"AKIA", b"aws"];
        assert_eq!(vault.bind(binding(b"row", &["AKIA", "aws"])), framed(parts.into_iter()));

        let sealed = vault.seal(binding(b"r", &[]), &SecretString::from("s")).unwrap();
        for format in ["v2:", "v01:", "V1:", ":", ""] {
            let other = Sealed(sealed.as_str().replacen("v1:", format, 1));
            assert_eq!(vault.open(binding(b"r", &[]), &other).unwrap_err(), SealBroken::Damaged, "{format}");
            assert_eq!(other.master_key(), None, "{format}");
        }
    }

    #[test]
    fn a_master_key_is_thirty_two_bytes_with_a_plain_id() {
        let parse = |id: &str, text: &str| MasterKey::parse(id, &SecretString::from(text.to_owned()));
        let good = MasterKey::generate().unwrap();
        assert!(MasterKey::parse("2026-01", &good).is_ok());
        assert!(parse("2026-01", &format!("{}\n", good.expose_secret())).is_ok(), "a file ends in a newline");
        assert_eq!(parse("k", "c2hvcnQ=").unwrap_err(), MasterKeyError::NotAKey);
        assert_eq!(parse("k:1", good.expose_secret()).unwrap_err(), MasterKeyError::Id(NotAKeyId));
        assert!(!format!("{:?}", key("k1", 1)).contains('['), "Debug shows no bytes");
    }
}
