//! People whom Atlassian Crowd knows, by its REST API for applications.
//! <https://developer.atlassian.com/server/crowd/crowd-rest-apis/>

mod answer;
mod base;
mod client;
mod config;
mod groups;
mod said;
mod session;
mod settings;
mod trouble;
mod user;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde::Serialize;
use tokio::time::timeout;

use self::client::Client;
use self::groups::GroupsError;
use self::said::{No, Reason, Said};
use self::session::Cookie;
use self::trouble::Trouble;
use self::user::{Profile, Unusable, User};
use crate::caller::{Person, Subject};
use crate::directory::shown::Shown;
use crate::directory::{
    Attested, AuthenticateError, Description, Directory, Found, Gate, Lockout, Password, PasswordMark, Refusal,
    SingleSignOn, Standing, TypedName, Unavailable, Watch,
};
use crate::name::DirectoryName;

pub use self::base::BaseError;
pub use self::client::NoClient;
pub use self::config::{CrowdConfig, IdFrom};
pub use self::settings::{CrowdProblem, CrowdSettings, CrowdSettingsError};

/// A Crowd server, asked as one of its applications.
#[derive(Debug)]
pub struct CrowdDirectory {
    name: DirectoryName,
    client: Client,
    cookie: Cookie,
}

/// What keeps us from an answer, in one of the ways that the trait knows.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("Crowd at {base}")]
    Trouble {
        base: String,
        #[source]
        trouble: Trouble,
    },
    #[error("the entry cannot be used: {0}")]
    Unusable(#[from] Unusable),
}

/// What Crowd says to somebody's password.
enum Verdict {
    /// The account whose password it is.
    Right(Box<User>),
    Wrong(Refusal),
}

/// The body that asks whether a password is right.
#[derive(Serialize)]
struct PasswordBody<'a> {
    value: &'a str,
}

impl CrowdDirectory {
    /// Asks nobody.
    pub fn new(name: DirectoryName, settings: CrowdSettings) -> Result<Self, NoClient> {
        Self::watched(name, settings, &Watch::default())
    }

    /// The same, each of its questions told to whoever watches.
    pub fn watched(name: DirectoryName, settings: CrowdSettings, watch: &Watch) -> Result<Self, NoClient> {
        Ok(Self { name, client: Client::new(settings, watch)?, cookie: Cookie::default() })
    }

    async fn sign_in(&self, typed: &TypedName, gate: &dyn Gate, shown: &Shown) -> Result<Person, AuthenticateError> {
        let found = self.user("username", typed.as_str()).await.map_err(|trouble| self.unavailable(trouble))?;
        let Some(user) = found else {
            self.pretend(shown).await?;
            return Err(AuthenticateError::NoSuchUser);
        };
        // Who cannot be told apart for good can be neither counted nor let in, so that their password is not tried at all.
        let profile = match self.profile(&user) {
            Ok(profile) => profile,
            Err(unusable) => {
                self.pretend(shown).await?;
                return Err(self.refusal(unusable.into()));
            }
        };
        let password = match gate.admit(&self.subject(&profile)).await {
            Ok(password) => password,
            Err(not_admitted) => {
                self.pretend(shown).await?;
                return Err(not_admitted.into());
            }
        };
        let proved = match self.check(user.name(), password, shown).await? {
            Verdict::Right(proved) => proved,
            Verdict::Wrong(refusal) => return Err(AuthenticateError::Refused(refusal)),
        };
        // Counted against one and proved by another: somebody was renamed in between, or it is not Crowd that answers.
        if self.profile(&proved).ok().is_none_or(|proved| proved.id != profile.id) {
            return Err(self.unavailable(Trouble::AnotherPerson).into());
        }
        if let Some(refusal) = user.refusal().or_else(|| proved.refusal()) {
            return Err(AuthenticateError::Refused(refusal));
        }
        self.person(profile).await.map_err(|failure| self.refusal(failure))
    }

    async fn found(&self, typed: &TypedName) -> Result<Found, Failure> {
        let Some(user) = self.user("username", typed.as_str()).await.map_err(|trouble| self.failure(trouble))? else {
            return Ok(Found::Nobody);
        };
        let person = match self.profile(&user) {
            Ok(profile) => self.person(profile).await,
            Err(unusable) => Err(unusable.into()),
        };
        let (person, refusal) = match person {
            Ok(person) => (Some(person), user.refusal()),
            Err(Failure::Unusable(Unusable(why))) => (None, Some(Refusal::UnusableEntry(why))),
            Err(failure) => return Err(failure),
        };
        Ok(Found::One(Box::new(Description { attributes: user.shown(), person, refusal })))
    }

    async fn stand(&self, id: &str) -> Result<Standing, Failure> {
        // What no account can have is not asked about.
        if !user::is_id(id) {
            return Ok(Standing::Gone);
        }
        let by = match self.client.settings().id {
            IdFrom::Key => "key",
            IdFrom::Name => "username",
        };
        let Some(user) = self.user(by, id).await.map_err(|trouble| self.failure(trouble))? else {
            return Ok(Standing::Gone);
        };
        if user.refusal().is_some() {
            return Ok(Standing::Disabled);
        }
        let profile = self.profile(&user)?;
        if profile.id != id {
            return Err(self.failure(Trouble::AnotherPerson));
        }
        self.person(profile).await.map(|person| Standing::Good(attested(person)))
    }

