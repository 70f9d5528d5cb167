//! Passkeys (Web Authentication, level 3): what a browser is asked for, and whether what it brings is right. The checks are those of `webauthn-rs`,
//! which knows nothing of our store: who may answer, when, and how often, is decided here and by whoever calls.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    CredentialID, Passkey as Credential, PasskeyAuthentication, PasskeyRegistration, Webauthn, WebauthnBuilder,
    WebauthnError,
};

use super::question::{Asking, NotAsked, Question};
use crate::caller::Person;
use crate::clock::{Millis, after};
use crate::id::SecondFactorId;
use crate::vault::{Purpose, SealBroken};

/// The site that passkeys are made for, by its public URL alone: those of other sites, and pages of others, are no good here.
#[derive(Clone, Debug)]
pub struct RelyingParty(Arc<Webauthn>);

/// Passkeys are of a name (Web Authentication, section 5.1.2: an RP ID is a domain).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the public URL {0} has no name: a passkey is made for a name, and never for an address")]
pub struct NoName(String);

/// What somebody has enrolled: a public key, and how it is named to the browser. Nothing of it is secret, and all of it decides.
pub struct Passkey(Credential);

/// What a page asks its browser for, and what it brings along with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// For `navigator.credentials`, in JSON, with bytes in base64url.
    pub options: String,
    /// To be brought along.
    pub question: String,
}

/// What a browser brings, as it came.
#[derive(Clone)]
pub struct Answer {
    pub question: String,
    /// In JSON, with bytes in base64url.
    pub credential: String,
}

/// A passkey that has just been made.
pub(crate) struct NewPasskey {
    /// That it will have; once it is there, the same question cannot be answered again.
    pub(crate) id: SecondFactorId,
    pub(crate) passkey: Passkey,
}

/// A right answer, which counts once its question has been taken.
#[derive(Debug)]
pub(crate) struct ShownPasskey {
    credential: CredentialID,
    pub(crate) counter: u32,
    pub(crate) question: [u8; 32],
}

/// Why a passkey was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyRefused {
    #[error(transparent)]
    NotAsked(#[from] NotAsked),
    #[error("it is not what a browser sends of a passkey")]
    NotAnAnswer,
    #[error("its answer had been shown before")]
    Answered,
    #[error("its counter did not go forward, so there may be a copy of it")]
    Copied,
    #[error("it is not enrolled any more")]
    Removed,
    #[error("it is enrolled already")]
    Enrolled,
    /// Of origin, site, challenge, person or signature: each is another of its errors.
    #[error("{0}")]
    Wrong(WebauthnError),
}

impl RelyingParty {
    /// Of the site with a public URL. `name`: as browsers call it where they ask for consent.
    pub fn of(public_url: &Url, name: &str) -> Result<Self, NoName> {
        let no_name = || NoName(public_url.origin().ascii_serialization());
        let Some(Host::Domain(host)) = public_url.host() else { return Err(no_name()) };
        let builder = WebauthnBuilder::new(host, public_url).map_err(|_| no_name())?;
        let webauthn = builder.rp_name(name).build().map_err(|_| no_name())?;
        Ok(Self(Arc::new(webauthn)))
    }

    /// Asks for a new passkey, which none of those that there are may be.
    pub(crate) fn ask_for_new(
        &self,
        person: &Person,
        before: &[Passkey],
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<Asked, SealBroken> {
        let before = before.iter().map(|passkey| passkey.0.cred_id().clone()).collect();
        let shown = person.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&person.username);
        let handle = handle_of(asking)?;
        let (options, state) = self
            .0
            .start_passkey_registration(handle, &person.username, shown, Some(before))
            .map_err(|_| SealBroken::Damaged)?;
        let question = Question { id: Some(SecondFactorId::random()), expires: expires(now, NEW_SECONDS), state };
        asked(&options.public_key, &question, NEW, asking)
    }

