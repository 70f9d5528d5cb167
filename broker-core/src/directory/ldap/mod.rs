//! People in an LDAP directory: search with our own credential, then bind with theirs, on a connection of its own.
//!
//! The client underneath is ours: `ldap3` 0.12.1 parses answers by recursion and unwraps what it finds in them, so that one message,
//! under StartTLS even one from somebody on the wire, ends the process; and it knows no limit to the size of an answer.
//! What is taken from it is what concerns our own side: filters and their escaping.

mod account;
mod active_directory;
mod advice;
mod answer;
mod ber;
mod config;
mod connection;
mod dial;
mod dn;
mod filter;
mod group_name;
mod group_search;
mod groups;
mod identity;
mod moment;
mod own_lockout;
mod parts;
mod password_policy;
mod person;
mod pool;
mod preset;
mod receive;
mod request;
mod server;
mod servers;
mod service;
mod settings;
mod sid;
mod tls;
mod trouble;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::timeout;

use self::account::AccountState;
use self::answer::Entry;
use self::filter::Filter;
use self::groups::GroupsError;
use self::person::{Profile, Unusable};
use self::request::{Amount, NO_ATTRIBUTES, Scope, Search};
use self::servers::ServerTrouble;
use self::service::Service;
use self::trouble::Trouble;
use self::verdict::Verdict;
use crate::caller::{Person, Subject};
use crate::clock::Clock;
use crate::directory::shown::Shown;
use crate::directory::{
    Attested, AuthenticateError, Description, Directory, Found, Gate, Lockout, Password, Refusal, Standing, Step, Told,
    TypedName, Unavailable, Watch,
};
use crate::file::with_causes;
use crate::name::{DirectoryName, Group};

pub use self::account::AccountRule;
pub use self::config::{
    ClientCertificateConfig, DisabledConfig, GroupSearchConfig, GroupsConfig, InChainConfig, LdapConfig,
    MemberOfConfig, Order, PoolConfig, TokenGroupsConfig, UsersConfig, UsersScope,
};
pub use self::filter::FilterError;
pub use self::own_lockout::OwnLockout;
pub use self::preset::{Preset, PresetUsers};
pub use self::server::UrlError;
pub use self::settings::{LdapSettings, LdapSettingsError, Referenced, SettingsProblem};
pub use self::tls::{ClientCertificate, TlsVersion};

/// An LDAP directory.
#[derive(Debug)]
pub struct LdapDirectory {
    name: DirectoryName,
    service: Service,
    watch: Watch,
    clock: Arc<dyn Clock>,
}

/// What keeps us from an answer, in one of the ways that the trait knows.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Trouble(#[from] ServerTrouble),
    #[error("no answer within {0} seconds, all attempts together")]
    Deadline(u64),
    #[error("the entry cannot be used: {0}")]
    Unusable(#[from] Unusable),
    #[error("the entry has no tokenGroups: our credential may not read them")]
    NoTokenGroups,
    #[error("the base of the users does not exist, or our credential may not read it")]
    NoBase,
    #[error("several entries have the same immutable id")]
    AmbiguousId,
    #[error("asked for one immutable id, it answers with another")]
    AnotherId,
}

impl LdapDirectory {
    /// The clock says when an account is over.
    pub fn new(name: DirectoryName, settings: LdapSettings, clock: Arc<dyn Clock>) -> Self {
        Self::watched(name, settings, clock, Watch::default())
    }

    /// The same, each of its steps told to whoever watches.
    pub fn watched(name: DirectoryName, settings: LdapSettings, clock: Arc<dyn Clock>, watch: Watch) -> Self {
        settings.access.tls.warn();
        Self { name, service: Service::new(settings, watch.clone()), watch, clock }
    }

    /// Gets into each of the servers by itself, as questions do, and asks it about itself; whoever watches is told. Says which have trouble,
    /// which then rest. Each takes no longer than one question may. What is the matter with each, in sentences.
    pub async fn examine(&self) -> Vec<String> {
        self.service.examine().await.iter().map(|trouble| with_causes(trouble)).collect()
    }

