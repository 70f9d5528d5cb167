//! Name and password → person → session; and token → caller, with groups that are never older than the bound.

mod callers;
mod cut_off;
mod directory_test;
mod enrolling;
mod factors;
mod limit;
mod own_password;
mod pad;
mod passkeys;
mod prove;
mod remembered;
mod sessions;
mod shown;
mod single_sign_on;
mod step_up;
mod throttle;
mod visit;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::time::Instant;

use crate::as_read::AsRead;
use crate::assurance::{Assurance, ProvedFactor};
use crate::caller::{AdminGroups, AdminRole, Person, PersonCaller, Subject};
use crate::clock::{Clock, Millis, after};
use crate::directory::{Attested, Directory, LONGEST_ANSWER, Unavailable};
use crate::id::SessionId;
use crate::name::DirectoryName;
use crate::network::Network;
use crate::permission::FRESH_SECONDS;
use crate::places::Places;
use crate::session::Session;
use crate::store::{Newcomer, Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, Trail, TrailError, Vec1};
use crate::vault::{Purpose, SealBroken, new_token};
use crate::workload::Workloads;

use factors::Accepted;

pub use callers::AuthenticateError;
pub use directory_test::{DirectoryTestError, PasswordTest, Question, Tested};
pub use enrolling::{Added, FactorError, Made};
pub use factors::{HalfWay, SecondFactors};
pub use passkeys::{ByPasskey, Ways};
pub use remembered::{ByMemory, Recognised};
pub use shown::{SERVICE_PREFIX, SessionKind, Shown};
pub use step_up::{Raised, StepUpError};
pub use throttle::{Attempt, HeldBack, Throttle, ThrottleError};
pub use visit::{Visit, VisitError, Visitor};

/// Lets people in and knows them again. Clones share everything.
#[derive(Clone, Debug)]
pub struct SignIn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    directories: Vec<Arc<dyn Directory>>,
    trail: Trail,
    clock: Arc<dyn Clock>,
    throttle: Throttle,
    pad: pad::Pad,
    visits: visit::Visits,
    /// How many questions each network has at this moment about sessions of directories' own.
    vouching: Places<Network>,
    remembered: remembered::Remembered,
    cut_off: cut_off::CutOff,
    settings: Settings,
    workloads: Workloads,
    second_factors: SecondFactors,
}

/// How long people stay, and who administers.
#[derive(Clone, Debug)]
pub struct Settings {
    pub idle_seconds: u32,
    pub absolute_seconds: u32,
    /// Groups and account state are never older than this when they decide.
    pub recheck_seconds: u32,
    /// Whoever begins one more ends their oldest.
    pub sessions_per_person: NonZeroU32,
    /// However many directories are asked in a row: [`LONGEST_SIGN_IN`], unless a story is in a hurry.
    pub sign_in_within: Duration,
    pub admin_groups: AdminGroups,
}

/// Whom and what else there is to let somebody in by.
#[derive(Debug)]
pub struct Beside {
    pub workloads: Workloads,
    pub second_factors: SecondFactors,
}

/// What somebody typed, and from where.
#[derive(Debug)]
pub struct Credentials<'a> {
    pub username: &'a str,
    pub password: SecretString,
    /// Only this directory is asked.
    pub directory: Option<&'a str>,
    pub address: IpAddr,
    pub origin: &'a Origin,
}

/// A session whose owner showed its token: it can be ended, and nothing else.
#[derive(Clone, Debug)]
pub struct Leaving(Session);

/// Somebody who has just been let in.
#[derive(Debug)]
pub struct SignedIn {
    /// Shown once; the store has a keyed hash.
    pub token: SecretString,
    pub caller: PersonCaller,
}

/// How a session is begun.
#[derive(Clone, Copy, Debug)]
enum Begun {
    /// Which has just been proved to be right.
    ByPassword { break_glass: bool },
    /// By a session of the directory's own, which was begun there at this time.
    Vouched { since: Option<Timestamp> },
}

/// Why somebody is not let in. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// One answer for unknown, wrong, disabled, locked and ambiguous, and for a wrong code.
    #[error("unknown user name, wrong password or wrong code")]
    InvalidCredentials,
    /// The password was right, and is not enough.
    #[error("the password is right, and a second factor is needed: a code of the authenticator, or a recovery code")]
    OtpRequired(HalfWay),
    /// The password was right, and what is enrolled can be shown by a browser alone.
    #[error(
        "the password is right, and a second factor is needed: a passkey, which only a browser shows. Sign in there (`broker login` leads there), or send a recovery code"
    )]
    PasskeyRequired(HalfWay),
    /// The password was right, and the page that asked for a passkey was open for too long.
    #[error("that took too long: show your passkey once more")]
    TookTooLong,
    /// The password was right, and a code came beside it that nobody can compare with anything.
    #[error("no second factor is enrolled: sign in without a code, and enrol one on the page My account")]
    NothingEnrolled,
    #[error("the password has expired: change it where it is kept, then sign in again")]
    PasswordExpired,
    #[error("too many attempts")]
    TooManyAttempts { retry_after_seconds: u64 },
    #[error(transparent)]
    Directory(#[from] Unavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

impl Begun {
    fn action(self) -> Action {
        Action::of_sign_in(matches!(self, Self::ByPassword { break_glass: true }))
    }

    /// When the person proved who they are. To us they have not where a directory vouches for them, whatever it says of itself: what wants
    /// a password of just now must want one.
    fn proved_at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::ByPassword { .. } => now,
            Self::Vouched { since } => {
                let stale = now.saturating_sub(SignedDuration::from_secs(FRESH_SECONDS)).unwrap_or(Timestamp::MIN);
                since.map_or(stale, |since| since.min(stale))
            }
        }
    }
}

