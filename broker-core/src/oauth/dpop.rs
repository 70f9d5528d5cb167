//! Proof that a client holds a key: a word of its own, signed for one request and good for a minute (DPoP, RFC 9449).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::authorization::Thumbprint;
use crate::clock::seconds_between;
use crate::vault::digest;

/// A proof that is right for the request that it came with. Whether it came before is for the store to say.
#[derive(Debug)]
pub struct DpopProof {
    pub(super) key: Thumbprint,
    /// By which the store knows it: of the key and the proof's own id.
    pub(super) hash: [u8; 32],
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    #[error("the request has no DPoP header, or more than one")]
    Missing,
    #[error("the DPoP header holds no proof (a JWT of type dpop+jwt, signed by ES256, with its public key of P-256)")]
    NotAProof,
    #[error("the DPoP proof is not signed by the key that stands in it")]
    Signature,
    #[error("the DPoP proof is for another request: this is POST {0}")]
    OtherRequest(String),
    #[error("the DPoP proof is of {} s {}: the clock of the client's machine, or the broker's, is wrong", .0.unsigned_abs(), if *.0 < 0 { "ahead" } else { "ago" })]
    Clock(i64),
    #[error("the DPoP proof has been used")]
    Used,
}

/// What a proof says. Whatever else a client says there is left aside.
#[derive(Debug, Deserialize)]
struct Claims {
    htm: String,
    htu: String,
    iat: i64,
    jti: String,
}

impl DpopProof {
    /// Checks a proof for `POST url`.
    pub fn verify(text: &str, url: &str, now: Timestamp) -> Result<Self, DpopError> {
        if text.len() > MAX {
            return Err(DpopError::NotAProof);
        }
        let header = decode_header(text).map_err(|_| DpopError::NotAProof)?;
        let typed = header.typ.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("dpop+jwt"));
        let key = header.jwk.filter(|_| typed && header.alg == Algorithm::ES256 && says_no_more(text));
        let mut key = key.ok_or(DpopError::NotAProof)?;
        match &mut key.algorithm {
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
                (curve.x, curve.y) = (whole(&curve.x)?, whole(&curve.y)?);
            }
            _ => return Err(DpopError::NotAProof),
        }
        let decoding = DecodingKey::from_jwk(&key).map_err(|_| DpopError::NotAProof)?;
        let mut validation = Validation::new(Algorithm::ES256);
        // A proof has no end and nobody whom it is for: its time, and the request, are looked at below.
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let claims = decode::<Claims>(text, &decoding, &validation).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => DpopError::Signature,
            _ => DpopError::NotAProof,
        })?;
        let Claims { htm, htu, iat, jti } = claims.claims;
        if jti.is_empty() {
            return Err(DpopError::NotAProof);
        }
        if htm != "POST" || !is_same(&htu, url) {
            return Err(DpopError::OtherRequest(url.to_owned()));
        }
        let made = Timestamp::from_second(iat).map_err(|_| DpopError::NotAProof)?;
        let age = seconds_between(made, now);
        if !(-AGE..=AGE).contains(&age) {
            return Err(DpopError::Clock(age));
        }
        let thumbprint = key.thumbprint(ThumbprintHash::SHA256).map_err(|_| DpopError::NotAProof)?;
        let hash = digest(&[b"dpop proof", thumbprint.as_bytes(), jti.as_bytes()]);
        Ok(Self { key: Thumbprint(thumbprint), hash })
    }
}

/// Whether the header is one that we understand whole: no private key (RFC 9449, 4.3), and nothing that must be understood (RFC 7515, 4.1.11).
fn says_no_more(text: &str) -> bool {
    let header = text.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header = header.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    header.is_some_and(|header| header.get("crit").is_none() && header["jwk"].get("d").is_none())
}

/// A coordinate in all of its 32 bytes (RFC 7518, 6.2.1.2). AWS's clients leave zeros out that it begins with, which one key in 128 has.
fn whole(coordinate: &str) -> Result<String, DpopError> {
    let written = URL_SAFE_NO_PAD.decode(coordinate).map_err(|_| DpopError::NotAProof)?;
    let mut bytes = [0; 32];
    let zeros = bytes.len().checked_sub(written.len()).filter(|_| !written.is_empty()).ok_or(DpopError::NotAProof)?;
    bytes.iter_mut().skip(zeros).zip(written).for_each(|(byte, written)| *byte = written);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether a proof's URL is the one that was asked. Clients whose endpoint was written with a slash at its end ask for `//v1/token`; query
/// and fragment do not count (RFC 9449, 4.3).
fn is_same(said: &str, asked: &str) -> bool {
    let (Ok(said), Ok(asked)) = (Url::parse(said), Url::parse(asked)) else { return false };
    let path = |url: &Url| url.path().trim_start_matches('/').to_owned();
    let plain = said.username().is_empty() && said.password().is_none();
    plain && said.origin() == asked.origin() && path(&said) == path(&asked)
}

/// How much a proof may be older, or younger, than now: in seconds.
const AGE: i64 = 60;
const MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_proves_its_key_for_its_request_and_its_minute() {
        let at = |seconds: i64| Timestamp::from_second(MADE + seconds).unwrap();
        let proof = DpopProof::verify(EXAMPLE, URL, at(0)).unwrap();
        assert_eq!(proof.key, Thumbprint("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".to_owned()));
        assert!(DpopProof::verify(EXAMPLE, URL, at(60)).is_ok() && DpopProof::verify(EXAMPLE, URL, at(-60)).is_ok());
        for (url, seconds, expected) in [
            (URL, 61, DpopError::Clock(61)),
            (URL, -61, DpopError::Clock(-61)),
            (
                "https://server.example.com/tokens",
                0,
                DpopError::OtherRequest("https://server.example.com/tokens".into()),
            ),
            ("http://server.example.com/token", 0, DpopError::OtherRequest("http://server.example.com/token".into())),
        ] {
            assert_eq!(DpopProof::verify(EXAMPLE, url, at(seconds)).unwrap_err(), expected);
        }
    }

    #[test]
    fn no_letter_of_a_proof_can_be_another() {
        let now = Timestamp::from_second(MADE).unwrap();
        for at in 0..EXAMPLE.len() {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let changed = String::from_utf8(bytes).unwrap();
            assert!(DpopProof::verify(&changed, URL, now).is_err(), "{at}: {changed}");
        }
    }

    #[test]
    fn a_url_is_the_same_but_for_slashes_before_its_path_and_what_comes_behind_it() {
        let is_same = |said: &str| is_same(said, "https://broker.corp.example/v1/token");
        for same in [
            "https://broker.corp.example/v1/token",
            "https://broker.corp.example:443//v1/token?a=b#c",
            "HTTPS://BROKER.corp.example/v1/token",
        ] {
            assert!(is_same(same), "{same}");
        }
        for other in [
            "http://broker.corp.example/v1/token",
            "https://broker.corp.example:8443/v1/token",
            "https://broker.corp.example.evil.example/v1/token",
            "https://x@broker.corp.example/v1/token",
            "https://broker.corp.example/v1/token/",
            "https://broker.corp.example/x/v1/token",
            "/v1/token",
            "",
        ] {
            assert!(!is_same(other), "{other}");
        }
    }

    const URL: &str = "https://server.example.com/token";
    const MADE: i64 = 1_562_262_616;
    const EXAMPLE: &str = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldW",
        "QVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19",
        ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ",
        ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
    );
}
