//! AWS's own clients sign in: a person allows one, it gets a code, and for the code tokens that it renews (OAuth 2, RFC 6749 and 7636).

mod challenge;
mod device;
mod dpop;
mod error;
mod family;
mod login;
mod redirect;
mod registration;
mod stranger;
mod user_code;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::authorization::{AccessToken, Authorization, Authorized, Proof, Stage, Terms};
use crate::caller::PersonCaller;
use crate::clock::{Clock, Millis, seconds_between};
use crate::id::AuthorizationId;
use crate::name::Group;
use crate::sign_in::SignIn;
use crate::store::{Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, Recorded, RefusalKind, TakenAway, Trail, TrailError, Vec1};
use crate::vault::{Mac, Purpose, new_token};

use device::Waiting;

pub use challenge::{Challenge, NotAChallenge};
pub use device::{DEVICE_SECONDS, DeviceCodes, DeviceError};
pub use dpop::{DpopError, DpopProof};
pub use error::{AuthorizeError, GrantError, LoginError};
pub use login::{LoginAsked, LoginClient, LoginGrant, LoginRedirect, LoginShown};
pub use redirect::{Callback, NotLoopback, Redirect};
pub use registration::{
    Client, LIFE_SECONDS, ProvedClient, Registered, RegistrationError, SECRET_PREFIX, UnknownClient,
};
pub use stranger::Stranger;
pub use user_code::{NotAUserCode, UserCode};

/// Lets AWS's own clients in. Clones share everything.
#[derive(Clone, Debug)]
pub struct Clients(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    sign_in: SignIn,
    trail: Trail,
    clock: Arc<dyn Clock>,
    /// Whose members may let in programs on other machines; without any, nobody may.
    device_groups: BTreeSet<Group>,
    /// When the log last had it that too many devices wait.
    told_at: Mutex<Option<Timestamp>>,
}

/// What a client asks a person for, and how it will prove that it is the one who asked.
#[derive(Clone, Debug)]
pub struct Asked {
    client: Client,
    callback: Callback,
    challenge: Challenge,
}

/// A code, shown once.
#[derive(Debug)]
pub struct Code(pub SecretString);

/// What a client gets.
#[derive(Debug)]
pub struct Tokens {
    pub access_token: SecretString,
    pub refresh_token: SecretString,
    pub expires_in_seconds: u64,
}

impl Asked {
    /// Only what the client registered can be asked for.
    pub fn new(client: Client, callback: Callback, challenge: Challenge) -> Result<Self, NotLoopback> {
        if callback.is_one_of(&client.redirects) { Ok(Self { client, callback, challenge }) } else { Err(NotLoopback) }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn callback(&self) -> &Callback {
        &self.callback
    }
}

impl Clients {
    pub fn new(
        store: Store,
        sign_in: SignIn,
        trail: Trail,
        clock: Arc<dyn Clock>,
        device_groups: BTreeSet<Group>,
    ) -> Self {
        Self(Arc::new(Inner { store, sign_in, trail, clock, device_groups, told_at: Mutex::default() }))
    }

    /// Registers whoever asks, and remembers nothing: it opens nothing by itself. Who says of themselves what no client does is noted in the
    /// trail.
    pub fn register(&self, name: &str, redirects: &[String], origin: &Origin) -> Result<Registered, RegistrationError> {
        let made = registration::register(name, redirects, self.0.store.seals(), self.0.clock.now());
        made.inspect_err(|error| match error {
            RegistrationError::Redirect(_) => self.note_stranger(Stranger::RegistersElsewhere, origin),
            RegistrationError::TooManyRedirects => self.note_stranger(Stranger::RegistersTooMuch, origin),
            RegistrationError::Name => self.note_stranger(Stranger::RegistersNoName, origin),
            RegistrationError::Seal(_) => {}
        })
    }