    async fn sign_in(&self, typed: &TypedName, gate: &dyn Gate, shown: &Shown) -> Result<Attested, AuthenticateError> {
        let settings = self.service.settings();
        let filter = self.filter_for(typed).ok_or(AuthenticateError::Refused(NO_FILTER))?;
        let entries = self.people(filter).await.map_err(|failure| self.refusal(failure))?;
        let [entry] = entries.as_slice() else {
            self.pretend(shown).await?;
            let nobody = entries.is_empty();
            return Err(if nobody {
                AuthenticateError::NoSuchUser
            } else {
                AuthenticateError::Refused(Refusal::Ambiguous)
            });
        };
        // Who cannot be told apart for good can be neither counted nor let in, so that their password is not tried at all.
        let profile = match Profile::read(entry, &settings.users) {
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
        match self.check(&entry.dn, password, shown).await? {
            Verdict::Wrong(refusal) => return Err(AuthenticateError::Refused(refusal)),
            Verdict::MustChange => return Err(AuthenticateError::PasswordExpired),
            Verdict::Right => {}
        }
        let unusable = |unusable: Unusable| self.refusal(unusable.into());
        if let Some(refusal) = self.state(entry).map_err(unusable)?.refusal() {
            return Err(AuthenticateError::Refused(refusal));
        }
        if account::must_change(entry, &settings.users, self.clock.now()).map_err(unusable)? {
            return Err(AuthenticateError::PasswordExpired);
        }
        let person = self.person(entry, profile).await.map_err(|failure| self.refusal(failure))?;
        // As it was before the bind: where it was changed in between, the session ends when the person is read again.
        Ok(Attested { person, password: person::password_mark(entry) })
    }

    async fn found(&self, typed: &TypedName) -> Result<Found, Failure> {
        let Some(filter) = self.filter_for(typed) else { return Ok(Found::Nobody) };
        let entries = self.people(filter).await?;
        let entry = match entries.as_slice() {
            [] => return Ok(Found::Nobody),
            [entry] => entry,
            [_, _, ..] => return Ok(Found::Several),
        };
        let users = &self.service.settings().users;
        let person = match Profile::read(entry, users) {
            Ok(profile) => self.person(entry, profile).await,
            Err(unusable) => Err(unusable.into()),
        };
        let both = person.and_then(|person| Ok((person, self.state(entry)?)));
        let (person, refusal) = match both {
            Ok((person, state)) => (Some(person), state.refusal()),
            Err(Failure::Unusable(Unusable(why))) => (None, Some(Refusal::UnusableEntry(why))),
            Err(failure) => return Err(failure),
        };
        Ok(Found::One(Box::new(Description { attributes: entry.shown(), person, refusal })))
    }

    async fn stand(&self, id: &str) -> Result<Standing, Failure> {
        let users = &self.service.settings().users;
        // By the id, and only among those whom the users' filter lets in: administrators write conditions there.
        let filter = users.id.filter(id).map(|by_id| format!("(&{by_id}{})", users.filter.open_text()));
        let Some(filter) = filter.and_then(|text| Filter::parse(&text)) else { return Ok(Standing::Gone) };
        let entries = self.people(filter).await?;
        let entry = match entries.as_slice() {
            [] => return Ok(Standing::Gone),
            [entry] => entry,
            [_, _, ..] => return Err(Failure::AmbiguousId),
        };
        if self.state(entry)? != AccountState::InUse {
            return Ok(Standing::Disabled);
        }
        let person = self.person(entry, Profile::read(entry, users)?).await?;
        if person.subject.id != id {
            return Err(Failure::AnotherId);
        }
        Ok(Standing::Good(Attested { person, password: person::password_mark(entry) }))
    }

    async fn reach(&self) -> Result<(), Failure> {
        let search = Search {
            base: self.service.settings().users.base.clone(),
            scope: Scope::Base,
            filter: Filter::anything(),
            attributes: vec![NO_ATTRIBUTES.to_owned()],
            amount: Amount::One,
        };
        match self.service.search_afresh(&search).await?.as_slice() {
            [_] => Ok(()),
            _ => Err(Failure::NoBase),
        }
    }

    fn filter_for(&self, typed: &TypedName) -> Option<Filter> {
        Filter::parse(&self.service.settings().users.filter.filled(typed.as_str(), ""))
    }

    async fn people(&self, filter: Filter) -> Result<Vec<Entry>, Failure> {
        let settings = self.service.settings();
        let mut attributes = person::attributes(&settings.users);
        attributes.extend(account::attributes(&settings.users));
        attributes.extend(groups::attributes(&settings.groups));
        let search = Search {
            base: settings.users.base.clone(),
            scope: settings.users.scope,
            filter,
            attributes: attributes.into_iter().map(str::to_owned).collect(),
            amount: Amount::One,
        };
        Ok(self.service.search(&search).await?)
    }

    fn state(&self, entry: &Entry) -> Result<AccountState, Unusable> {
        AccountState::read(entry, &self.service.settings().users, self.clock.now())
    }

    fn subject(&self, profile: &Profile) -> Subject {
        Subject { directory: self.name.clone(), id: profile.id.clone() }
    }

    async fn person(&self, entry: &Entry, profile: Profile) -> Result<Person, Failure> {
        let settings = self.service.settings();
        let doing = self.watch.begins(|| Step::Groups { by: groups::way(&settings.groups) });
        let names = groups::of(&self.service, entry, &profile.username).await.map_err(|error| match error {
            GroupsError::Unusable(unusable) => Failure::Unusable(unusable),
            GroupsError::Trouble(trouble) => Failure::Trouble(trouble),
            GroupsError::NoTokenGroups => Failure::NoTokenGroups,
        });
        doing.ended(&names, |names| Told::Groups(names.len()));
        let names = names?;
        let groups: Result<BTreeSet<_>, _> = names.iter().map(|name| Group::new(self.name.clone(), name)).collect();
        Ok(Person {
            subject: self.subject(&profile),
            username: profile.username,
            display_name: profile.display_name,
            email_trusted: settings.email_trusted && profile.email.is_some(),
            email: profile.email,
            groups: groups
                .map_err(|_| Unusable("one of its groups has a name that is too long or holds control characters"))?,
        })
    }

    /// Binds as somebody on a connection that is used for nothing else. Once the password has been sent no other server is asked:
    /// it might count twice against the account.
    async fn check(&self, dn: &str, password: &Password, shown: &Shown) -> Result<Verdict, AuthenticateError> {
        let outage = |trouble| self.unavailable(Failure::Trouble(trouble));
        let (server, mut connection) = self.service.connect().await.map_err(outage)?;
        let unanswered = |trouble| AuthenticateError::Unanswered(outage(self.service.trouble_of(server, trouble)));
        let watch = connection.watch().clone();
        let doing = watch.begins(|| Step::Password { of: dn.to_owned() });
        shown.sent();
        let outcome = connection.bind(dn, password.as_secret()).await;
        let verdict = outcome.and_then(|outcome| {
            let said = watch.is_on().then(|| outcome.to_string());
            Ok((Verdict::of(outcome).map_err(Trouble::BindRefused)?, said))
        });
        doing.ended(&verdict, |(verdict, said)| Told::Verdict {
            verdict: verdict.to_string(),
            said: said.clone().unwrap_or_default(),
        });
        let (verdict, _) = verdict.map_err(unanswered)?;
        shown.answered();
        connection.close().await;
        Ok(verdict)
    }

    /// Asks for nobody what is asked for somebody, by as many connections and messages. No server is made to hash by it: how long that would have
    /// taken is hidden by the sign-in.
    async fn pretend(&self, shown: &Shown) -> Result<(), AuthenticateError> {
        let nobody = format!("cn=brokerd-asks-for-nobody,{}", self.service.settings().users.base);
        self.check(&nobody, &Password::decoy(), shown).await.map(drop)
    }

    async fn in_time<T, E>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
        late: impl Fn(Failure) -> E,
    ) -> Result<T, E> {
        let deadline = self.service.settings().deadline;
        timeout(deadline, answer).await.unwrap_or_else(|_| Err(late(Failure::Deadline(deadline.as_secs()))))
    }

