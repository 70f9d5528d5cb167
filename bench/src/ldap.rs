//! Signing in by LDAP on connections that are there already, beside a search and a bind that are made by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_trait::async_trait;
use broker_core::caller::Subject;
use broker_core::clock::SystemClock;
use broker_core::directory::ldap::{LdapConfig, LdapDirectory, LdapSettings, Referenced};
use broker_core::directory::{Directory, Gate, NotAdmitted, Password, TypedName};
use ldap3::{Ldap, LdapConnAsync, Scope, SearchEntry};
use secrecy::SecretString;

use crate::ask::{Asked, Line};
use crate::daemon::Daemon;
use crate::house::House;
use crate::slapd::{self, GROUPS, Hash, Operations, PASSWORD, SERVICE, SERVICE_PASSWORD, Slapd, USERS};

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// What one whole sign-in asked the server for, by the server's own word.
    pub(crate) operations: Operations,
    /// What one search and bind by hand did.
    pub(crate) operations_by_hand: Operations,
    pub(crate) times: Vec<Times>,
}

/// How long each way took, by what the server keeps of passwords. Sorted.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    pub(crate) hash: Hash,
    ways: [Vec<Duration>; Way::ALL.len()],
}

/// Ways to find out whether somebody's password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A search on a connection that is kept, and a bind on a new one, with the crate `ldap3`.
    ByHand,
    /// What brokerd's directory does for a sign-in.
    Directory,
    /// A whole sign-in by HTTP, with its counters, its session and its record.
    Whole,
}

/// Everything that is there to ask by.
struct Asking {
    by_hand: ByHand,
    directory: LdapDirectory,
    line: Line,
}

/// Lets the password out to whoever is found.
pub(crate) struct Open(pub(crate) Password);

/// The same as a directory does, and nothing that it does to be safe.
struct ByHand {
    url: String,
    service: Ldap,
}

/// Measures one way after the other, so that whatever else the machine does meets all alike. The installation has not been started.
pub(crate) async fn measure(slapd: Slapd, house: House, measured: Duration) -> anyhow::Result<SignedIn> {
    house.by_ldap(&table(&slapd), SERVICE_PASSWORD)?;
    let (daemon, _) = Daemon::start(house).await?;
    let mut asking = Asking::open(&slapd, &daemon).await?;
    let log = || daemon.house().log();

    // Each once, so that the connections are there, and people are known.
    for person in Hash::ALL.iter().flat_map(|hash| slapd::people(*hash)) {
        for way in Way::ALL {
            asking.once(way, &person).await.with_context(log)?;
        }
    }

    let person = slapd::people(Hash::Ssha).next().context("nobody is there")?;
    let mut counted = Vec::new();
    for way in Way::ALL {
        let before = slapd.operations()?;
        asking.once(way, &person).await.with_context(log)?;
        counted.push(slapd.operations()?.since(before));
    }
    let [operations_by_hand, of_the_directory, operations] = counted[..] else { anyhow::bail!("three are counted") };
    ensure!(of_the_directory == operations, "a sign-in asks for more than its directory does: {operations:?}");

    let mut times = Vec::new();
    for hash in Hash::ALL {
        let mut ways = Way::ALL.map(|_| Vec::new());
        let end = Instant::now() + measured;
        for (turn, person) in slapd::people(hash).collect::<Vec<_>>().iter().cycle().enumerate() {
            if turn > 0 && Instant::now() >= end {
                break;
            }
            // Whoever comes after another finds the server as that one has left it, so each comes after each.
            for place in 0..Way::ALL.len() {
                let place = (turn + place) % Way::ALL.len();
                let began = Instant::now();
                asking.once(Way::ALL[place], person).await.with_context(log)?;
                ways[place].push(began.elapsed());
            }
        }
        for times in &mut ways {
            times.sort();
        }
        times.push(Times { hash, ways });
    }
    daemon.stop()?;
    Ok(SignedIn { operations, operations_by_hand, times })
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::ByHand, Self::Directory, Self::Whole];
}

