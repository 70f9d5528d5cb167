//! `aws login`: a person picks a connector for a program that shows a code and, from then on, the key that it showed with the code.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::dpop::{DpopError, DpopProof};
use super::family::{ATTEMPTS, OLD_TOKEN, Turn};
use super::{AuthorizeError, Callback, Challenge, Clients, Code, LoginError, challenge, is_fresh, with_facts};
use crate::authorization::{Authorization, Authorized, LoginConnector, LoginTerms, Proof, RefreshToken, Stage, Terms};
use crate::caller::PersonCaller;
use crate::clock::Millis;
use crate::entitlement::Entitlement;
use crate::reason::Reason;
use crate::store::{Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, Recorded, TrailError};
use crate::vault::{Purpose, SealBroken, digest};

/// The two programs that `aws login` is. They are known by these names to everybody, and have no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginClient {
    /// The browser is on the same machine.
    SameDevice,
    /// The browser is elsewhere; the person carries the code over (`aws login --remote`).
    CrossDevice,
}

/// Where a code goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginRedirect {
    /// To a listener on the person's own machine.
    Callback(Callback),
    /// To our own page, which shows it.
    Confirmation(String),
}

/// What `aws login` asks a person for.
#[derive(Clone, Debug)]
pub struct LoginAsked {
    client: LoginClient,
    redirect: LoginRedirect,
    challenge: Challenge,
}

/// What a client shows for a code or to renew.
#[derive(Debug)]
pub struct LoginShown<'a> {
    pub client: LoginClient,
    /// The proof of a key that came with the request.
    pub proof: DpopProof,
    pub origin: &'a Origin,
}

/// A client that has shown all that it must: good for credentials of this connector, for this person, and then for a refresh token.
#[derive(Debug)]
pub struct LoginGrant {
    pub person: PersonCaller,
    pub connector: LoginConnector,
    pub reason: Option<Reason>,
    seen: Authorized,
    terms: LoginTerms,
    proof: DpopProof,
    /// Of the token that was shown; 0 is the code.
    generation: i64,
}

impl LoginClient {
    pub fn parse(id: &str) -> Option<Self> {
        [Self::SameDevice, Self::CrossDevice].into_iter().find(|client| client.id() == id)
    }

    /// As AWS's clients write it.
    pub fn id(self) -> &'static str {
        match self {
            Self::SameDevice => "arn:aws:signin:::devtools/same-device",
            Self::CrossDevice => "arn:aws:signin:::devtools/cross-device",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::SameDevice => "aws login",
            Self::CrossDevice => "aws login --remote",
        }
    }

    pub(super) fn hash(self) -> String {
        hex::encode(digest(&[self.id().as_bytes()]))
    }
}

impl LoginRedirect {
    /// Reads where a client wants its code: each may have it in one place only. `confirmation` is our own page.
    pub fn parse(client: LoginClient, text: &str, confirmation: &str) -> Option<Self> {
        match client {
            LoginClient::SameDevice => {
                let callback = Callback::parse(text).ok()?;
                callback.is_at(CALLBACK_PATH).then_some(Self::Callback(callback))
            }
            LoginClient::CrossDevice => (text == confirmation).then(|| Self::Confirmation(text.to_owned())),
        }
    }
}

impl std::fmt::Display for LoginRedirect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Callback(callback) => callback.fmt(f),
            Self::Confirmation(url) => f.write_str(url),
        }
    }
}

impl LoginAsked {
    pub fn new(client: LoginClient, redirect: LoginRedirect, challenge: Challenge) -> Self {
        Self { client, redirect, challenge }
    }

    pub fn client(&self) -> LoginClient {
        self.client
    }

    pub fn redirect(&self) -> &LoginRedirect {
        &self.redirect
    }
}

impl Clients {
    /// Whether a person may let this client in: one on another machine only as they may let any program there.
    pub fn may_login(&self, person: &PersonCaller, client: LoginClient) -> Result<(), AuthorizeError> {
        match client {
            LoginClient::SameDevice => Ok(()),
            LoginClient::CrossDevice => Ok(self.may_allow_devices(person)?),
        }
    }

