//! An issuer's public keys: as a file has them, or fetched, kept, and fetched again when a token names one that is not there.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::fetch::{Fetch, Hindrance};
use crate::clock::{Clock, seconds_between};

/// Keys that verify, by the id that tokens name them by and the algorithm that each is for.
#[derive(Clone, Default)]
pub struct KeySet(HashMap<(String, Algorithm), DecodingKey>);

/// What holds no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("it is no JSON Web Key Set (RFC 7517)")]
    NotASet,
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
    #[error("it has no key with a `kid` for RS256 (of 2048 bits or more) or ES256")]
    NoKey,
}

/// Keys that are fetched. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Fetched(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fetch: Fetch,
    clock: Arc<dyn Clock>,
    now: RwLock<Option<Kept>>,
    /// Whoever fetches holds it.
    turn: Arc<Mutex<Turn>>,
}

/// When fetching was begun the last time and the time before, and whether the last time was in vain.
#[derive(Debug, Default)]
struct Turn {
    last: Option<Timestamp>,
    before: Option<Timestamp>,
    in_vain: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    keys: Arc<KeySet>,
    since: Timestamp,
}

#[derive(Deserialize)]
struct SetFields {
    keys: Vec<Value>,
}

impl KeySet {
    /// What is in a set and not for us is passed over: other algorithms, keys for encryption, keys without an id.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let SetFields { keys } = serde_json::from_slice(json).map_err(|_| KeySetError::NotASet)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let keys: HashMap<_, _> = keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err(KeySetError::NoKey) } else { Ok(Self(keys)) }
    }

    pub(super) fn get(&self, id: &str, algorithm: Algorithm) -> Option<DecodingKey> {
        self.0.get(&(id.to_owned(), algorithm)).cloned()
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The algorithm comes from the key, never from the token alone.
fn usable(value: Value) -> Option<((String, Algorithm), DecodingKey)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) => {
            let modulus = URL_SAFE_NO_PAD.decode(&key.n).ok()?;
            let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
            (MIN_RSA_BYTES..=MAX_RSA_BYTES).contains(&bytes).then_some(Algorithm::RS256)?
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    let for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let own = jwk.common.key_algorithm.is_none_or(|it| it == algorithm.into());
    let id = jwk.common.key_id.clone().filter(|_| for_signatures && own)?;
    Some(((id, algorithm), DecodingKey::from_jwk(&jwk).ok()?))
}

impl Fetched {
    pub(super) fn new(fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { fetch, clock, now: RwLock::default(), turn: Arc::default() }))
    }

    /// A key, or none where the issuer has none of that id. Whoever makes ids up makes nobody fetch more than twice a minute.
    pub(super) async fn get(&self, id: &str, algorithm: Algorithm) -> Result<Option<DecodingKey>, Hindrance> {
        if let Some(key) = self.known(id, algorithm, FRESH) {
            return Ok(Some(key));
        }
        let old = self.known(id, algorithm, KEPT);
        let turn = Arc::clone(&self.0.turn);
        let turn = match (Arc::clone(&turn).try_lock_owned(), &old) {
            (Ok(turn), _) => turn,
            // Somebody fetches; what is there will do.
            (Err(_), Some(_)) => return Ok(old),
            (Err(_), None) => turn.lock_owned().await,
        };
        if let Some(key) = self.known(id, algorithm, FRESH) {
            return Ok(Some(key));
        }
        // A task of its own: whoever hangs up has not used up a turn for nothing.
        let keys = self.clone();
        let renewed = tokio::spawn(async move { keys.renew(turn).await }).await;
        match renewed.unwrap_or(Err(Hindrance::Lost)) {
            Ok(()) => Ok(self.known(id, algorithm, FRESH)),
            Err(hindrance) => old.map(Some).ok_or(hindrance),
        }
    }

    /// Fetches, unless that was done twice within the last minute.
    async fn renew(&self, mut turn: OwnedMutexGuard<Turn>) -> Result<(), Hindrance> {
        let now = self.0.clock.now();
        if turn.before.is_some_and(|before| is_within(PAUSE, before, now)) {
            return if turn.in_vain { Err(Hindrance::Lately) } else { Ok(()) };
        }
        *turn = Turn { last: Some(now), before: turn.last, in_vain: true };
        match self.0.fetch.keys().await {
            Ok(keys) => {
                let kept = Kept { keys: Arc::new(keys), since: now };
                *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                turn.in_vain = false;
                Ok(())
            }
            Err(hindrance) => {
                let issuer = self.0.fetch.issuer();
                tracing::warn!(issuer.url = issuer, error = %hindrance, "a workload issuer's keys cannot be fetched");
                Err(hindrance)
            }
        }
    }

    /// Of those that were fetched within so many seconds.
    fn known(&self, id: &str, algorithm: Algorithm, within: i64) -> Option<DecodingKey> {
        let kept = self.0.now.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        if is_within(within, kept.since, self.0.clock.now()) { kept.keys.get(id, algorithm) } else { None }
    }
}

/// Not when the clock went back: then nobody knows how long ago it was.
fn is_within(seconds: i64, since: Timestamp, now: Timestamp) -> bool {
    (0..seconds).contains(&seconds_between(since, now))
}

const MAX_KEYS: usize = 100;
const MIN_RSA_BYTES: usize = 256;
const MAX_RSA_BYTES: usize = 1_024;
/// A key that its issuer takes back counts no longer than this, while the issuer answers.
const FRESH: i64 = 60 * 60;
/// And no longer than this while it does not.
const KEPT: i64 = 12 * FRESH;
const PAUSE: i64 = 60;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(keys: Value) -> Result<usize, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).map(|set| set.0.len())
    }

    #[test]
    fn only_keys_that_verify_what_we_take_are_taken() {
        let n = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0x81; bytes]);
        let rsa = |bytes: usize| json!({ "kty": "RSA", "kid": "a", "n": n(bytes), "e": "AQAB" });
        let coordinate = URL_SAFE_NO_PAD.encode([7; 32]);
        let ec = json!({ "kty": "EC", "kid": "a", "crv": "P-256", "x": coordinate, "y": coordinate });
        let with = |base: &Value, field: &str, value: Value| {
            let mut key = base.clone();
            key[field] = value;
            key
        };
        assert_eq!(set(json!([rsa(256), ec])), Ok(2), "one id, two algorithms");
        assert_eq!(set(json!([with(&rsa(256), "use", json!("sig")), { "kty": "of tomorrow" }, 7])), Ok(1));
        for bad in [
            rsa(255),
            rsa(2_048),
            with(&rsa(256), "use", json!("enc")),
            with(&rsa(256), "alg", json!("RS512")),
            with(&rsa(256), "alg", json!("HS256")),
            with(&rsa(256), "kid", json!(null)),
            with(&ec, "crv", json!("P-384")),
            json!({ "kty": "oct", "kid": "a", "k": "AAAA" }),
            json!({ "kty": "OKP", "kid": "a", "crv": "Ed25519", "x": "AAAA" }),
        ] {
            assert_eq!(set(json!([bad])), Err(KeySetError::NoKey), "{bad}");
        }
        assert_eq!(set(json!(vec![rsa(256); 101])), Err(KeySetError::TooMany));
        for bad in ["", "[]", "{}", "null", "{\"keys\":1}", &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))]
        {
            assert!(matches!(KeySet::parse(bad.as_bytes()), Err(KeySetError::NotASet)));
        }
    }
}