    /// The client of an id that somebody brought along, for the page that asks a person. One that is not ours is noted in the trail.
    pub fn client(&self, client_id: &str, origin: &Origin) -> Result<Client, UnknownClient> {
        let client = registration::client(client_id, self.0.store.seals(), self.0.clock.now());
        client.inspect_err(|unknown| self.note(Actor::Anonymous { mark: None }, unknown, origin))
    }

    /// Notes in the trail that somebody was refused who has proved nothing, a person's browser perhaps that was led here: what they sent is not
    /// repeated there.
    pub fn note_stranger(&self, what: Stranger, origin: &Origin) {
        self.note(Actor::Anonymous { mark: None }, &what, origin);
    }

    /// The client that shows its secret. One that cannot is noted in the trail.
    pub fn prove(
        &self,
        client_id: &str,
        secret: &SecretString,
        origin: &Origin,
    ) -> Result<ProvedClient, UnknownClient> {
        let proved = registration::prove(client_id, secret, self.0.store.seals(), self.0.clock.now());
        proved.inspect_err(|unknown| self.note(Actor::Anonymous { mark: None }, unknown, origin))
    }

    /// A person says yes: a code for the client, good for a minute. The person is one who sits at a browser; a client can allow no other.
    pub async fn authorize(
        &self,
        person: &PersonCaller,
        asked: &Asked,
        origin: &Origin,
    ) -> Result<Recorded<Code>, AuthorizeError> {
        let terms = Terms {
            client: asked.client.hash.clone(),
            client_name: asked.client.name.clone(),
            proof: Proof::Pkce { callback: asked.callback.to_string(), challenge: asked.challenge.as_str().to_owned() },
        };
        self.allow(person, terms, origin).await
    }

    async fn allow(
        &self,
        person: &PersonCaller,
        terms: Terms,
        origin: &Origin,
    ) -> Result<Recorded<Code>, AuthorizeError> {
        if person.client.is_some() {
            return Err(AuthorizeError::NotAPerson);
        }
        let (code, now) = (new_token("")?, self.0.clock.now());
        let (id, session) = (AuthorizationId::random(), person.session);
        let authorization = Authorization { id, session, terms, created_at: now, stage: Stage::Code };
        let entry =
            Entry::new(Actor::person(&person.person), Action::ClientAuthorized, Outcome::Success, origin.clone());
        let change = self.0.store.add_authorization(&authorization, &self.hash_of(&code))?;
        let recorded = self.0.trail.commit_for(vec![change], with_facts(entry, &authorization), Code(code)).await;
        recorded.map_err(|error| match error {
            TrailError::Change(StoreError::InUse) => AuthorizeError::SessionOver,
            error => error.into(),
        })
    }

    /// A person says no.
    pub fn decline(&self, person: &PersonCaller, asked: &Asked, origin: &Origin) {
        self.note_declined(person, &asked.client.name, origin);
    }

    fn note_declined(&self, person: &PersonCaller, client: &str, origin: &Origin) {
        let reason = format!("the person did not let `{client}` sign in as them");
        self.note(Actor::person(&person.person), &reason, origin);
    }

    /// The first tokens, for a code. A code that is shown twice ends whatever came of it: one of the two was not the client.
    pub async fn redeem(
        &self,
        client: &ProvedClient,
        code: &SecretString,
        callback: &str,
        verifier: &SecretString,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        let Some(seen) = self.0.store.authorization_by_code(&self.hash_of(code)).await? else {
            return Err(self.refuse(None, "there is no such code, or it is over", origin));
        };
        let proved = |proof: &Proof| match proof {
            Proof::Pkce { callback: sent_to, .. } if sent_to != callback => {
                Err("the redirect is not the one that the code was sent to")
            }
            Proof::Pkce { challenge, .. } if !challenge::is_met(challenge, verifier.expose_secret()) => {
                Err("the code verifier is not the one of the challenge")
            }
            Proof::Pkce { .. } => Ok(()),
            Proof::Device => Err("this is a device code"),
            Proof::Login(_) => Err(OF_LOGIN),
        };
        self.take(client, seen, proved, origin).await
    }

