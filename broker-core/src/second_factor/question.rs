//! A question to somebody's passkey, until it is answered. Nothing of it is kept: the page brings it along, proved by a keyed hash, so that any node
//! takes the answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::caller::Subject;
use crate::clock::Millis;
use crate::id::{SecondFactorId, SessionId};
use crate::vault::{Purpose, SealBroken, Seals, digest};

/// Who is asked, and where.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) within: Within<'a>,
    pub(crate) seals: &'a Seals,
}

/// Where an answer counts.
#[derive(Clone, Copy, Debug)]
pub enum Within<'a> {
    /// In the browser that has this: before there is a session.
    Browser(&'a [u8]),
    Session(SessionId),
}

/// What was asked, as `webauthn-rs` remembers it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question<S> {
    /// Of the passkey that is to be made.
    pub(super) id: Option<SecondFactorId>,
    /// In milliseconds since 1970.
    pub(super) expires: i64,
    pub(super) state: S,
}

/// No answer to it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// Of another person, or place, or of nobody's asking.
    #[error("the question was somebody else's")]
    Foreign,
    #[error("the question is over")]
    Over,
}

impl<S: Serialize + DeserializeOwned> Question<S> {
    /// As it is brought along. `what` keeps the sorts of questions apart.
    pub(super) fn text(&self, what: &[u8], asking: Asking<'_>) -> Result<String, SealBroken> {
        let text = serde_json::to_vec(self).map_err(|_| SealBroken::Damaged)?;
        let mac = asking.with_parts(what, &text, |parts| asking.seals.mac(Purpose::Passkey, parts));
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(mac));
        if text.len() <= LONGEST { Ok(text) } else { Err(SealBroken::Damaged) }
    }

    /// Reads what somebody brings; and by what the store knows that it was answered.
    pub(super) fn read(
        text: &str,
        what: &[u8],
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<(Self, [u8; 32]), NotAsked> {
        let (text, mac) = text.split_once('.').filter(|_| text.len() <= LONGEST).ok_or(NotAsked::Foreign)?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAsked::Foreign);
        let (text, mac) = (decoded(text)?, decoded(mac)?);
        if !asking.with_parts(what, &text, |parts| asking.seals.verify(Purpose::Passkey, parts, &mac)) {
            return Err(NotAsked::Foreign);
        }
        let question: Self = serde_json::from_slice(&text).map_err(|_| NotAsked::Foreign)?;
        if Timestamp::from(Millis(question.expires)) <= now {
            return Err(NotAsked::Over);
        }
        Ok((question, digest(&[&text])))
    }
}

impl Asking<'_> {
    fn with_parts<T>(&self, what: &[u8], text: &[u8], act: impl FnOnce(&[&[u8]]) -> T) -> T {
        let subject = self.subject.to_string();
        match self.within {
            Within::Browser(browser) => act(&[what, b"browser", browser, subject.as_bytes(), text]),
            Within::Session(session) => act(&[what, b"session", session.as_bytes(), subject.as_bytes(), text]),
        }
    }
}

/// The names of ten passkeys with the longest that there are (1,023 bytes each; section 4, credential ID) fit.
const LONGEST: usize = 32 * 1024;