    /// Somebody by their name or key; nobody only where Crowd itself says so.
    async fn user(&self, by: &str, value: &str) -> Result<Option<User>, Trouble> {
        match self.client.get(&["user"], &[(by, value)]).await? {
            Said::Yes(user) => Ok(Some(user)),
            Said::No(No { reason: Reason::UserNotFound, .. }) => Ok(None),
            Said::No(no) => Err(no.unexpected()),
        }
    }

    /// Shows Crowd somebody's password, without a session of its own coming of it.
    async fn check(&self, username: &str, password: &Password, shown: &Shown) -> Result<Verdict, AuthenticateError> {
        let body = PasswordBody { value: password.as_secret().expose_secret() };
        shown.sent();
        let said = self.client.post(&["authentication"], &[("username", username)], &body).await;
        let unanswered = |trouble| AuthenticateError::Unanswered(self.unavailable(trouble));
        let nothing_sent = |trouble: Trouble| match trouble {
            Trouble::Connect(_) | Trouble::KnownOutage => self.unavailable(trouble).into(),
            trouble => unanswered(trouble),
        };
        let verdict = match said.map_err(nothing_sent)? {
            Said::Yes(user) => Verdict::Right(user),
            Said::No(no) => Verdict::Wrong(wrong(no).map_err(unanswered)?),
        };
        shown.answered();
        Ok(verdict)
    }

    /// Asks for nobody what is asked for somebody. How long Crowd takes for either is hidden by the sign-in.
    async fn pretend(&self, shown: &Shown) -> Result<(), AuthenticateError> {
        self.check(NOBODY, &Password::decoy(), shown).await.map(drop)
    }

    fn profile(&self, user: &User) -> Result<Profile, Unusable> {
        Profile::read(user, self.client.settings().id)
    }

    fn subject(&self, profile: &Profile) -> Subject {
        Subject { directory: self.name.clone(), id: profile.id.clone() }
    }

    async fn person(&self, profile: Profile) -> Result<Person, Failure> {
        let groups = groups::of(&self.client, &profile.username, &self.name).await.map_err(|error| match error {
            GroupsError::Unusable(unusable) => Failure::Unusable(unusable),
            GroupsError::Trouble(trouble) => self.failure(trouble),
        })?;
        Ok(Person {
            subject: self.subject(&profile),
            username: profile.username,
            display_name: profile.display_name,
            email_trusted: self.client.settings().email_trusted && profile.email.is_some(),
            email: profile.email,
            groups,
        })
    }

    /// The answer, or that none came by the deadline.
    async fn in_time<T, E>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
        late: impl Fn(Unavailable) -> E,
    ) -> Result<T, E> {
        let deadline = self.client.settings().deadline;
        let overdue = || late(self.unavailable(Trouble::Deadline(deadline.as_secs())));
        timeout(deadline, answer).await.unwrap_or_else(|_| Err(overdue()))
    }

    fn failure(&self, trouble: Trouble) -> Failure {
        Failure::Trouble { base: self.client.base().to_string(), trouble }
    }

    fn refusal(&self, failure: Failure) -> AuthenticateError {
        match failure {
            Failure::Unusable(Unusable(why)) => AuthenticateError::Refused(Refusal::UnusableEntry(why)),
            failure @ Failure::Trouble { .. } => AuthenticateError::Unavailable(self.because(failure)),
        }
    }

    fn unavailable(&self, trouble: Trouble) -> Unavailable {
        self.because(self.failure(trouble))
    }

    fn because(&self, failure: Failure) -> Unavailable {
        Unavailable { directory: self.name.clone(), source: Box::new(failure) }
    }
}

/// What the refusal of a password says; what says nothing of it is trouble.
///
/// That a password has expired proves nothing: Crowd's documentation does not say that it is looked at after the password was compared,
/// and the directories behind Crowd differ. So it is not told to whoever typed it.
fn wrong(no: No) -> Result<Refusal, Trouble> {
    match no.reason {
        // The second one also where somebody was removed since they were found.
        Reason::InvalidUserAuthentication | Reason::UserNotFound => Ok(Refusal::WrongPassword),
        Reason::InactiveAccount => Ok(Refusal::Disabled),
        Reason::ExpiredCredential => Ok(Refusal::Expired),
        Reason::ApplicationAccessDenied => Ok(Refusal::NotForUs),
        Reason::InvalidSsoToken | Reason::Other(_) => Err(no.unexpected()),
    }
}

#[async_trait]
impl Directory for CrowdDirectory {
    fn name(&self) -> &DirectoryName {
        &self.name
    }

    fn lockout(&self) -> Option<Lockout> {
        Some(self.client.settings().lockout)
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError> {
        let shown = Shown::default();
        let person = self.in_time(self.sign_in(username, gate, &shown), |late| shown.late(late)).await?;
        Ok(attested(person))
    }

    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable> {
        self.in_time(async { self.found(username).await.map_err(|failure| self.because(failure)) }, |late| late).await
    }

    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable> {
        self.in_time(async { self.stand(id).await.map_err(|failure| self.because(failure)) }, |late| late).await
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        let asked = async { self.ask_cookie().await.map(drop).map_err(|trouble| self.unavailable(trouble)) };
        self.in_time(asked, |late| late).await
    }

    fn single_sign_on(&self) -> Option<&dyn SingleSignOn> {
        self.client.settings().single_sign_on.then_some(self as &dyn SingleSignOn)
    }
}

/// Crowd says of no password when it was changed.
fn attested(person: Person) -> Attested {
    Attested { person, password: PasswordMark::untold() }
}

/// Nobody's name, for passwords that are nobody's.
const NOBODY: &str = "brokerd-asks-for-nobody";