    /// A person says yes, to one connector that they may use: a code, good for a minute.
    pub async fn authorize_login(
        &self,
        person: &PersonCaller,
        asked: &LoginAsked,
        entitlement: &Entitlement,
        reason: Option<Reason>,
        origin: &Origin,
    ) -> Result<Recorded<Code>, AuthorizeError> {
        self.may_login(person, asked.client)?;
        let connector = entitlement.connector();
        let proof = Proof::Login(LoginTerms {
            redirect: asked.redirect.to_string(),
            challenge: asked.challenge.as_str().to_owned(),
            connector: LoginConnector { id: connector.id, name: connector.name.clone() },
            reason: reason.map(|reason| reason.to_string()),
            key: None,
        });
        let (client, client_name) = (asked.client.hash(), asked.client.name().to_owned());
        self.allow(person, Terms { client, client_name, proof }, origin).await
    }

    /// A person says no.
    pub fn decline_login(&self, person: &PersonCaller, asked: &LoginAsked, origin: &Origin) {
        self.note_declined(person, asked.client.name(), origin);
    }

    /// Whether a code was made for this session, to be carried over to another machine, and nobody has shown it yet.
    pub async fn is_to_carry_over(&self, person: &PersonCaller, code: &SecretString) -> Result<bool, StoreError> {
        let seen = self.0.store.authorization_by_code(&self.hash_of(code)).await?;
        let now = self.0.clock.now();
        Ok(seen.is_some_and(|Authorized { authorization, .. }| {
            authorization.session == person.session
                && authorization.stage == Stage::Code
                && is_fresh(&authorization, now)
                && authorization.terms.client == LoginClient::CrossDevice.hash()
        }))
    }

    /// Notes that somebody wanted to see a code that is none of theirs.
    pub fn note_no_code_to_carry_over(&self, person: &PersonCaller, origin: &Origin) {
        self.note(Actor::person(&person.person), &"there is no such code to carry over, or it is over", origin);
    }

    /// Reads the proof that came with a request to `url`. One that is not right is noted in the trail.
    pub fn login_proof(&self, text: Option<&str>, url: &str, origin: &Origin) -> Result<DpopProof, LoginError> {
        let proof = text.ok_or(DpopError::Missing).and_then(|text| DpopProof::verify(text, url, self.0.clock.now()));
        Ok(proof.inspect_err(|error| self.note(Actor::Anonymous { mark: None }, error, origin))?)
    }

    /// A client shows a code. Shown twice, it ends whatever came of it.
    pub async fn login_by_code(
        &self,
        shown: LoginShown<'_>,
        code: &SecretString,
        redirect: &str,
        verifier: &SecretString,
    ) -> Result<LoginGrant, LoginError> {
        let Some(seen) = self.0.store.authorization_by_code(&self.hash_of(code)).await? else {
            return Err(LoginError::of_code(self.refuse(None, "there is no such code, or it is over", shown.origin)));
        };
        let proved = |proof: &Proof| match proof {
            Proof::Login(terms) if terms.redirect != redirect => {
                Err("the redirect is not the one that the code was sent to")
            }
            Proof::Login(terms) if !challenge::is_met(&terms.challenge, verifier.expose_secret()) => {
                Err("the code verifier is not the one of the challenge")
            }
            Proof::Login(_) => Ok(()),
            Proof::Pkce { .. } | Proof::Device => Err("this is no code of `aws login`"),
        };
        self.judge_code(&shown.client.hash(), &seen, proved, shown.origin).await.map_err(LoginError::of_code)?;
        self.grant(seen, shown, 0).await
    }

    /// A client shows a refresh token, and the key that it is bound to.
    pub async fn login_by_token(&self, shown: LoginShown<'_>, token: &SecretString) -> Result<LoginGrant, LoginError> {
        let refuse = |seen, reason| LoginError::of_token(self.refuse(seen, reason, shown.origin));
        let Some(refresh) = RefreshToken::parse(token.expose_secret(), self.0.store.seals()) else {
            return Err(refuse(None, "no refresh token of this installation"));
        };
        let Some(seen) = self.0.store.authorization(refresh.authorization).await? else {
            return Err(refuse(None, "the sign-in that this refresh token came of is over"));
        };
        if seen.authorization.terms.client != shown.client.hash() {
            return Err(refuse(Some(&seen), "the refresh token was given to another client"));
        }
        let key = match &seen.authorization.terms.proof {
            Proof::Login(terms) => terms.key.as_ref(),
            Proof::Pkce { .. } | Proof::Device => None,
        };
        // Whoever has the key is told from whoever has not, so that a stolen token ends nothing: it opens nothing.
        if key != Some(&shown.proof.key) {
            let id = seen.authorization.id.to_string();
            tracing::warn!(authorization.id = id, "a refresh token was shown with another key than its own");
            return Err(refuse(Some(&seen), "the refresh token was shown with another key than its own"));
        }
        if matches!(self.turn(&seen, refresh.generation), Turn::Replayed) {
            return Err(LoginError::of_token(self.end_replayed(&seen, OLD_TOKEN, shown.origin).await));
        }
        self.grant(seen, shown, refresh.generation).await
    }

