//! A token before anything that it says is believed: of a modest size, of three parts, with an algorithm that we take.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::NotProved;
use super::claim::Claims;

/// What a token says of itself.
#[derive(Debug)]
pub(super) struct Unproved<'t> {
    pub(super) text: &'t str,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: String,
    pub(super) claims: Claims,
}

/// What counts of a header. Where it says that keys are found (`jku`, `x5u`, `jwk`, `x5c`) is never looked at.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl<'t> Unproved<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, NotProved> {
        if text.len() > MAX_TOKEN {
            return Err(NotProved::Unreadable("it is longer than 16 KiB"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotProved::Unreadable("it has not three parts"));
        };
        let header: Header = read(header, "its header is no JSON in base64url")?;
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::RS256,
            "ES256" => Algorithm::ES256,
            _ => return Err(NotProved::Algorithm),
        };
        if header.crit.is_some() {
            return Err(NotProved::Unreadable("its header has what must be understood (`crit`), and is not"));
        }
        let key_id = header.kid.filter(|kid| (1..=MAX_KEY_ID).contains(&kid.len()));
        let key_id = key_id.ok_or(NotProved::Unreadable("its header has no `kid`"))?;
        Ok(Self { text, algorithm, key_id, claims: Claims::new(read(claims, "its claims are no JSON in base64url")?)? })
    }
}

/// Deeply nested JSON is refused by its reader, which has a limit of its own.
fn read<T: for<'de> Deserialize<'de>>(part: &str, unreadable: &'static str) -> Result<T, NotProved> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| NotProved::Unreadable(unreadable))?;
    serde_json::from_slice(&bytes).map_err(|_| NotProved::Unreadable(unreadable))
}

const MAX_TOKEN: usize = 16 << 10;
const MAX_KEY_ID: usize = 256;