    /// The first tokens, for a device code that a person has said yes to; until then, what became of it.
    pub async fn redeem_device(
        &self,
        client: &ProvedClient,
        code: &SecretString,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        let hash = self.hash_of(code);
        let Some(seen) = self.0.store.authorization_by_code(&hash).await? else {
            return Err(match self.waiting(client, &hash).await? {
                Waiting::Pending => GrantError::Pending,
                Waiting::TooSoon => GrantError::SlowDown,
                Waiting::Denied => GrantError::Denied,
                Waiting::Over => GrantError::Expired,
                Waiting::OtherClient => self.refuse(None, "the device code was given to another client", origin),
                Waiting::Unknown => self.refuse(None, "there is no such device code, or it is over", origin),
            });
        };
        let proved = |proof: &Proof| match proof {
            Proof::Device => Ok(()),
            Proof::Pkce { .. } => Err("this is no device code"),
            Proof::Login(_) => Err(OF_LOGIN),
        };
        self.take(client, seen, proved, origin).await
    }

    /// Takes a code, once.
    async fn take(
        &self,
        client: &ProvedClient,
        seen: Authorized,
        proved: impl Fn(&Proof) -> Result<(), &'static str> + Send,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        self.judge_code(&client.0.hash, &seen, proved, origin).await?;
        match self.rotate(&seen, FIRST, Action::ClientSignedIn, origin).await {
            // Whoever was faster has shown the same code.
            Err(GrantError::Trail(TrailError::Change(StoreError::Stale))) => {
                Err(self.end_replayed(&seen, "the code was shown twice at once", origin).await)
            }
            outcome => outcome,
        }
    }

    /// Whether a code is good for whoever shows it: fresh, theirs, and for the first time. Only who proves to be whom it is for can end by
    /// showing it again what came of it: codes stand in addresses, which others may come to see.
    async fn judge_code(
        &self,
        client: &str,
        seen: &Authorized,
        proved: impl Fn(&Proof) -> Result<(), &'static str> + Send,
        origin: &Origin,
    ) -> Result<(), GrantError> {
        let is_taken = matches!(seen.authorization.stage, Stage::Tokens { .. });
        let terms = &seen.authorization.terms;
        let trouble = if terms.client != client {
            Some("the code was given to another client")
        } else if !is_taken && !is_fresh(&seen.authorization, self.0.clock.now()) {
            Some("the code is over: it holds for a minute")
        } else {
            proved(&terms.proof).err()
        };
        match trouble {
            Some(trouble) => Err(self.refuse(Some(seen), trouble, origin)),
            None if is_taken => Err(self.end_replayed(seen, "the code was shown again", origin).await),
            None => Ok(()),
        }
    }

    /// The client leaves: all that came of the person's yes is over. No directory is asked.
    pub async fn leave(&self, access_token: &SecretString, origin: &Origin) -> Result<(), GrantError> {
        let token = AccessToken::parse(access_token.expose_secret(), self.0.store.seals());
        let live = match token.filter(|token| self.0.clock.now() < token.expires_at) {
            Some(token) => self.0.store.authorization(token.authorization).await?,
            None => None,
        };
        let Some(seen) = live else {
            return Err(self.refuse(None, "no access token that is still good", origin));
        };
        let actor = Actor::person(&seen.session.person);
        let entry = Entry::new(actor, Action::ClientEnded, Outcome::Success, origin.clone());
        self.end(&seen, with_facts(entry, &seen.authorization)).await?;
        Ok(())
    }

    /// Forgets codes that nobody came for, and proofs that are too old to count.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let Millis(now) = Millis::from(self.0.clock.now());
        let before = Millis(now.saturating_sub(KEPT_MILLIS));
        self.0.store.sweep_device_requests(before).await?;
        self.0.store.sweep_codes(before).await?;
        self.0.store.sweep_proofs(before).await
    }

