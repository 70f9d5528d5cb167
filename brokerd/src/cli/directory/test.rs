//! `brokerd directory test`: asks a directory as the daemon does, and tells each step.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use broker_core::caller::{Person, Subject};
use broker_core::clock::{Clock, SystemClock};
use broker_core::directory::crowd::CrowdDirectory;
use broker_core::directory::ldap::LdapDirectory;
use broker_core::directory::local::LocalDirectory;
use broker_core::directory::{
    AuthenticateError, Description, Directory, Found, Gate, NotAdmitted, Password, Seen, TypedName, Unavailable, Watch,
};
use broker_core::file::with_causes;
use clap::Args;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::grants::Grants;
use super::lockout;
use super::report::{Line, Report};
use crate::cli::site::Site;
use crate::cli::{failure, terminal};
use crate::config::{Backend, DirectoryConfig};

/// Ask a directory as the daemon does, and tell each step: servers, certificates, credentials, and what it has of somebody
#[derive(Debug, Args)]
pub(in crate::cli) struct Test {
    /// The directory, by its name in the configuration
    name: String,
    /// Look somebody up, by what they type when they sign in
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Try the person's password too: typed unseen, or piped in. A wrong one counts in the directory as at a sign-in
    #[arg(long, requires = "user")]
    sign_in: bool,
    /// As JSON, when all is done
    #[arg(long)]
    json: bool,
}

/// A directory as the daemon has it.
enum Opened {
    Ldap(Box<LdapDirectory>),
    Crowd(Box<CrowdDirectory>),
    Local(Box<LocalDirectory>),
}

/// Lets the password out to whoever is found: the operator has been told that it counts.
struct Told(Password);

/// Tells the steps of whatever is asked, as they end.
struct Teller {
    seen: UnboundedReceiver<Seen>,
    report: Report,
}

impl Test {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let username = self.user.as_deref().map(TypedName::parse).transpose().ok().context(
            "this cannot be a user name: from 1 to 256 characters, and no control characters or others that nobody sees",
        )?;
        let mut config = site.config()?;
        let grants = Grants::of(&config);
        let known = std::mem::take(&mut config.directories);
        let Some(configured) = known.into_iter().find(|directory| directory.name.as_str() == self.name) else {
            let names: Vec<_> = config.directory_names.iter().map(|name| format!("`{name}`")).collect();
            bail!("no directory of the configuration has this name; there is {}", names.join(", "));
        };
        let (watch, seen) = Watch::begin();
        let opened = Opened::new(configured, &watch)?;
        let report = Report::new(self.json, opened.directory().name(), opened.kind());
        let mut teller = Teller { seen, report };
        teller.servers(&opened).await?;
        // The search for somebody asks the same and more.
        if username.is_none() {
            teller.readiness(&opened).await?;
        }
        let is_reached = teller.report.is_good();
        if let Some(username) = username {
            let person = teller.person(&opened, &username).await?;
            if let Some(person) = &person {
                teller.report.person(person, &grants)?;
            }
            if self.sign_in {
                teller.password(&opened, &username, person.is_some()).await?;
            }
        }
        if is_reached {
            teller.lockout(&opened).await?;
        }
        teller.report.end()
    }
}

impl Opened {
    fn new(DirectoryConfig { name, backend, .. }: DirectoryConfig, watch: &Watch) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(match backend {
            Backend::Local(people) => {
                Self::Local(Box::new(LocalDirectory::new(name, people, Arc::new(Semaphore::new(1)))?))
            }
            Backend::Ldap(settings) => {
                Self::Ldap(Box::new(LdapDirectory::watched(name, *settings, clock, watch.clone())))
            }
            Backend::Crowd(settings) => Self::Crowd(Box::new(CrowdDirectory::watched(name, *settings, watch)?)),
        })
    }

    fn directory(&self) -> &dyn Directory {
        match self {
            Self::Ldap(directory) => directory.as_ref(),
            Self::Crowd(directory) => directory.as_ref(),
            Self::Local(directory) => directory.as_ref(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Ldap(_) => "ldap",
            Self::Crowd(_) => "crowd",
            Self::Local(_) => "local",
        }
    }

    fn nobody(&self) -> &'static str {
        match self {
            Self::Ldap(_) => {
                "the search above is what was asked: look at `users.base`, at `users.sign_in_attributes` or `users.filter`, and whether the service account may read the entry"
            }
            Self::Crowd(_) => {
                "see in Crowd's administration whether the application has the directory that the person is in"
            }
            Self::Local(_) => {
                "this looks at the people of the configuration, where you may add one and restart the daemon: whom the store has, `brokerd user show` says"
            }
        }
    }
}