impl Times {
    /// So many of a hundred took no longer.
    pub(crate) fn percentile(&self, way: Way, percent: usize) -> Duration {
        let times = &self.ways[way as usize];
        times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// The medians: so many times as long as by hand.
    pub(crate) fn to_by_hand(&self, way: Way) -> f64 {
        self.percentile(way, 50).as_secs_f64() / self.percentile(Way::ByHand, 50).as_secs_f64()
    }
}

impl Asking {
    async fn open(slapd: &Slapd, daemon: &Daemon) -> anyhow::Result<Self> {
        let by_hand = ByHand::connected(slapd.url().to_owned()).await?;
        Ok(Self { by_hand, directory: directory(slapd)?, line: Line::open(daemon.house().address()).await? })
    }

    async fn once(&mut self, way: Way, person: &str) -> anyhow::Result<()> {
        match way {
            Way::ByHand => self.by_hand.once(person).await,
            Way::Directory => {
                let password = Open(Password::parse(SecretString::from(PASSWORD))?);
                let attested = self.directory.authenticate(&TypedName::parse(person)?, &password).await?;
                let groups = attested.person.groups.len();
                ensure!(groups == 1, "{person} is in one group, and {groups} were found");
                Ok(())
            }
            Way::Whole => self.line.ask(&Asked::sign_in(person, &SecretString::from(PASSWORD))?).await.map(drop),
        }
    }
}

#[async_trait]
impl Gate for Open {
    async fn admit(&self, _: &Subject) -> Result<&Password, NotAdmitted> {
        Ok(&self.0)
    }
}

impl ByHand {
    async fn connected(url: String) -> anyhow::Result<Self> {
        let mut service = connection(&url).await?;
        service.simple_bind(SERVICE, SERVICE_PASSWORD).await?.success()?;
        Ok(Self { url, service })
    }

    async fn once(&mut self, person: &str) -> anyhow::Result<()> {
        let filter = format!("(uid={person})");
        let attributes = ["uid", "entryUUID", "displayName", "mail", "memberOf"];
        let (found, _) = self.service.search(USERS, Scope::Subtree, &filter, attributes).await?.success()?;
        let entry = SearchEntry::construct(found.into_iter().next().context("nobody is found")?);
        ensure!(entry.attrs.get("memberOf").is_some_and(|groups| groups.len() == 1), "{person} is in one group");
        let mut theirs = connection(&self.url).await?;
        theirs.simple_bind(&entry.dn, PASSWORD).await?.success()?;
        Ok(theirs.unbind().await?)
    }
}

async fn connection(url: &str) -> anyhow::Result<Ldap> {
    let (connection, ldap) = LdapConnAsync::new(url).await?;
    tokio::spawn(connection.drive());
    Ok(ldap)
}

fn directory(slapd: &Slapd) -> anyhow::Result<LdapDirectory> {
    let config: LdapConfig<String> = toml::from_str(&table(slapd).replace(PASSWORD_KEY, ""))?;
    let password = Some(SecretString::from(SERVICE_PASSWORD));
    let referenced = Referenced { ca_pem: None, bind_password: password, client_certificate: None };
    Ok(LdapDirectory::new(
        "bench".to_owned().try_into()?,
        LdapSettings::new(config, referenced)?,
        Arc::new(SystemClock),
    ))
}

/// As a configuration has it. Plain on both sides: a handshake is the same for whoever makes it, and would hide the rest.
fn table(slapd: &Slapd) -> String {
    format!(
        "urls = [\"{}\"]\nplain_text_on_loopback = true\nbind_dn = \"{SERVICE}\"\n{PASSWORD_KEY}\n\
         users = {{ base = \"{USERS}\" }}\ngroups = {{ member_of = {{ base = \"{GROUPS}\" }} }}\n",
        slapd.url()
    )
}

const PASSWORD_KEY: &str = "bind_password = { file = \"ldap.pw\" }";