    /// The new passkey that was asked for.
    pub(crate) fn new_passkey(
        &self,
        answer: &Answer,
        before: &[Passkey],
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<NewPasskey, PasskeyRefused> {
        let (question, _) = Question::<PasskeyRegistration>::read(&answer.question, NEW, asking, now)?;
        let id = question.id.ok_or(NotAsked)?;
        let credential = parse(&answer.credential)?;
        let made = self.0.finish_passkey_registration(&credential, &question.state).map_err(PasskeyRefused::Wrong)?;
        // Of two pages that asked at once, one may have been answered meanwhile.
        if before.iter().any(|passkey| passkey.0.cred_id() == made.cred_id()) {
            return Err(PasskeyRefused::Enrolled);
        }
        Ok(NewPasskey { id, passkey: Passkey(made) })
    }

    /// Asks for one of somebody's passkeys.
    pub(crate) fn ask_for_one(
        &self,
        passkeys: &[Passkey],
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<Asked, SealBroken> {
        let passkeys: Vec<Credential> = passkeys.iter().map(|passkey| passkey.0.clone()).collect();
        let (options, state) = self.0.start_passkey_authentication(&passkeys).map_err(|_| SealBroken::Damaged)?;
        let question = Question { id: None, expires: expires(now, SHOWN_SECONDS), state };
        asked(&options.public_key, &question, SHOWN, asking)
    }

    /// Which of the passkeys that were asked for was shown.
    pub(crate) fn shown(
        &self,
        answer: &Answer,
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<ShownPasskey, PasskeyRefused> {
        let (question, hash) = Question::<PasskeyAuthentication>::read(&answer.question, SHOWN, asking, now)?;
        let credential = parse(&answer.credential)?;
        match self.0.finish_passkey_authentication(&credential, &question.state) {
            Ok(result) => {
                Ok(ShownPasskey { credential: result.cred_id().clone(), counter: result.counter(), question: hash })
            }
            Err(WebauthnError::CredentialPossibleCompromise) => Err(PasskeyRefused::Copied),
            Err(error) => Err(PasskeyRefused::Wrong(error)),
        }
    }
}

impl Passkey {
    /// As it is sealed.
    pub(crate) fn text(&self) -> Result<SecretString, SealBroken> {
        serde_json::to_string(&self.0).map(SecretString::from).map_err(|_| SealBroken::Damaged)
    }

    pub(crate) fn read(text: &SecretString) -> Result<Self, SealBroken> {
        serde_json::from_str(text.expose_secret()).map(Self).map_err(|_| SealBroken::Damaged)
    }
}

impl ShownPasskey {
    pub(crate) fn is(&self, passkey: &Passkey) -> bool {
        self.credential == *passkey.0.cred_id()
    }
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Passkey").field(self.0.cred_id()).finish()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// How authenticators know the person, who cannot be told by it (section 14.6.1).
fn handle_of(asking: Asking<'_>) -> Result<Uuid, SealBroken> {
    let mac = asking.seals.mac(Purpose::Passkey, &[HANDLE, asking.subject.to_string().as_bytes()]);
    mac.first_chunk().map(|bytes| Uuid::from_bytes(*bytes)).ok_or(SealBroken::Damaged)
}

fn asked<S: Serialize + DeserializeOwned>(
    options: &impl Serialize,
    question: &Question<S>,
    what: &[u8],
    asking: Asking<'_>,
) -> Result<Asked, SealBroken> {
    let options = serde_json::to_string(options).map_err(|_| SealBroken::Damaged)?;
    Ok(Asked { options, question: question.text(what, asking)? })
}

fn parse<C: DeserializeOwned>(credential: &str) -> Result<C, PasskeyRefused> {
    if credential.len() > LONGEST {
        return Err(PasskeyRefused::NotAnAnswer);
    }
    serde_json::from_str(credential).map_err(|_| PasskeyRefused::NotAnAnswer)
}

fn expires(now: Timestamp, seconds: u32) -> i64 {
    Millis::from(after(now, seconds)).0
}

/// Keep the two sorts of questions, and people's handles, apart.
const NEW: &[u8] = b"a new one";
const SHOWN: &[u8] = b"one that there is";
const HANDLE: &[u8] = b"handle of a person";
/// What an authenticator says of itself may have certificates in it, though nobody asked.
const LONGEST: usize = 16 * 1024;
/// How long somebody may take to name and make one.
const NEW_SECONDS: u32 = 15 * 60;
/// How long somebody may look for their key.
pub(crate) const SHOWN_SECONDS: u32 = 5 * 60;
