//! What a browser is asked for, and whether what it brings is right (Web Authentication, level 3). The checks are those of `webauthn-rs`, which knows
//! nothing of our store: who may answer, when, and how often, is decided here and by whoever calls.

use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    CredentialID, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    Webauthn, WebauthnBuilder, WebauthnError,
};

use super::attestation::without_attestation;
use super::passkey::Passkey;
use super::question::{Asking, NotAsked, Question};
use crate::caller::Person;
use crate::clock::{Millis, after};
use crate::id::SecondFactorId;
use crate::vault::{Purpose, SealBroken};

/// The site that passkeys are made for, by its public URL alone: those of other sites, and pages of others, are no good here.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    webauthn: Arc<Webauthn>,
    /// The RP ID.
    site: String,
}

/// Passkeys are of a name (Web Authentication, section 5.1.2: an RP ID is a domain).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the public URL {0} has no name: a passkey is made for a name, and never for an address")]
pub struct NoName(String);

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

/// A passkey that has just been made, which counts once its question has been taken.
pub(crate) struct NewPasskey {
    pub(crate) id: SecondFactorId,
    pub(crate) passkey: Passkey,
    pub(crate) question: [u8; 32],
}

/// A right answer, which counts once its question has been taken.
#[derive(Debug)]
pub(crate) struct ShownPasskey {
    pub(crate) credential: CredentialID,
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
    #[error("it was asked for within a page of another site's")]
    Framed,
    #[error("its answer had been shown before")]
    Answered,
    #[error("its counter did not go forward, so there may be a copy of it")]
    Copied,
    #[error("it is not enrolled, or not any more")]
    Removed,
    #[error("it is enrolled already")]
    Enrolled,
    /// Of origin, site, challenge, person or signature: each is another of its errors.
    #[error("{0}")]
    Wrong(WebauthnError),
}

/// What a browser says that it was asked for, as far as `webauthn-rs` does not look at it.
#[derive(Deserialize)]
struct ClientData {
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}

impl RelyingParty {
    /// Of the site with a public URL. `name`: as browsers call it where they ask for consent.
    pub fn of(public_url: &Url, name: &str) -> Result<Self, NoName> {
        let no_name = || NoName(public_url.origin().ascii_serialization());
        let Some(Host::Domain(host)) = public_url.host() else { return Err(no_name()) };
        let builder = WebauthnBuilder::new(host, public_url).map_err(|_| no_name())?;
        let webauthn = builder.rp_name(name).build().map_err(|_| no_name())?;
        Ok(Self { webauthn: Arc::new(webauthn), site: host.to_owned() })
    }

    /// The name that its passkeys are made for.
    pub(crate) fn site(&self) -> &str {
        &self.site
    }

    /// Asks for a new passkey, which none of those that there are may be.
    pub(crate) fn ask_for_new(
        &self,
        person: &Person,
        before: &[Passkey],
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<Asked, SealBroken> {
        let before = before.iter().map(|passkey| passkey.credential.cred_id().clone()).collect();
        let shown = person.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&person.username);
        let handle = handle_of(asking)?;
        let (options, state) = self
            .webauthn
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
        let (question, hash) = Question::<PasskeyRegistration>::read(&answer.question, NEW, asking, now)?;
        let id = question.id.ok_or(NotAsked::Foreign)?;
        let mut credential: RegisterPublicKeyCredential = parse(&answer.credential)?;
        must_be_of_our_own_page(&credential.response.client_data_json)?;
        let object = &mut credential.response.attestation_object;
        *object = without_attestation(object).ok_or(PasskeyRefused::NotAnAnswer)?;
        let made = self.webauthn.finish_passkey_registration(&credential, &question.state);
        let passkey = Passkey { site: self.site.clone(), credential: made.map_err(PasskeyRefused::Wrong)? };
        // Of two pages that asked at once, one may have been answered meanwhile.
        if before.iter().any(|before| before.credential.cred_id() == passkey.credential.cred_id()) {
            return Err(PasskeyRefused::Enrolled);
        }
        Ok(NewPasskey { id, passkey, question: hash })
    }

    /// Asks for one of somebody's passkeys.
    pub(crate) fn ask_for_one(
        &self,
        passkeys: &[Passkey],
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<Asked, SealBroken> {
        let credentials: Vec<_> = passkeys.iter().map(|passkey| passkey.credential.clone()).collect();
        let started = self.webauthn.start_passkey_authentication(&credentials);
        let (options, state) = started.map_err(|_| SealBroken::Damaged)?;
        let mut state = serde_json::to_value(state).map_err(|_| SealBroken::Damaged)?;
        // By which keys is the store's to say when the answer comes, and nobody else's to read.
        state[STATE][CREDENTIALS] = Value::Array(Vec::new());
        // No authenticator becomes one whose keys are copied to other devices.
        state[STATE][BACKUP_UPGRADE] = false.into();
        let question = Question { id: None, expires: expires(now, SHOWN_SECONDS), state };
        asked(&options.public_key, &question, SHOWN, asking)
    }

    /// Which of somebody's passkeys, as they are enrolled now, was shown.
    pub(crate) fn shown(
        &self,
        answer: &Answer,
        passkeys: &[Passkey],
        asking: Asking<'_>,
        now: Timestamp,
    ) -> Result<ShownPasskey, PasskeyRefused> {
        let (question, hash) = Question::<Value>::read(&answer.question, SHOWN, asking, now)?;
        let credential: PublicKeyCredential = parse(&answer.credential)?;
        must_be_of_our_own_page(&credential.response.client_data_json)?;
        let mut state = question.state;
        let known = passkeys.iter().map(|passkey| serde_json::to_value(&passkey.credential));
        let known = known.map(|known| known.map(|mut known| known[CREDENTIAL].take()));
        let known: Result<Vec<Value>, _> = known.collect();
        state[STATE][CREDENTIALS] = Value::Array(known.map_err(|_| NotAsked::Foreign)?);
        let state: PasskeyAuthentication = serde_json::from_value(state).map_err(|_| NotAsked::Foreign)?;
        match self.webauthn.finish_passkey_authentication(&credential, &state) {
            Ok(result) => {
                Ok(ShownPasskey { credential: result.cred_id().clone(), counter: result.counter(), question: hash })
            }
            Err(WebauthnError::CredentialNotFound) => Err(PasskeyRefused::Removed),
            Err(WebauthnError::CredentialPossibleCompromise) => Err(PasskeyRefused::Copied),
            Err(error) => Err(PasskeyRefused::Wrong(error)),
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// Our pages are in no frame, and no answer is taken from one (section 13.4.2).
fn must_be_of_our_own_page(client_data: &[u8]) -> Result<(), PasskeyRefused> {
    let said: ClientData = serde_json::from_slice(client_data).map_err(|_| PasskeyRefused::NotAnAnswer)?;
    if said.cross_origin || said.top_origin.is_some() { Err(PasskeyRefused::Framed) } else { Ok(()) }
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
/// As `webauthn-rs` writes down what it asked, and a passkey.
const STATE: &str = "ast";
const CREDENTIALS: &str = "credentials";
const BACKUP_UPGRADE: &str = "allow_backup_eligible_upgrade";
const CREDENTIAL: &str = "cred";
/// What an authenticator says of itself may have certificates in it, though nobody asked.
const LONGEST: usize = 16 * 1024;
/// How long somebody may take to name and make one.
const NEW_SECONDS: u32 = 15 * 60;
/// How long somebody may look for their key.
pub(crate) const SHOWN_SECONDS: u32 = 5 * 60;
