//! A job's token as a CI system signs it (RS256), and the key by which brokerd proves it.

use anyhow::Context;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_core::clock::{Clock, SystemClock};
use secrecy::SecretString;
use serde_json::{Value, json};

/// The token, and the set of keys that it is proved by.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) token: SecretString,
    pub(crate) jwks: Value,
}

impl Job {
    /// For the broker at this address, until tomorrow.
    pub(crate) fn new(audience: &str) -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).context("no key can be made")?;
        let public = pair.public_key();
        let (modulus, exponent) =
            (public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero());
        let [n, e] = [modulus, exponent].map(|number| URL_SAFE_NO_PAD.encode(number));
        let jwks = json!({ "keys": [{ "kty": "RSA", "kid": KEY, "use": "sig", "alg": "RS256", "n": n, "e": e }] });
        let now = SystemClock.now().as_second();
        let claims = json!({
            "iss": ISSUER, "aud": audience, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 86_400,
            "repository": "corp/app", "ref": "refs/heads/main", "event_name": "push", "run_id": "99",
        });
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": KEY });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .context("nothing can be signed")?;
        let token = SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)));
        Ok(Self { token, jwks })
    }
}

/// What the configuration says of the issuer.
pub(crate) fn entry() -> String {
    format!(
        "[[workload_issuer]]\nname = \"jobs\"\nissuer.custom = {{ url = \"{ISSUER}\", tenant_claim = \"sub\" }}\n\
         jwks_file = \"{JWKS_FILE}\"\n\
         [[workload_issuer.mapping]]\nconnectors = [\"jobs\"]\nclaims = {{ sub = \"{SUBJECT}\", ref = \"refs/heads/main\" }}\n\
         name = \"{{repository}}@{{run_id}}\"\n"
    )
}

pub(crate) const JWKS_FILE: &str = "jobs.jwks.json";
const ISSUER: &str = "https://jobs.bench.example";
const SUBJECT: &str = "repo:corp/app:ref:refs/heads/main";
const KEY: &str = "bench";
