//! A key of a client's own, and the proofs that it signs: right ones, and others.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::patience::now;

/// A key that a client made for itself.
#[derive(Debug)]
pub struct DpopKey(EcdsaKeyPair);

impl DpopKey {
    #[expect(clippy::new_without_default, reason = "it makes a key")]
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// One whose point begins with a zero.
    pub fn that_begins_with_zero() -> Self {
        std::iter::repeat_with(Self::new).find(|key| key.0.public_key().as_ref()[1] == 0).unwrap()
    }

    /// As the AWS CLI writes it.
    pub fn header(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "x": encoded(x), "y": encoded(y), "crv": "P-256" });
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk })
    }

    /// A proof that says this, whatever it is.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let said = format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
        let signature = self.0.sign(&SystemRandom::new(), said.as_bytes()).unwrap();
        format!("{said}.{}", encoded(signature.as_ref()))
    }

    /// A proof for the broker at this address, made now.
    pub fn proof(&self, broker: &str) -> String {
        self.signed(&self.header(), &claims(broker))
    }
}

/// Whether AWS's own library can read again the key that its client has kept with a sign-in (RFC 5915 in PEM): where a secret begins with a
/// zero, as one in 256 does, it writes a byte less than it wants.
pub fn is_readable(kept: &Value) -> bool {
    let pem: String = kept["dpopKey"].as_str().unwrap().lines().filter(|line| !line.starts_with("-----")).collect();
    let key = STANDARD.decode(pem).unwrap();
    assert!((WHOLE - 4..=WHOLE).contains(&key.len()), "a key of another kind: {} bytes", key.len());
    key.len() == WHOLE
}

/// A key with its curve and its point.
const WHOLE: usize = 121;

/// What a proof for the broker at this address says, made now.
pub fn claims(broker: &str) -> Value {
    claims_of(broker, now())
}

/// The same, made at another time.
pub fn claims_of(broker: &str, made: Timestamp) -> Value {
    json!({
        "htm": "POST", "htu": format!("{broker}/v1/token"), "iat": made.as_second(), "jti": Uuid::new_v4().to_string(),
    })
}

/// Base64 as JWTs have it.
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
