//! The tokens of a client: a few words and a keyed hash over them, so that the store need only know that their family still lives.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::clock::Millis;
use crate::id::AuthorizationId;
use crate::vault::{Purpose, Seals};

/// Opens what its person may use, for an hour at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessToken {
    pub authorization: AuthorizationId,
    pub expires_at: Timestamp,
}

/// Good for new tokens, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    pub authorization: AuthorizationId,
    pub generation: i64,
}

impl AccessToken {
    /// As it is handed out.
    pub fn written(self, seals: &Seals) -> SecretString {
        written(ACCESS_PREFIX, self.authorization, Millis::from(self.expires_at).0, seals)
    }

    /// Reads one of ours. Whether it is over, and whether its family still lives, is for others to say.
    pub fn parse(text: &str, seals: &Seals) -> Option<Self> {
        let (authorization, millis) = parse(ACCESS_PREFIX, text, seals)?;
        Some(Self { authorization, expires_at: Millis(millis).into() })
    }
}

impl RefreshToken {
    /// As it is handed out: the same generation is always the same text, so that the store keeps none of it.
    pub fn written(self, seals: &Seals) -> SecretString {
        written(REFRESH_PREFIX, self.authorization, self.generation, seals)
    }

    /// Reads one of ours. Whether it is the newest of its family is for others to say.
    pub fn parse(text: &str, seals: &Seals) -> Option<Self> {
        let (authorization, generation) = parse(REFRESH_PREFIX, text, seals)?;
        Some(Self { authorization, generation })
    }
}

fn written(prefix: &str, authorization: AuthorizationId, number: i64, seals: &Seals) -> SecretString {
    let (id, number) = (authorization.as_bytes(), number.to_be_bytes());
    let mac = seals.mac(Purpose::ClientToken, &[prefix.as_bytes(), id, &number]);
    let bytes = Zeroizing::new([id.as_slice(), &number, &mac].concat());
    SecretString::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(&*bytes)))
}

fn parse(prefix: &str, text: &str, seals: &Seals) -> Option<(AuthorizationId, i64)> {
    let encoded = text.strip_prefix(prefix).filter(|encoded| encoded.len() == ENCODED)?;
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (number, mac) = rest.split_first_chunk::<8>()?;
    let is_ours = seals.verify(Purpose::ClientToken, &[prefix.as_bytes(), id, number], mac);
    is_ours.then(|| (AuthorizationId::from_bytes(*id), i64::from_be_bytes(*number)))
}

/// What access tokens begin with.
pub const ACCESS_PREFIX: &str = "bka_";
/// What refresh tokens begin with.
pub const REFRESH_PREFIX: &str = "bkr_";
/// 16 bytes of id, 8 of a number and 32 of hash, in base64.
const ENCODED: usize = 75;

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_good_for_what_it_was_made_for_and_in_its_own_installation() {
        let seals = Seals::derive(&SecretString::from("one")).unwrap();
        let other = Seals::derive(&SecretString::from("other")).unwrap();
        let (authorization, expires_at) = (AuthorizationId::random(), "2026-01-02T03:04:05Z".parse().unwrap());
        let access = AccessToken { authorization, expires_at };
        let refresh = RefreshToken { authorization, generation: 7 };
        let (of_access, of_refresh) = (access.written(&seals), refresh.written(&seals));
        let (of_access, of_refresh) = (of_access.expose_secret(), of_refresh.expose_secret());
        assert_eq!(AccessToken::parse(of_access, &seals), Some(access));
        assert_eq!(RefreshToken::parse(of_refresh, &seals), Some(refresh));
        assert_eq!((of_access.len(), of_refresh.len()), (4 + ENCODED, 4 + ENCODED));

        assert_eq!(AccessToken::parse(of_access, &other), None, "of another installation");
        assert_eq!(RefreshToken::parse(&of_access.replacen("bka_", "bkr_", 1), &seals), None);
        assert_eq!(AccessToken::parse(&of_refresh.replacen("bkr_", "bka_", 1), &seals), None);
    }

    #[test]
    fn no_byte_of_a_token_can_be_another() {
        let seals = Seals::derive(&SecretString::from("one")).unwrap();
        let token = RefreshToken { authorization: AuthorizationId::random(), generation: 1 }.written(&seals);
        let token = token.expose_secret();
        for at in 0..token.len() {
            let mut bytes = token.as_bytes().to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(RefreshToken::parse(&changed, &seals), None, "{at}: {changed}");
        }
        for text in ["", "bkr_", "bkr_AAAA", &token[..78], &format!("{token}A"), &format!("{token}=")] {
            assert_eq!(RefreshToken::parse(text, &seals), None, "{text}");
        }
    }
}
