//! What binds a code to whoever asked for it: the hash of a word that only they know (RFC 7636, S256).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// SHA-256 of a verifier, as it stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(String);

/// It is no SHA-256 in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code challenge is a SHA-256 in base64url, 43 characters")]
pub struct NotAChallenge;

impl Challenge {
    pub fn parse(text: &str) -> Result<Self, NotAChallenge> {
        let hash = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAChallenge)?;
        if hash.len() == digest::SHA256_OUTPUT_LEN { Ok(Self(text.to_owned())) } else { Err(NotAChallenge) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether somebody knows the word behind a challenge.
pub(super) fn is_met(challenge: &str, verifier: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(unreserved)
        && verify_slices_are_equal(URL_SAFE_NO_PAD.encode(hash).as_bytes(), challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_met_by_its_verifier_alone() {
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_met(challenge.as_str(), verifier));
        for other in ["", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", challenge.as_str(), &verifier[..42]] {
            assert!(!is_met(challenge.as_str(), other), "{other}");
        }
    }

    #[test]
    fn what_is_no_hash_is_no_challenge() {
        for text in
            ["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "plain"]
        {
            assert_eq!(Challenge::parse(text), Err(NotAChallenge), "{text}");
        }
    }

    #[test]
    fn a_verifier_has_the_length_and_the_letters_that_it_must_have() {
        let challenge_of =
            |verifier: &str| URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        for (verifier, good) in [
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(42), false),
            ("a".repeat(129), false),
            ("a b".repeat(15), false),
        ] {
            assert_eq!(is_met(&challenge_of(&verifier), &verifier), good, "{verifier}");
        }
    }
}
