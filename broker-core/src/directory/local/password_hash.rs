//! Hashes of passwords: argon2id, within bounds on both sides.

use std::fmt::Debug;
use std::sync::Arc;

use argon2::password_hash::phc::Output;
use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::directory::{Password, PasswordMark};

/// An argon2id hash that is neither too cheap to guess against nor too dear to check.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct PasswordHash {
    phc: Phc,
    cost: u64,
}

/// Why a hash is not accepted. The hash itself is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error("not a hash that `brokerd hash-password` makes ($argon2id$v=19$…)")]
    NotArgon2id,
    #[error("a hash that is too cheap to guess against: make another with `brokerd hash-password`")]
    TooWeak,
    #[error("a hash that takes too much memory or time to check: 1 GiB, 20 passes and 16 lanes at most")]
    TooCostly,
}

/// The password could not be hashed: the machine is out of memory or of randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct NotHashed;

/// Why no hash was checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotChecked {
    #[error("too many passwords are being checked at once")]
    Busy,
    #[error("a password could not be checked: out of memory")]
    Failed,
}

impl PasswordHash {
    /// What a check costs, in KiB times passes.
    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    /// Of the whole hash, parameters and salt too: only whoever writes the file changes any of it, and brokerd cannot know whether another hash
    /// is of the same password. Where brokerd itself makes hashes anew, in the store, the mark is of when the password was changed.
    pub(super) fn mark(&self) -> PasswordMark {
        PasswordMark::of(&[self.phc.to_string().as_bytes()])
    }

    /// Whether it is made as hashes are made now.
    pub(super) fn is_of_now(&self) -> bool {
        Params::try_from(&self.phc)
            .is_ok_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES))
    }

    /// Nobody's hash, as dear as those that are made now.
    pub(super) fn decoy() -> Option<Self> {
        format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$c29tZXNhbHQxMjM0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI")
            .try_into()
            .ok()
    }

    pub(super) fn is_of(&self, password: &SecretString) -> Result<bool, NotChecked> {
        self.check(password).ok_or(NotChecked::Failed)
    }

    /// Nothing where the machine has no memory for it.
    fn check(&self, password: &SecretString) -> Option<bool> {
        let (salt, expected) = (self.phc.salt.as_ref()?, self.phc.hash.as_ref()?);
        let params = Params::try_from(&self.phc).ok()?;
        let mut memory = room_for(params.block_count())?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..expected.len())?;
        let password = password.expose_secret().as_bytes();
        hasher.hash_password_into_with_memory(password, salt.as_ref(), output, &mut memory).ok()?;
        // Both are of one length; their comparison takes the same time wherever they differ.
        Some(Output::new(output).ok()? == *expected)
    }
}

/// Memory for one hash, which the system has back when it is dropped.
///
/// The C library keeps what was freed for whoever asks next, for each thread apart: some 20 MiB of every thread that has ever hashed.
/// What is larger than 32 MiB it never keeps (`M_MMAP_THRESHOLD` of mallopt(3)), so that much is asked for. What of it is not written
/// to is no memory yet.
fn room_for(blocks: usize) -> Option<Vec<Block>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(blocks.max(NEVER_KEPT / Block::SIZE)).ok()?;
    memory.resize(blocks, Block::default());
    Some(memory)
}

impl TryFrom<String> for PasswordHash {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, HashError> {
        let phc = Phc::new(&text).map_err(|_| HashError::NotArgon2id)?;
        let whole = phc.salt.as_ref().is_some_and(|salt| salt.len() >= MIN_SALT)
            && phc.hash.as_ref().is_some_and(|output| output.len() >= MIN_OUTPUT);
        if phc.algorithm.as_str() != "argon2id" || phc.version != Some(Version::V0x13.into()) || !whole {
            return Err(HashError::NotArgon2id);
        }
        let params = Params::try_from(&phc).map_err(|_| HashError::NotArgon2id)?;
        let cost = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MAX_MEMORY_KIB || params.t_cost() > MAX_PASSES || params.p_cost() > MAX_LANES {
            Err(HashError::TooCostly)
        } else if params.m_cost() < MIN_MEMORY_KIB || cost < MIN_COST {
            Err(HashError::TooWeak)
        } else {
            Ok(Self { phc, cost })
        }
    }
}

impl Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Hashes a password for the `password_hash` of a [`LocalPerson`](super::LocalPerson).
pub fn hash_password(password: &Password) -> Result<String, NotHashed> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| NotHashed)?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password(password.as_secret().expose_secret().as_bytes()).map_err(|_| NotHashed)?;
    Ok(hash.to_string())
}

/// The same where it delays nobody, and as many at a time as there are permits.
pub async fn hash_in_turn(hashers: &Arc<Semaphore>, password: &Password) -> Result<SecretString, NotHashed> {
    let permit = Arc::clone(hashers).acquire_owned().await.map_err(|_| NotHashed)?;
    let password = password.clone();
    let hashing = spawn_blocking(move || {
        let _permit = permit;
        hash_password(&password).map(SecretString::from)
    });
    hashing.await.map_err(|_| NotHashed)?
}

// The password storage cheat sheet of OWASP asks for 19 MiB and two passes, or for more passes with less memory, down to 7 MiB
// with five: about the same product of both.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const MIN_MEMORY_KIB: u32 = 7_168;
const MIN_COST: u64 = 7_168 * 5;

const NEVER_KEPT: usize = 33 << 20;

const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 20;
const MAX_LANES: u32 = 16;
const MIN_SALT: usize = 8;
const MIN_OUTPUT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$";

    fn hash_with(memory: u32, passes: u32, lanes: u32) -> Result<PasswordHash, HashError> {
        format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$c29tZXNhbHQxMjM0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI").try_into()
    }

    #[test]
    fn hashes_are_neither_weak_nor_absurd() {
        for (memory, passes, lanes) in
            [(19_456, 2, 1), (12_288, 3, 1), (9_216, 4, 1), (7_168, 5, 1), (47_104, 1, 1), (65_536, 3, 4)]
        {
            assert!(hash_with(memory, passes, lanes).is_ok(), "{memory} {passes} {lanes}");
        }
        for (memory, passes, lanes) in [(19_456, 1, 1), (4_096, 20, 1), (8, 1, 1)] {
            assert_eq!(hash_with(memory, passes, lanes).unwrap_err(), HashError::TooWeak, "{memory} {passes} {lanes}");
        }
        for (memory, passes, lanes) in [(1_048_577, 1, 1), (19_456, 21, 1), (19_456, 2, 17), (u32::MAX, 1, 1)] {
            assert_eq!(
                hash_with(memory, passes, lanes).unwrap_err(),
                HashError::TooCostly,
                "{memory} {passes} {lanes}"
            );
        }
        for other in [
            "",
            "secret",
            "$2b$12$abcdefghijklmnopqrstuuNQ1h5T8Yyq8x8JcKQGm5b0w3e3hC5yK",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
            "$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHQ$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            HASH,
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$MTIz",
        ] {
            assert_eq!(PasswordHash::try_from(other.to_owned()).unwrap_err(), HashError::NotArgon2id, "{other}");
        }
    }
}