impl Leaving {
    pub fn session(&self) -> SessionId {
        self.0.id
    }

    /// As the directory described them when it was last asked.
    pub fn person(&self) -> &Person {
        &self.0.person
    }
}

impl SignIn {
    pub fn new(
        store: Store,
        directories: Vec<Arc<dyn Directory>>,
        trail: Trail,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let beside = Beside { workloads: Workloads::none(Arc::clone(&clock)), second_factors: SecondFactors::none() };
        Self::with(store, directories, trail, clock, settings, beside)
    }

    /// The same, where issuers vouch for jobs, and people have second factors.
    pub fn with(
        store: Store,
        directories: Vec<Arc<dyn Directory>>,
        trail: Trail,
        clock: Arc<dyn Clock>,
        settings: Settings,
        Beside { workloads, second_factors }: Beside,
    ) -> Self {
        let lockouts =
            directories.iter().filter_map(|directory| Some((directory.name().clone(), directory.lockout()?)));
        let throttle = Throttle::new(store.clone(), Arc::clone(&clock), lockouts.collect());
        let (pad, visits) = (pad::Pad::of(directories.len()), visit::Visits::default());
        let (remembered, cut_off) = (remembered::Remembered::default(), cut_off::CutOff::default());
        Self(Arc::new(Inner {
            store,
            directories,
            trail,
            clock,
            throttle,
            pad,
            visits,
            vouching: Places::new(single_sign_on::AT_ONCE),
            remembered,
            cut_off,
            settings,
            workloads,
            second_factors,
        }))
    }

    /// Lets somebody in by their password alone, if they have enrolled nothing else. Every failure before the password is proved is one answer,
    /// after one time.
    pub async fn sign_in(&self, credentials: Credentials<'_>, kind: SessionKind) -> Result<SignedIn, SignInError> {
        self.sign_in_with(credentials, None, kind).await
    }

    /// The same, by a code as well. One that is wrong, or was taken before, is told as a wrong password is.
    pub async fn sign_in_with(
        &self,
        credentials: Credentials<'_>,
        otp: Option<&SecretString>,
        kind: SessionKind,
    ) -> Result<SignedIn, SignInError> {
        let (started, origin) = (Instant::now(), credentials.origin);
        let proved = self.prove(&credentials, otp, started).await?;
        self.enter(proved, kind, (origin, started)).await
    }

    /// The session that a token belongs to, for its owner to leave: the directory is not asked, since whoever cannot be looked up at this
    /// moment must be able to go.
    pub async fn leaving(&self, shown: &Shown) -> Result<Option<Leaving>, StoreError> {
        if shown.session_kind().is_none() {
            return Ok(None);
        }
        let session = self.0.store.session_by_token(&self.hash_of(shown)).await?;
        Ok(session.filter(|session| !self.is_over(session, self.0.clock.now())).map(Leaving))
    }

    /// Ends a session at once, on every node, whether or not that can be recorded at this moment.
    pub async fn sign_out(&self, leaving: &Leaving, origin: &Origin) -> Result<(), StoreError> {
        let entry = Entry::new(Actor::person(leaving.person()), Action::SignOut, Outcome::Success, origin.clone());
        self.0.trail.take_away(vec![Store::end_session(leaving.session())], Vec1::new(entry)).await.map(drop)
    }

    /// In the order in which somebody is looked for.
    pub fn directory_names(&self) -> Vec<DirectoryName> {
        self.0.directories.iter().map(|directory| directory.name().clone()).collect()
    }

    /// What the person's groups make of them.
    pub fn role_of(&self, person: &Person) -> Option<AdminRole> {
        self.0.settings.admin_groups.role_of(&person.groups)
    }

    /// Whether a directory answers, for each.
    pub async fn probe(&self) -> Vec<(DirectoryName, Result<(), Unavailable>)> {
        let probes =
            self.0.directories.iter().map(|directory| async { (directory.name().clone(), directory.probe().await) });
        futures_util::future::join_all(probes).await
    }

