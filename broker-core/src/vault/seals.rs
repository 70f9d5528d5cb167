//! Keyed hashes and tokens: a key for each purpose, derived from the installation's own secret.

use aws_lc_rs::{digest, hkdf, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{MasterKey, SealBroken, framed};

/// What a keyed hash is for. Each purpose has a key of its own, so that a hash made for one proves nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The store's form of session and service tokens.
    Token,
    /// Rows that decide: connectors, access keys, service tokens, sessions.
    Row,
    /// The links of the audit trail.
    Trail,
    /// Names that were typed and are not to be kept in clear.
    TypedName,
    /// People, where attempts to be them are counted.
    Subject,
    /// The lines of an anchor file.
    Anchor,
    /// The browser's proof that a form is ours.
    Form,
    /// The registrations of AWS's own clients, which no store remembers.
    Registration,
    /// The access and refresh tokens of those clients.
    ClientToken,
    /// The store's form of recovery codes.
    RecoveryCode,
    /// Enrolments that have begun, which no store remembers.
    Enrolment,
    /// That somebody has shown their password, and not yet their second factor.
    HalfWay,
    /// Questions to people's passkeys, which no store remembers; and how authenticators know people.
    Passkey,
    /// By which password a session began.
    PasswordMark,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Token => b"brokerd token v1",
            Self::Row => b"brokerd row v1",
            Self::Trail => b"brokerd trail v1",
            Self::TypedName => b"brokerd typed name v1",
            Self::Subject => b"brokerd subject v1",
            Self::Anchor => b"brokerd anchor v1",
            Self::Form => b"brokerd form v1",
            Self::Registration => b"brokerd registration v1",
            Self::ClientToken => b"brokerd client token v1",
            Self::RecoveryCode => b"brokerd recovery code v1",
            Self::Enrolment => b"brokerd enrolment v1",
            Self::HalfWay => b"brokerd half way v1",
            Self::Passkey => b"brokerd passkey v1",
            Self::PasswordMark => b"brokerd password mark v1",
        }
    }
}

/// Makes and checks keyed hashes (HMAC-SHA-256) under keys derived from the installation's own secret.
pub struct Seals {
    token: hmac::Key,
    row: hmac::Key,
    trail: hmac::Key,
    typed_name: hmac::Key,
    subject: hmac::Key,
    anchor: hmac::Key,
    form: hmac::Key,
    registration: hmac::Key,
    client_token: hmac::Key,
    recovery_code: hmac::Key,
    enrolment: hmac::Key,
    half_way: hmac::Key,
    passkey: hmac::Key,
    password_mark: hmac::Key,
}

/// A keyed hash.
pub type Mac = [u8; 32];

impl Seals {
    /// Derives the purposes' keys (HKDF-SHA-256, RFC 5869).
    pub fn derive(secret: &SecretString) -> Result<Self, SealBroken> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"brokerd installation");
        let base = salt.extract(secret.expose_secret().as_bytes());
        let key = |purpose: Purpose| -> Result<hmac::Key, SealBroken> {
            Ok(base.expand(&[purpose.label()], hmac::HMAC_SHA256).map_err(|_| SealBroken::Damaged)?.into())
        };
        Ok(Self {
            token: key(Purpose::Token)?,
            row: key(Purpose::Row)?,
            trail: key(Purpose::Trail)?,
            typed_name: key(Purpose::TypedName)?,
            subject: key(Purpose::Subject)?,
            anchor: key(Purpose::Anchor)?,
            form: key(Purpose::Form)?,
            registration: key(Purpose::Registration)?,
            client_token: key(Purpose::ClientToken)?,
            recovery_code: key(Purpose::RecoveryCode)?,
            enrolment: key(Purpose::Enrolment)?,
            half_way: key(Purpose::HalfWay)?,
            passkey: key(Purpose::Passkey)?,
            password_mark: key(Purpose::PasswordMark)?,
        })
    }

    /// A new installation's secret.
    pub fn generate() -> Result<SecretString, SealBroken> {
        MasterKey::generate()
    }

    /// The keyed hash of the parts, each framed by its length.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> Mac {
        let tag = hmac::sign(self.key(purpose), &framed(parts.iter().copied()));
        let mut mac = [0; 32];
        mac.copy_from_slice(tag.as_ref());
        mac
    }

    /// Whether the hash is ours for these parts; takes the same time either way.
    pub fn verify(&self, purpose: Purpose, parts: &[&[u8]], mac: &[u8]) -> bool {
        hmac::verify(self.key(purpose), &framed(parts.iter().copied()), mac).is_ok()
    }

    fn key(&self, purpose: Purpose) -> &hmac::Key {
        match purpose {
            Purpose::Token => &self.token,
            Purpose::Row => &self.row,
            Purpose::Trail => &self.trail,
            Purpose::TypedName => &self.typed_name,
            Purpose::Subject => &self.subject,
            Purpose::Anchor => &self.anchor,
            Purpose::Form => &self.form,
            Purpose::Registration => &self.registration,
            Purpose::ClientToken => &self.client_token,
            Purpose::RecoveryCode => &self.recovery_code,
            Purpose::Enrolment => &self.enrolment,
            Purpose::HalfWay => &self.half_way,
            Purpose::Passkey => &self.passkey,
            Purpose::PasswordMark => &self.password_mark,
        }
    }
}

/// A new bearer token: the prefix by which secret scanners know it, and 256 bits of the operating system's randomness.
pub fn new_token(prefix: &str) -> Result<SecretString, SealBroken> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).map_err(|_| SealBroken::Damaged)?;
    Ok(SecretString::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(*bytes))))
}

/// SHA-256 of the parts, each framed by its length.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, &framed(parts.iter().copied())).as_ref());
    out
}

impl std::fmt::Debug for Seals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seals").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_do_not_prove_each_other() {
        let seals = Seals::derive(&SecretString::from("installation")).unwrap();
        let mac = seals.mac(Purpose::Token, &[b"a", b"b"]);
        assert!(seals.verify(Purpose::Token, &[b"a", b"b"], &mac));
        assert!(!seals.verify(Purpose::Row, &[b"a", b"b"], &mac));
        assert!(!seals.verify(Purpose::Token, &[b"ab", b""], &mac), "parts are framed");
        assert!(!Seals::derive(&SecretString::from("other")).unwrap().verify(Purpose::Token, &[b"a", b"b"], &mac));
    }
}