    async fn end_replayed(&self, seen: &Authorized, reason: &'static str, origin: &Origin) -> GrantError {
        // One of the two who showed it is not the person, and nobody knows which.
        let entry = Entry::new(Actor::Anonymous { mark: None }, Action::ClientEnded, Outcome::Refused, origin.clone());
        let entry = with_facts(entry.about(Some(&seen.session.person.subject)).reason(&reason), &seen.authorization);
        match self.end(seen, entry).await {
            Ok(TakenAway::Nothing) => {}
            Ok(_) => {
                let id = seen.authorization.id.to_string();
                tracing::warn!(
                    authorization.id = id,
                    reason,
                    "a code or token came back, and all that came of it is over"
                );
            }
            Err(error) => return error.into(),
        }
        GrantError::InvalidGrant("this was used before, so that all that came of it has been ended")
    }

    async fn end(&self, seen: &Authorized, entry: Entry) -> Result<TakenAway, StoreError> {
        self.0.trail.take_away(vec![Store::end_authorization(seen.authorization.id)], Vec1::new(entry)).await
    }

    fn refuse(&self, seen: Option<&Authorized>, reason: &'static str, origin: &Origin) -> GrantError {
        self.note_refused(seen, reason, origin);
        GrantError::InvalidGrant(reason)
    }

    /// Nobody has proved to be the person: the record is about them, and by nobody.
    fn note_refused(&self, seen: Option<&Authorized>, reason: &'static str, origin: &Origin) {
        let actor = Actor::Anonymous { mark: None };
        let entry = Entry::new(actor, Action::ClientRefused, Outcome::Refused, origin.clone()).reason(&reason);
        let entry = entry.about(seen.map(|seen| &seen.session.person.subject));
        self.0.trail.note_refusal(RefusalKind::Client, entry);
    }

    fn note(&self, actor: Actor, reason: &impl ToString, origin: &Origin) {
        let entry = Entry::new(actor, Action::ClientRefused, Outcome::Refused, origin.clone()).reason(reason);
        self.0.trail.note_refusal(RefusalKind::Client, entry);
    }

    /// By which the store knows a code.
    fn hash_of(&self, code: &SecretString) -> Mac {
        self.0.store.seals().mac(Purpose::Token, &[b"code", code.expose_secret().as_bytes()])
    }
}

/// Whether a code still holds.
fn is_fresh(authorization: &Authorization, now: Timestamp) -> bool {
    (-CLOCKS_DIFFER..CODE_SECONDS).contains(&seconds_between(authorization.created_at, now))
}

fn with_facts(entry: Entry, authorization: &Authorization) -> Entry {
    let entry = entry.changes(facts(authorization));
    match &authorization.terms.proof {
        Proof::Login(terms) => entry.connector(&terms.connector.name),
        Proof::Pkce { .. } | Proof::Device => entry,
    }
}

/// What the trail says of an authorization.
fn facts(authorization: &Authorization) -> serde_json::Value {
    json!({
        "authorization_id": authorization.id,
        "session_id": authorization.session,
        "client_name": authorization.terms.client_name,
    })
}

/// How long a code holds.
pub const CODE_SECONDS: i64 = 60;
/// How long a refresh token counts after another took its place, and how long that one gives no other.
pub const GRACE_SECONDS: i64 = 60;
/// How long an access token holds, if its session does.
pub const ACCESS_SECONDS: u32 = 3_600;
/// The generation that a code gives.
const FIRST: i64 = 1;
/// Two nodes' clocks are not the same.
const CLOCKS_DIFFER: i64 = 60;
const OF_LOGIN: &str = "this is a code of `aws login`";
/// Whoever shows a code a little late is told so.
const KEPT_MILLIS: i64 = 3_600_000;
