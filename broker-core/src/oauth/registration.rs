//! What a client says of itself. Nothing is kept: the client's id holds it all, and a keyed hash by which we know our own word again.
//!
//! AWS's clients keep a registration until it ends and never renew one that is refused, so that losing them would lock everybody out.
//! The key is derived from the installation's own secret: it outlives a restart, a restored backup and a change of master keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::redirect::{NotLoopback, Redirect};
use crate::character::is_hidden;
use crate::clock::after;
use crate::vault::{Purpose, SealBroken, Seals, digest, new_token};

/// A client, by its own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// By which its codes and tokens are bound to it.
    pub(super) hash: String,
    /// What it calls itself. Anybody may call themselves anything.
    pub name: String,
    /// Where its codes may go; nowhere, for one that only asks by device codes.
    pub redirects: Vec<Redirect>,
}

/// A client that has shown its secret.
#[derive(Debug)]
pub struct ProvedClient(pub(super) Client);

/// What a client is told.
#[derive(Debug)]
pub struct Registered {
    pub client_id: String,
    pub client_secret: SecretString,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Why a client cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    #[error("a client's name has 1 to 100 characters, and none that nobody sees")]
    Name,
    #[error(transparent)]
    Redirect(#[from] NotLoopback),
    #[error("a client has at most 5 redirects")]
    TooManyRedirects,
    #[error(transparent)]
    Seal(#[from] SealBroken),
}

/// Why a client's id or secret is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownClient {
    #[error("this broker has registered no such client")]
    NotOurs,
    #[error("the client's registration is over: it holds for 90 days")]
    Expired,
    #[error("the client's secret is not the one of its id")]
    WrongSecret,
}

/// What stands in an id.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    name: String,
    redirects: Vec<String>,
    issued_at: i64,
    /// No two clients are one, though they say the same of themselves at the same moment.
    nonce: String,
}

impl ProvedClient {
    /// Whether codes may be sent to it.
    pub fn has_redirects(&self) -> bool {
        !self.0.redirects.is_empty()
    }
}

pub(super) fn register(
    name: &str,
    redirects: &[String],
    seals: &Seals,
    now: Timestamp,
) -> Result<Registered, RegistrationError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(is_hidden) {
        return Err(RegistrationError::Name);
    }
    if redirects.len() > MAX_REDIRECTS {
        return Err(RegistrationError::TooManyRedirects);
    }
    let redirects = redirects.iter().map(|text| Redirect::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let word = Word {
        name: name.to_owned(),
        redirects: redirects.iter().map(Redirect::written).collect(),
        issued_at: now.as_second(),
        nonce: new_token("")?.expose_secret().to_owned(),
    };
    let word = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&word).unwrap_or_default());
    let client_id = format!("{word}.{}", URL_SAFE_NO_PAD.encode(mac(seals, ID, &word)));
    let secret = URL_SAFE_NO_PAD.encode(mac(seals, SECRET, &client_id));
    let client_secret = SecretString::from(format!("{SECRET_PREFIX}{secret}"));
    Ok(Registered { client_id, client_secret, issued_at: now, expires_at: after(now, LIFE_SECONDS) })
}

/// The client of an id, whoever shows it.
pub(super) fn client(client_id: &str, seals: &Seals, now: Timestamp) -> Result<Client, UnknownClient> {
    let (word, tag) = client_id.split_once('.').filter(|_| client_id.len() <= MAX_ID).ok_or(UnknownClient::NotOurs)?;
    let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| UnknownClient::NotOurs)?;
    if !seals.verify(Purpose::Registration, &[ID, word.as_bytes()], &tag) {
        return Err(UnknownClient::NotOurs);
    }
    let word = URL_SAFE_NO_PAD.decode(word).map_err(|_| UnknownClient::NotOurs)?;
    let word: Word = serde_json::from_slice(&word).map_err(|_| UnknownClient::NotOurs)?;
    let issued_at = Timestamp::from_second(word.issued_at).map_err(|_| UnknownClient::NotOurs)?;
    if now >= after(issued_at, LIFE_SECONDS) {
        return Err(UnknownClient::Expired);
    }
    let redirects = word.redirects.iter().map(|text| Redirect::parse(text)).collect::<Result<_, _>>();
    let redirects = redirects.map_err(|_| UnknownClient::NotOurs)?;
    Ok(Client { hash: hex::encode(digest(&[client_id.as_bytes()])), name: word.name, redirects })
}

/// The client of an id, shown by itself.
pub(super) fn prove(
    client_id: &str,
    secret: &SecretString,
    seals: &Seals,
    now: Timestamp,
) -> Result<ProvedClient, UnknownClient> {
    let client = client(client_id, seals, now)?;
    let shown = secret.expose_secret().strip_prefix(SECRET_PREFIX).unwrap_or_default();
    let shown = URL_SAFE_NO_PAD.decode(shown).unwrap_or_default();
    if seals.verify(Purpose::Registration, &[SECRET, client_id.as_bytes()], &shown) {
        Ok(ProvedClient(client))
    } else {
        Err(UnknownClient::WrongSecret)
    }
}