    fn refusal(&self, failure: Failure) -> AuthenticateError {
        match failure {
            Failure::Unusable(Unusable(why)) => AuthenticateError::Refused(Refusal::UnusableEntry(why)),
            failure => AuthenticateError::Unavailable(self.unavailable(failure)),
        }
    }

    fn unavailable(&self, failure: Failure) -> Unavailable {
        Unavailable { directory: self.name.clone(), source: Box::new(failure) }
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    fn name(&self) -> &DirectoryName {
        &self.name
    }

    fn lockout(&self) -> Option<Lockout> {
        Some(self.service.settings().lockout)
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError> {
        let shown = Shown::default();
        self.in_time(self.sign_in(username, gate, &shown), |late| shown.late(self.unavailable(late))).await
    }

    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable> {
        self.in_time(async { self.found(username).await.map_err(|failure| self.unavailable(failure)) }, |late| {
            self.unavailable(late)
        })
        .await
    }

    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable> {
        self.in_time(async { self.stand(id).await.map_err(|failure| self.unavailable(failure)) }, |late| {
            self.unavailable(late)
        })
        .await
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        self.in_time(async { self.reach().await.map_err(|failure| self.unavailable(failure)) }, |late| {
            self.unavailable(late)
        })
        .await
    }
}

/// Cannot happen with a checked template and an escaped name; if it did, nobody would be let in.
const NO_FILTER: Refusal = Refusal::UnusableEntry("the name does not fit into the filter for users");