    /// Forgets sessions and failures that are over.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let now = Millis::from(self.0.clock.now());
        self.0.store.sweep_sessions(now, self.idle_since(now)).await?;
        self.0.throttle.sweep().await?;
        self.sweep_passkey_questions(now).await
    }

    /// Whoever was last seen at or before this moment is not signed in any more.
    fn idle_since(&self, now: Millis) -> Millis {
        Millis(now.0.saturating_sub(i64::from(self.0.settings.idle_seconds).saturating_mul(1_000)))
    }

    /// What there is of somebody who is about to come in.
    async fn newcomer(&self, subject: &Subject) -> Result<Newcomer, StoreError> {
        let (before, now) = (self.0.settings.sessions_per_person.get() - 1, Millis::from(self.0.clock.now()));
        self.0.store.newcomer(subject, before, now, self.idle_since(now)).await
    }

    /// Begins a session, and takes the code that it was proved by in the same commit: `Stale` where somebody was faster with that.
    async fn begin_session(
        &self,
        attested: Attested,
        kind: SessionKind,
        begun: Begun,
        Newcomer { epoch, beyond, .. }: Newcomer,
        factor: Option<Accepted>,
        (origin, started): (&Origin, Instant),
    ) -> Result<SignedIn, SignInError> {
        let now = self.0.clock.now();
        let token = new_token(kind.prefix())?;
        let hash = self.0.store.seals().mac(Purpose::Token, &[token.expose_secret().as_bytes()]);
        let password_mark = Some(self.mark_of(&attested));
        let session = Session {
            id: SessionId::random(),
            person: attested.person,
            created_at: begun.proved_at(now),
            expires_at: after(now, self.0.settings.absolute_seconds),
            checked_at: at_the_latest(now, started),
            last_seen_at: now,
            epoch,
            second_factor: factor.as_ref().map(|accepted| ProvedFactor { by: accepted.by, at: now }),
            password_mark,
        };
        let mut entry = Entry::new(Actor::person(&session.person), begun.action(), Outcome::Success, origin.clone());
        if let Begun::Vouched { .. } = begun {
            entry = entry.reason(&BY_SINGLE_SIGN_ON);
        }
        let mut facts = serde_json::Map::new();
        let mut changes = vec![self.0.store.add_session(&session, &hash)?];
        if let Some(accepted) = factor {
            facts.extend(accepted.facts);
            changes.extend(accepted.take);
        }
        // Two who sign in at once may both find room; the next one puts that right.
        if !beyond.is_empty() {
            facts.insert("ended_sessions".to_owned(), json!(beyond));
            changes.extend(beyond.into_iter().map(Store::make_room));
        }
        if !facts.is_empty() {
            entry = entry.changes(facts.into());
        }
        self.0.trail.commit(changes, Vec1::new(entry)).await?;
        if let Begun::ByPassword { break_glass: true } = begun {
            prove::tell_break_glass(&session.person, origin);
        }
        let asked_at = session.checked_at;
        Ok(SignedIn { token, caller: self.caller(session, asked_at) })
    }

    /// The owner of a session, as the directory described them when it was last asked.
    fn caller(&self, session: Session, asked_at: Timestamp) -> PersonCaller {
        let role = self.role_of(&session.person);
        let required = !self.0.second_factors.required_of.is_disjoint(&session.person.groups);
        let assurance = Assurance { proved: session.second_factor, required };
        let Session { id, person, created_at, expires_at, checked_at, last_seen_at, epoch, .. } = session;
        let Settings { idle_seconds, recheck_seconds, .. } = self.0.settings;
        // Of two nodes whose clocks differ a little neither takes the other's reading for one that is to come.
        let begin = asked_at.saturating_sub(SKEW).unwrap_or(asked_at);
        let counts = begin..expires_at.min(after(last_seen_at, idle_seconds)).min(after(asked_at, recheck_seconds));
        let as_read = AsRead::of_session(id, checked_at, epoch, counts);
        PersonCaller {
            session: id,
            signed_in_at: created_at,
            expires_at,
            person: person.into(),
            client: None,
            role,
            assurance,
            as_read,
        }
    }
}

/// When a directory was asked, at the latest: what it said may be as old as the sign-in is long, and no older by what is re-read.
fn at_the_latest(now: Timestamp, started: Instant) -> Timestamp {
    SignedDuration::try_from(started.elapsed()).ok().and_then(|since| now.checked_sub(since).ok()).unwrap_or(now)
}

/// The limit on a sign-in, however many directories are asked in a row: a little more than one of them may take, so that each says itself what
/// kept it.
pub const LONGEST_SIGN_IN: Duration = LONGEST_ANSWER.saturating_add(Duration::from_secs(1));
/// What the trail says of such a sign-in.
const BY_SINGLE_SIGN_ON: &str = "by single sign-on: a session of the directory's own";
/// By so little clocks may differ.
const SKEW: SignedDuration = SignedDuration::from_secs(1);
/// How long after a request's own deadline its caller may still be proved once more.
pub const LAST_PROOF: Duration = Duration::from_secs(3);
