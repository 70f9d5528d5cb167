//! Seals what is kept on the disk, to what it is about: under another name, or for somebody else, it does not open.

use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::keyring::{self, Trouble};
use crate::private;
use crate::text::Text;

/// The key of one user's cache on one machine.
pub(crate) struct Seal(RandomizedNonceKey);

/// Where a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File,
    Keyring,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// The key in this folder; a new one if there is none, or if it is damaged: what it opened can be had again.
    pub(crate) fn of(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        if let Some(key) = private::read(&path)? {
            if let Ok(seal) = Self::with(&key) {
                return Ok(seal);
            }
            private::remove(&path)?;
        }
        let key = new_key().map_err(|()| Failure::mend(NO_NUMBERS, "see to /dev/urandom"))?;
        if private::write_new(&path, key.as_ref())? {
            return Self::with(key.as_ref());
        }
        // Another of us was faster.
        Self::with(&private::read(&path)?.unwrap_or_default())
    }

    /// The key under a name in the keyring, if it is there.
    pub(crate) fn in_keyring(name: &str) -> Result<Option<Self>, Trouble> {
        let Some(key) = keyring::fetch(name)? else { return Ok(None) };
        // One that is damaged opens nothing.
        Ok(Self::with(&key).ok())
    }

    /// A new one, in the place of whatever was there.
    pub(crate) fn new_in_keyring(name: &str) -> Result<Self, Trouble> {
        let key = new_key().map_err(|()| Trouble::Failed(Text::of(NO_NUMBERS)))?;
        keyring::keep(name, key.as_ref())?;
        // What a keyring took and does not give again is lost.
        match keyring::fetch(name)? {
            Some(kept) if *kept == *key => {}
            Some(_) | None => return Err(Trouble::Failed(Text::of("it does not give back what was put into it"))),
        }
        Self::with(key.as_ref()).map_err(|failure| Trouble::Failed(Text::of(&failure.to_string())))
    }

    /// Takes the key away: whatever was sealed with it never opens again.
    pub(crate) fn destroy(folder: &Path) -> Result<(), Failure> {
        private::remove(&folder.join(FILE))
    }

    fn with(key: &[u8]) -> Result<Self, Failure> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key);
        key.map(Self).map_err(|_| Failure::mend("the cache's key is damaged", "run `broker logout`, which deletes it"))
    }

    /// Seals to `about`.
    pub(crate) fn seal(&self, about: &str, secret: &[u8]) -> Option<Vec<u8>> {
        let mut text = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(about.as_bytes()), &mut text).ok()?;
        Some([&[VERSION], nonce.as_ref().as_slice(), &text].concat())
    }

    /// Opens what was sealed to `about`; nothing if it is anything else.
    pub(crate) fn open(&self, about: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = sealed.strip_prefix(&[VERSION])?;
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(about.as_bytes()), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

fn new_key() -> Result<Zeroizing<[u8; KEY]>, ()> {
    let mut key = Zeroizing::new([0; KEY]);
    rand::fill(key.as_mut()).map_err(|_| ())?;
    Ok(key)
}

/// A short name for something long, the same each time.
pub(crate) fn short_name(of: &str) -> String {
    hex::encode(digest(&SHA256, of.as_bytes()).as_ref().get(..16).unwrap_or_default())
}

const NO_NUMBERS: &str = "the system gives no random numbers";
const FILE: &str = "cache.key";
const KEY: usize = 32;
const NONCE: usize = 12;
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_what_it_is_about_and_nothing_else() {
        let (seal, other) = (Seal::with(&[7; KEY]).unwrap(), Seal::with(&[8; KEY]).unwrap());
        let sealed = seal.seal("deploy", b"secret").unwrap();
        assert_eq!(seal.open("deploy", &sealed).unwrap().as_slice(), b"secret");
        assert!(seal.open("admin", &sealed).is_none() && other.open("deploy", &sealed).is_none());
        for place in 0..sealed.len() {
            let mut spoilt = sealed.clone();
            spoilt[place] ^= 1;
            assert!(seal.open("deploy", &spoilt).is_none(), "byte {place}");
            assert!(seal.open("deploy", &sealed[..place]).is_none(), "{place} bytes");
        }
    }
}
