//! AWS's own clients sign in: a person allows one, it gets a code, and for the code tokens that it renews (OAuth 2, RFC 6749 and 7636).

mod challenge;
mod device;
mod dpop;
mod error;
mod login;
mod redirect;
mod registration;
mod user_code;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::authorization::{AccessToken, Authorization, Authorized, Proof, RefreshToken, Stage, Terms};
use crate::caller::PersonCaller;
use crate::clock::{Clock, Millis, after, seconds_between};
use crate::id::AuthorizationId;
use crate::name::Group;
use crate::sign_in::{AuthenticateError, SignIn};
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

/// What becomes of a token, or a code, that a client shows.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// It is the newest: the next generation takes its place.
    Next(i64),
    /// It was given, or replaced, a moment ago: the present generation once more.
    Again(i64),
    /// It was replaced long ago.
    Replayed,
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

    /// Registers whoever asks, and remembers nothing: it opens nothing by itself.
    pub fn register(&self, name: &str, redirects: &[String]) -> Result<Registered, RegistrationError> {
        registration::register(name, redirects, self.0.store.seals(), self.0.clock.now())
    }

    /// The client of an id that somebody brought along, for the page that asks a person.
    pub fn client(&self, client_id: &str) -> Result<Client, UnknownClient> {
        registration::client(client_id, self.0.store.seals(), self.0.clock.now())
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

    /// New tokens for the newest refresh token, a generation a minute at most. Until then it gives the same once more, and so does the one
    /// before it: several processes of one person can renew at once and again and again, as they do in a session's last quarter of an hour, and
    /// none of them is more than one generation behind. An older one has been stolen, from them or by them, and ends the family.
    pub async fn refresh(
        &self,
        client: &ProvedClient,
        token: &SecretString,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        let Some(shown) = RefreshToken::parse(token.expose_secret(), self.0.store.seals()) else {
            return Err(self.refuse(None, "no refresh token of this installation", origin));
        };
        for _ in 0..ATTEMPTS {
            let Some(seen) = self.0.store.authorization(shown.authorization).await? else {
                return Err(self.refuse(None, "the sign-in that this refresh token came of is over", origin));
            };
            if seen.authorization.terms.client != client.0.hash {
                return Err(self.refuse(Some(&seen), "the refresh token was given to another client", origin));
            }
            match self.turn(&seen, shown.generation) {
                Turn::Next(generation) => {
                    match self.rotate(&seen, generation, Action::ClientRefreshed, origin).await {
                        // Another process of theirs was faster.
                        Err(GrantError::Trail(TrailError::Change(StoreError::Stale))) => {}
                        outcome => return outcome,
                    }
                }
                Turn::Again(generation) => return self.again(&seen, generation, origin).await,
                Turn::Replayed => return Err(self.end_replayed(&seen, OLD_TOKEN, origin).await),
            }
        }
        Err(GrantError::Unsettled)
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

    /// What becomes of a token of that generation; a code is of generation 0, and has no grace.
    fn turn(&self, seen: &Authorized, shown: i64) -> Turn {
        let Authorization { stage, created_at, .. } = &seen.authorization;
        let (newest, rotated_at) = stage.written(*created_at);
        let since = seconds_between(rotated_at, self.0.clock.now());
        let in_grace = (-CLOCKS_DIFFER..GRACE_SECONDS).contains(&since);
        if shown == newest && newest > FIRST && in_grace {
            Turn::Again(newest)
        } else if shown == newest {
            Turn::Next(newest.saturating_add(1))
        } else if shown > 0 && shown.saturating_add(1) == newest && in_grace {
            Turn::Again(newest)
        } else {
            Turn::Replayed
        }
    }

    /// Forgets codes that nobody came for, and proofs that are too old to count.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let Millis(now) = Millis::from(self.0.clock.now());
        let before = Millis(now.saturating_sub(KEPT_MILLIS));
        self.0.store.sweep_device_requests(before).await?;
        self.0.store.sweep_codes(before).await?;
        self.0.store.sweep_proofs(before).await
    }

    /// The next generation's tokens, for a person who is still who they were. `Stale` where somebody was faster.
    async fn rotate(
        &self,
        seen: &Authorized,
        generation: i64,
        action: Action,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        let person = self.person(seen, origin).await?;
        let now = self.0.clock.now();
        let stage = Stage::Tokens { generation, rotated_at: now };
        let next = Authorization { stage, ..seen.authorization.clone() };
        let change = self.0.store.rotate_authorization(seen, &next)?;
        let tokens = self.tokens(&person, next.id, generation, now);
        let entry = Entry::new(Actor::person(&person.person), action, Outcome::Success, origin.clone());
        Ok(self.0.trail.commit_for(vec![change], with_facts(entry, &next), tokens).await?)
    }

    /// The present generation's tokens once more.
    async fn again(&self, seen: &Authorized, generation: i64, origin: &Origin) -> Result<Recorded<Tokens>, GrantError> {
        let person = self.person(seen, origin).await?;
        let tokens = self.tokens(&person, seen.authorization.id, generation, self.0.clock.now());
        let entry =
            Entry::new(Actor::person(&person.person), Action::ClientRefreshed, Outcome::Success, origin.clone());
        Ok(self.0.trail.record(with_facts(entry, &seen.authorization), tokens).await?)
    }

    /// Whose tokens they are, with groups and account state read within the bound, if they may have them by the groups.
    async fn person(&self, seen: &Authorized, origin: &Origin) -> Result<PersonCaller, GrantError> {
        match self.0.sign_in.client_of(seen.clone(), origin).await {
            Ok(person) => match self.may_go_on(&seen.authorization.terms, &person) {
                Ok(()) => Ok(person),
                Err(reason) => Err(self.refuse(Some(seen), reason, origin)),
            },
            // A person's session has no issuer.
            Err(AuthenticateError::Unauthenticated | AuthenticateError::Issuer(_)) => {
                Err(GrantError::InvalidGrant("the sign-in is over"))
            }
            Err(AuthenticateError::AccountDisabled) => {
                Err(GrantError::InvalidGrant("the account has been disabled or removed"))
            }
            Err(AuthenticateError::Directory(error)) => Err(error.into()),
            Err(AuthenticateError::Store(error)) => Err(error.into()),
        }
    }

    fn tokens(&self, person: &PersonCaller, authorization: AuthorizationId, generation: i64, now: Timestamp) -> Tokens {
        let seals = self.0.store.seals();
        let expires_at = after(now, ACCESS_SECONDS).min(person.expires_at);
        Tokens {
            access_token: AccessToken { authorization, expires_at }.written(seals),
            refresh_token: RefreshToken { authorization, generation }.written(seals),
            expires_in_seconds: u64::try_from(seconds_between(now, expires_at)).unwrap_or(0),
        }
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
const OLD_TOKEN: &str = "a refresh token was shown that has long been replaced";
/// One more than it takes when another process was faster.
const ATTEMPTS: usize = 3;
/// Whoever shows a code a little late is told so.
const KEPT_MILLIS: i64 = 3_600_000;