    async fn grant(&self, seen: Authorized, shown: LoginShown<'_>, generation: i64) -> Result<LoginGrant, LoginError> {
        let LoginShown { proof, origin, .. } = shown;
        if self.0.store.is_proof_taken(&proof.hash).await? {
            return Err(self.used(&seen, origin));
        }
        let Proof::Login(terms) = seen.authorization.terms.proof.clone() else {
            return Err(LoginError::of_token(self.refuse(Some(&seen), "this is not of `aws login`", origin)));
        };
        let person = self.person(&seen, origin).await.map_err(LoginError::of_token)?;
        let reason = terms.reason.as_deref().and_then(|text| Reason::parse(text).ok().flatten());
        Ok(LoginGrant { person, connector: terms.connector.clone(), reason, seen, terms, proof, generation })
    }

    /// The refresh token, once there are credentials to go with it: the code is taken, or the next generation begun, and the proof counts no
    /// more. Only now, so that a client may send the very same again where something failed on the way.
    pub async fn settle(&self, grant: LoginGrant, origin: &Origin) -> Result<Recorded<SecretString>, LoginError> {
        let LoginGrant { person, mut seen, terms, proof, generation: shown, .. } = grant;
        let action = if shown == 0 { Action::ClientSignedIn } else { Action::ClientRefreshed };
        for _ in 0..ATTEMPTS {
            let now = self.0.clock.now();
            let proved = Store::take_proof(&proof.hash, Millis::from(now));
            let (changes, generation) = match self.turn(&seen, shown) {
                Turn::Next(generation) => {
                    let terms = Terms {
                        proof: Proof::Login(LoginTerms { key: Some(proof.key.clone()), ..terms.clone() }),
                        ..seen.authorization.terms.clone()
                    };
                    let stage = Stage::Tokens { generation, rotated_at: now };
                    let next = Authorization { terms, stage, ..seen.authorization.clone() };
                    (vec![proved, self.0.store.rotate_authorization(&seen, &next)?], generation)
                }
                Turn::Again(generation) => (vec![proved], generation),
                Turn::Replayed => {
                    let error = self.end_replayed(&seen, "it was shown twice at once", origin).await;
                    return Err(if shown == 0 { LoginError::of_code(error) } else { LoginError::of_token(error) });
                }
            };
            let token = RefreshToken { authorization: seen.authorization.id, generation };
            let token = token.written(self.0.store.seals());
            let entry = Entry::new(Actor::person(&person.person), action, Outcome::Success, origin.clone());
            match self.0.trail.commit_for(changes, with_facts(entry, &seen.authorization), token).await {
                Err(TrailError::Change(StoreError::Taken)) => return Err(self.used(&seen, origin)),
                // Somebody else was faster, or it is over.
                Err(TrailError::Change(StoreError::Stale)) => {
                    let live = self.0.store.authorization(seen.authorization.id).await?;
                    seen = live.ok_or(LoginError::Over("the sign-in has ended meanwhile"))?;
                }
                outcome => return Ok(outcome?),
            }
        }
        Err(LoginError::Unsettled)
    }

    /// What a client reads of who it is signed in as. Nobody but us can tell whether it is ours, and nobody asks.
    pub fn id_token(
        &self,
        client: LoginClient,
        issuer: &str,
        subject: &str,
        expires_at: Timestamp,
    ) -> Result<String, SealBroken> {
        let secret = self.0.store.seals().mac(Purpose::ClientToken, &[b"id token"]);
        let claims = json!({
            "iss": issuer, "sub": subject, "aud": client.id(),
            "iat": self.0.clock.now().as_second(), "exp": expires_at.as_second(),
        });
        let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&secret));
        token.map_err(|_| SealBroken::Damaged)
    }

    fn used(&self, seen: &Authorized, origin: &Origin) -> LoginError {
        self.note_refused(Some(seen), "the DPoP proof has been used", origin);
        DpopError::Used.into()
    }
}

/// Where the AWS CLI listens.
const CALLBACK_PATH: &str = "/oauth/callback";