fn mac(seals: &Seals, label: &[u8], text: &str) -> crate::vault::Mac {
    seals.mac(Purpose::Registration, &[label, text.as_bytes()])
}

/// How long a registration holds: 90 days.
pub const LIFE_SECONDS: u32 = 90 * 24 * 3_600;
/// What client secrets begin with, so that secret scanners find them.
pub const SECRET_PREFIX: &str = "bkc_";
const ID: &[u8] = b"client id";
const SECRET: &[u8] = b"client secret";
const MAX_NAME: usize = 100;
const MAX_REDIRECTS: usize = 5;
const MAX_ID: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &str = "http://127.0.0.1/oauth/callback";

    fn seals(secret: &str) -> Seals {
        Seals::derive(&SecretString::from(secret)).unwrap()
    }

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    #[test]
    fn a_client_is_known_again_by_its_id_and_proved_by_its_secret() {
        let seals = seals("one");
        let made = register("botocore-client-corp", &[REDIRECT.to_owned()], &seals, now()).unwrap();
        let proved = prove(&made.client_id, &made.client_secret, &seals, now()).unwrap();
        assert_eq!(proved.0, client(&made.client_id, &seals, now()).unwrap());
        assert_eq!(proved.0.name, "botocore-client-corp");
        assert_eq!(proved.0.redirects, [Redirect::parse(REDIRECT).unwrap()]);

        let other = register("botocore-client-corp", &[REDIRECT.to_owned()], &seals, now()).unwrap();
        assert_ne!(made.client_id, other.client_id, "the same said at the same moment makes another client");
        let wrong = prove(&made.client_id, &other.client_secret, &seals, now());
        assert_eq!(wrong.unwrap_err(), UnknownClient::WrongSecret, "another client's");
        for secret in ["", "bkc_", "bkc_AAAA", &made.client_id] {
            let wrong = prove(&made.client_id, &SecretString::from(secret), &seals, now());
            assert_eq!(wrong.unwrap_err(), UnknownClient::WrongSecret, "{secret}");
        }
    }

    #[test]
    fn nobody_else_can_write_an_id() {
        let (ours, theirs) = (seals("one"), seals("two"));
        let made = register("aws", &[REDIRECT.to_owned()], &theirs, now()).unwrap();
        assert_eq!(client(&made.client_id, &ours, now()), Err(UnknownClient::NotOurs), "another installation's");

        let made = register("aws", &[REDIRECT.to_owned()], &ours, now()).unwrap();
        let (word, tag) = made.client_id.split_once('.').unwrap();
        let json = URL_SAFE_NO_PAD.decode(word).unwrap();
        let forged = String::from_utf8(json).unwrap().replace("127.0.0.1", "evil.example");
        let forged = format!("{}.{tag}", URL_SAFE_NO_PAD.encode(forged));
        for id in ["", ".", word, tag, &forged, &format!("{}A", made.client_id), &format!("A{}", made.client_id)] {
            assert_eq!(client(id, &ours, now()), Err(UnknownClient::NotOurs), "{id}");
        }
        let secret = made.client_secret.expose_secret().strip_prefix(SECRET_PREFIX).unwrap();
        assert!(client(&format!("{word}.{secret}"), &ours, now()).is_err(), "a secret is no id's hash");
    }

    #[test]
    fn a_registration_holds_for_ninety_days() {
        let seals = seals("one");
        let made = register("aws", &[], &seals, now()).unwrap();
        assert_eq!(made.expires_at, after(now(), 90 * 86_400));
        assert!(client(&made.client_id, &seals, after(now(), 90 * 86_400 - 1)).is_ok());
        assert_eq!(client(&made.client_id, &seals, made.expires_at), Err(UnknownClient::Expired));
    }

    #[test]
    fn names_and_redirects_are_read_strictly() {
        let seals = seals("one");
        let register = |name: &str, redirects: &[&str]| {
            let redirects: Vec<String> = redirects.iter().map(|text| (*text).to_owned()).collect();
            register(name, &redirects, &seals, now()).map(drop).unwrap_err()
        };
        for name in ["", "  ", "a\u{202e}b", "a\nb", &"x".repeat(101)] {
            assert_eq!(register(name, &[]), RegistrationError::Name, "{name:?}");
        }
        assert_eq!(register("aws", &[REDIRECT, "https://evil.example/"]), RegistrationError::Redirect(NotLoopback));
        assert_eq!(register("aws", &[REDIRECT; 6]), RegistrationError::TooManyRedirects);
    }

    #[test]
    fn the_longest_that_may_be_registered_is_known_again() {
        let seals = seals("one");
        let redirects = vec![format!("http://127.0.0.1/{}", "a".repeat(99)); 5];
        let made = register(&"漢".repeat(100), &redirects, &seals, now()).unwrap();
        assert!(client(&made.client_id, &seals, now()).is_ok(), "{}", made.client_id.len());
    }
}