impl Teller {
    /// Does something, and tells its steps as they end.
    async fn while_told<T>(&mut self, work: impl Future<Output = T>) -> anyhow::Result<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(seen) = self.seen.recv() => self.report.step(&seen)?,
                done = &mut work => {
                    while let Ok(seen) = self.seen.try_recv() {
                        self.report.step(&seen)?;
                    }
                    return Ok(done);
                }
            }
        }
    }

    async fn servers(&mut self, opened: &Opened) -> anyhow::Result<()> {
        match opened {
            Opened::Ldap(ldap) => {
                self.report.part("Each server by itself")?;
                let troubles = self.while_told(ldap.examine()).await?;
                // What is found between two steps belongs to none of them.
                match troubles.first() {
                    Some(trouble) if self.report.is_good() => {
                        self.report.line(Line::bad("server", trouble, UNAVAILABLE))
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Opened::Crowd(crowd) => {
                self.report.part("The server, and the broker's own name and password")?;
                self.probed(crowd.as_ref()).await
            }
            Opened::Local(_) => {
                self.report.part("The people of the configuration")?;
                self.report.line(Line::good("configuration", "read, and every hash in it is one; no server is asked"))
            }
        }
    }

    /// What the daemon asks before it calls itself ready, where the servers by themselves are good.
    async fn readiness(&mut self, opened: &Opened) -> anyhow::Result<()> {
        match opened {
            Opened::Ldap(ldap) if self.report.is_good() => {
                self.report.part("What the daemon asks before it calls itself ready")?;
                self.probed(ldap.as_ref()).await
            }
            // Of Crowd it is what was asked above; of a list nothing is.
            Opened::Ldap(_) | Opened::Crowd(_) | Opened::Local(_) => Ok(()),
        }
    }

    /// What the directory says of its own lockout, where ours is to stay below it.
    async fn lockout(&mut self, opened: &Opened) -> anyhow::Result<()> {
        let (Opened::Ldap(ldap), Some(ours)) = (opened, opened.directory().lockout()) else { return Ok(()) };
        self.report.part("When the directory locks accounts, and when `lockout` says that it does")?;
        let theirs = ldap.own_lockouts().await;
        lockout::compared(ours, theirs).into_iter().try_for_each(|line| self.report.line(line))
    }

    async fn probed(&mut self, directory: &dyn Directory) -> anyhow::Result<()> {
        let began = Instant::now();
        match self.while_told(directory.probe()).await? {
            Ok(()) => Ok(()),
            Err(unavailable) => self.unavailable("probe", began, &unavailable),
        }
    }

    /// Who has the name, if anybody can be used.
    async fn person(&mut self, opened: &Opened, username: &TypedName) -> anyhow::Result<Option<Person>> {
        self.report.part("The person")?;
        let began = Instant::now();
        let described = self.while_told(opened.directory().describe(username)).await?;
        let took = began.elapsed();
        let Description { person, refusal, .. } = match described {
            Ok(Found::One(description)) => *description,
            Ok(Found::Nobody) => {
                let line = Line::bad("person", "nobody has this name", opened.nobody()).after(took);
                return self.report.line(line).map(|()| None);
            }
            Ok(Found::Several) => {
                let advice = "let the names that people sign in with be each one person's: name fewer `sign_in_attributes`, or make `users.filter` narrower";
                let line = Line::bad(
                    "person",
                    "more than one entry answers to this name, so that none of them gets in",
                    advice,
                );
                return self.report.line(line.after(took)).map(|()| None);
            }
            Err(unavailable) => return self.unavailable("person", began, &unavailable).map(|()| None),
        };
        self.report.line(match refusal {
            None => Line::good("account", "account: in use"),
            Some(refusal) => {
                let advice = "whatever the password, nobody gets in so: mend it in the directory, or, if it reads the wrong attributes, under `users`";
                Line::bad("account", &format!("account: {refusal}"), advice)
            }
        })?;
        Ok(person)
    }

    async fn password(&mut self, opened: &Opened, username: &TypedName, found: bool) -> anyhow::Result<()> {
        self.report.part("The password")?;
        if !found {
            return self.report.line(Line::bad("password", "not tried: there is nobody whose it could be", ""));
        }
        let directory = opened.directory();
        if let Some(lockout) = directory.lockout() {
            let failures = lockout.of_strangers() + lockout.at_home() + 1;
            failure::say(&format!(
                "A wrong password counts in the directory, which by `lockout` locks the account after {failures} of them; the daemon's own counters, which stay below that, do not know of this one."
            ));
        }
        let password = Password::parse(terminal::secret("Password: ")?)
            .ok()
            .context("this is no password that anybody could sign in with: 1 to 1024 bytes, and no zero byte first")?;
        let began = Instant::now();
        let gate = Told(password);
        let outcome = self.while_told(directory.authenticate(username, &gate)).await?;
        let line = match outcome {
            Ok(_) => Line::good(
                "password",
                "right: this lets the person in, after a second factor where they have enrolled one",
            ),
            Err(AuthenticateError::PasswordExpired) => {
                let advice = "let the person change it where it is kept, then sign in";
                Line::bad("password", "right, and it has expired or must be changed first", advice)
            }
            Err(AuthenticateError::Refused(refusal)) => Line::bad(
                "password",
                &refusal.to_string(),
                "whoever signs in hears only that name or password is wrong",
            ),
            Err(AuthenticateError::Unavailable(error) | AuthenticateError::Unanswered(error)) => {
                return self.unavailable("password", began, &error);
            }
            Err(error @ (AuthenticateError::NoSuchUser | AuthenticateError::NotAdmitted(_))) => {
                Line::bad("password", &error.to_string(), "the person was there a moment ago: try again")
            }
        };
        self.report.line(line.after(began.elapsed()))
    }

    fn unavailable(&mut self, step: &'static str, began: Instant, error: &Unavailable) -> anyhow::Result<()> {
        let advice = if self.report.has_advised() { "" } else { UNAVAILABLE };
        self.report.line(Line::bad(step, &with_causes(error), advice).after(began.elapsed()))
    }
}

#[async_trait]
impl Gate for Told {
    async fn admit(&self, _: &Subject) -> Result<&Password, NotAdmitted> {
        Ok(&self.0)
    }
}

const UNAVAILABLE: &str = "while this is so nobody of this directory signs in; mend what the steps above say";
