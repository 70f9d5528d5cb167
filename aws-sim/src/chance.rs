//! Random names: access key ids, secrets, session tokens, request ids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// `prefix` and sixteen characters, as in `ASIA…`, `AIDA…`, `AROA…`.
pub(crate) fn id(prefix: &str) -> String {
    let tail = Uuid::new_v4().into_bytes().map(|byte| char::from(BASE32[usize::from(byte % 32)]));
    prefix.chars().chain(tail).collect()
}

/// The same name for the same `seed`, always: users and roles keep their ids when the world changes.
pub(crate) fn stable_id(prefix: &str, seed: &str) -> String {
    let hash = seed.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    });
    let tail = hash.to_be_bytes().map(|byte| char::from(BASE32[usize::from(byte % 32)]));
    prefix.chars().chain(tail).collect()
}

/// A secret access key: forty characters.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 30];
    for (byte, random) in bytes.iter_mut().zip(random_bytes()) {
        *byte = random;
    }
    STANDARD.encode(bytes)
}

/// A session token with at least `bytes` bytes in it, and of at least `size` characters. Like AWS's, it is the longer
/// the more policy and tags it carries.
pub(crate) fn session_token(bytes: usize, size: usize) -> String {
    let length = bytes.max(size.saturating_sub(TOKEN_PREFIX.len()).div_ceil(4) * 3);
    let mut bytes: Vec<u8> = random_bytes().take(64).collect();
    // The first 64 bytes are what nobody can guess; the rest is there for the length.
    let mut state = bytes.iter().fold(1_u64, |state, byte| state.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte));
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend(state.to_be_bytes().iter().take(4));
    }
    format!("{TOKEN_PREFIX}{}", STANDARD.encode(bytes))
}

pub(crate) fn request_id() -> String {
    Uuid::new_v4().to_string()
}

fn random_bytes() -> impl Iterator<Item = u8> {
    std::iter::repeat_with(|| Uuid::new_v4().into_bytes()).flatten()
}

/// How AWS's tokens begin, too.
const TOKEN_PREFIX: &str = "IQoJb3JpZ2luX2Vj";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_shape_of_aws() {
        assert_eq!(id("ASIA").len(), 20);
        assert_eq!(secret().len(), 40);
        assert_ne!(secret(), secret());
        assert_eq!(stable_id("AROA", "x"), stable_id("AROA", "x"));
        assert_ne!(stable_id("AROA", "x"), stable_id("AROA", "y"));
    }

    #[test]
    fn tokens_grow_with_what_they_carry() {
        assert!(session_token(3_000, 0).len() > 4_000);
        assert!((4_096..4_104).contains(&session_token(0, 4_096).len()));
        for size in 300..320 {
            assert!((size..size + 8).contains(&session_token(0, size).len()), "{size}");
        }
        assert_ne!(session_token(64, 0), session_token(64, 0));
    }
}
