//! An issuer of tokens for jobs (OIDC): its discovery document, its keys, and tokens that it signs, or that somebody forges.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::certificates::Signed;
use crate::patience::now;
use crate::wire::end_tls;

/// An issuer on this machine. Dropped, it is gone.
#[derive(Debug)]
pub struct Issuer {
    address: SocketAddr,
    url: String,
    pages: Arc<Mutex<Pages>>,
    pub key: SigningKey,
    _server: Server,
}

/// Ends with the issuer.
#[derive(Debug)]
struct Server(tokio::task::JoinHandle<()>);

#[derive(Debug, Default)]
struct Pages {
    /// What is answered, and how.
    answers: HashMap<String, (Arc<str>, Pace)>,
    asked: Vec<String>,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// All at once, after this long.
    After(Duration),
    /// Byte by byte, each this long after the one before.
    InDrops(Duration),
}

/// A key that signs tokens, by the id that they name it by.
#[derive(Debug)]
pub struct SigningKey {
    id: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Issuer {
    /// With an RSA key, whose id is `first`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages = Arc::new(Mutex::new(Pages::default()));
        let shared = Arc::clone(&pages);
        let server = Server(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        }));
        let issuer =
            Self { address, url: format!("http://{address}"), pages, key: SigningKey::rsa("first"), _server: server };
        issuer.has_keys(&[&issuer.key]);
        issuer.describes_itself()
    }

    /// The same behind TLS, at another port.
    pub async fn over_tls(self, signed: &Signed) -> Self {
        let port = end_tls(signed, self.address).await;
        Self { url: format!("https://127.0.0.1:{port}"), ..self }.describes_itself()
    }

    fn describes_itself(self) -> Self {
        let discovery = json!({ "issuer": self.url, "jwks_uri": format!("{}/keys", self.url) });
        self.says("/.well-known/openid-configuration", &json_answer(&discovery.to_string()));
        self
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// What it answers to a path from now on: a whole HTTP answer.
    pub fn says(&self, path: &str, answer: &str) {
        self.says_after(path, answer, Duration::ZERO);
    }

    /// The same in a time of its own.
    pub fn says_after(&self, path: &str, answer: &str, wait: Duration) {
        self.says_by(path, answer, Pace::After(wait));
    }

    /// The same a byte at a time, so far apart.
    pub fn says_in_drops(&self, path: &str, answer: &str, apart: Duration) {
        self.says_by(path, answer, Pace::InDrops(apart));
    }

    fn says_by(&self, path: &str, answer: &str, pace: Pace) {
        self.pages.lock().unwrap().answers.insert(path.to_owned(), (answer.into(), pace));
    }

    pub fn has_keys(&self, keys: &[&SigningKey]) {
        self.says("/keys", &json_answer(&jwks(keys).to_string()));
    }

    /// The paths that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.pages.lock().unwrap().asked.clone()
    }

    /// The claims of a good token of GitHub's kind for `audience`, with some others or, where they are null, without.
    pub fn claims(&self, audience: &str, others: &Value) -> Value {
        let now = now().as_second();
        let mut claims = json!({
            "iss": self.url(), "aud": audience, "sub": "repo:corp/app:ref:refs/heads/main", "iat": now, "nbf": now, "exp": now + 300,
            "repository": "corp/app", "repository_id": "4711", "ref": "refs/heads/main", "event_name": "push", "run_id": "99",
        });
        for (name, value) in others.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SigningKey {
    pub fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    pub fn ec(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) }
    }

    /// As an issuer shows it.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                let (modulus, exponent) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (modulus.big_endian_without_leading_zero(), exponent.big_endian_without_leading_zero());
                json!({ "kty": "RSA", "kid": self.id, "use": "sig", "alg": "RS256", "n": text(n), "e": text(e) })
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "kid": self.id, "crv": "P-256", "x": text(x), "y": text(y) })
            }
        }
    }

    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({}), &claims.to_string())
    }

    /// With more, or other, fields in the header.
    pub fn token_with(&self, header: &Value, claims: &str) -> String {
        let algorithm = if matches!(self.pair, Pair::Rsa(_)) { "RS256" } else { "ES256" };
        let mut whole = json!({ "typ": "JWT", "alg": algorithm, "kid": self.id });
        for (name, value) in header.as_object().unwrap() {
            whole[name] = value.clone();
        }
        whole.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let signed = unsigned(&whole.to_string(), claims);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes())))
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, text).unwrap().as_ref().to_vec(),
        }
    }
}

/// The first two parts of a token.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

pub fn jwks(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

pub fn json_answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One answer a connection.
async fn answer(mut stream: TcpStream, pages: Arc<Mutex<Pages>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let path = String::from_utf8_lossy(&request).split(' ').nth(1).unwrap_or_default().to_owned();
    let (answer, pace) = {
        let mut pages = pages.lock().unwrap();
        pages.asked.push(path.clone());
        let nothing = || ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into(), Pace::After(Duration::ZERO));
        pages.answers.get(&path).cloned().unwrap_or_else(nothing)
    };
    // Whoever asked may have hung up.
    match pace {
        Pace::After(wait) => {
            tokio::time::sleep(wait).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Pace::InDrops(apart) => {
            for byte in answer.bytes() {
                if stream.write_u8(byte).await.is_err() {
                    return;
                }
                tokio::time::sleep(apart).await;
            }
        }
    }
    let _ = stream.shutdown().await;
}
