//! The LDAP directory against OpenLDAP itself, and against servers that hang, lie and flood.

#![expect(clippy::unwrap_used, reason = "a test: a panic is how it says that something is wrong")]

mod accounts;
mod after_a_bind;
mod aliases;
mod before_tls;
mod certificates;
mod daemon;
mod described;
mod failover;
mod front_door;
mod groups;
mod hostile;
mod injected;
mod names;
mod own_lockout;
mod parts;
mod played;
mod pool;
mod same_time;
mod servers;
mod sign_in;
mod silence;
mod tested;
mod tls;

use std::error::Error;
use std::sync::Arc;

use broker_core::caller::Person;
use broker_core::clock::SystemClock;
use broker_core::directory::ldap::{ClientCertificate, LdapConfig, LdapDirectory, LdapSettings, Referenced};
use broker_core::directory::{AuthenticateError, Directory, Refusal, Standing, TypedName, Unavailable};
use secrecy::SecretString;
use tests::certificates::Signed;
use tests::gate::OpenGate;
use tests::slapd::{GROUPS, SERVICE, SERVICE_PASSWORD, Slapd, USERS};

/// How a directory is configured.
#[derive(Clone, Debug)]
struct Config {
    urls: Vec<String>,
    ca_pem: Option<String>,
    client: Option<Signed>,
    password: String,
    /// Within the inline table of users.
    users: String,
    groups: String,
    more: String,
}

impl Config {
    fn of(server: &Slapd) -> Self {
        Self { urls: vec![server.ldaps_url()], ca_pem: Some(server.ca_pem().to_owned()), ..Self::default() }
    }

    /// In plain text, on loopback.
    fn plain(urls: &[&str]) -> Self {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Self { urls, more: "plain_text_on_loopback = true".to_owned(), ..Self::default() }
    }

    fn starttls(mut self) -> Self {
        "starttls = true".clone_into(&mut self.more);
        self
    }

    fn users(mut self, text: &str) -> Self {
        self.users = format!(", {text}");
        self
    }

    fn groups(mut self, text: &str) -> Self {
        text.clone_into(&mut self.groups);
        self
    }

    fn quick(mut self) -> Self {
        self.more.push_str(
            "\nconnect_timeout_seconds = 1\noperation_timeout_seconds = 1\ndeadline_seconds = 5\nrest_seconds = 2",
        );
        self
    }

    /// What the broker believes of the directory.
    fn locks_after(mut self, failures: u32) -> Self {
        self.more = format!("{}\nlockout = {{ failures = {failures} }}", self.more);
        self
    }

    fn open(&self) -> LdapDirectory {
        let Self { urls, ca_pem, client, password, users, groups, more } = self;
        let text = format!(
            "urls = {urls:?}\nbind_dn = '{SERVICE}'\n{more}\nusers = {{ base = '{USERS}'{users} }}\ngroups = {{ {groups} }}\n"
        );
        let config: LdapConfig<String> = toml::from_str(&text).unwrap();
        let referenced = Referenced {
            ca_pem: ca_pem.clone(),
            bind_password: Some(SecretString::from(password.as_str())),
            client_certificate: client.as_ref().map(|client| ClientCertificate {
                certificate: client.certificate.clone(),
                key: SecretString::from(client.key.as_str()),
            }),
        };
        let settings = LdapSettings::new(config, referenced).unwrap();
        LdapDirectory::new("corp".to_owned().try_into().unwrap(), settings, Arc::new(SystemClock))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            ca_pem: None,
            client: None,
            password: SERVICE_PASSWORD.to_owned(),
            users: String::new(),
            groups: format!("member_of = {{ base = '{GROUPS}' }}"),
            more: String::new(),
        }
    }
}

async fn sign_in(directory: &LdapDirectory, name: &str, password: &str) -> Result<Person, AuthenticateError> {
    let attested = directory.authenticate(&TypedName::parse(name).unwrap(), &OpenGate::before(password)).await;
    attested.map(|attested| attested.person)
}

/// Signs somebody in whose password is the usual one.
async fn welcome(directory: &LdapDirectory, name: &str) -> Person {
    sign_in(directory, name, &format!("{name} secret")).await.unwrap_or_else(|error| panic!("{name}: {}", told(&error)))
}

async fn refusal(directory: &LdapDirectory, name: &str, password: &str) -> Refusal {
    match sign_in(directory, name, password).await {
        Err(AuthenticateError::Refused(refusal)) => refusal,
        other => panic!("{name} should be refused: {other:?}"),
    }
}

/// The causes of an outage, as an operator reads them.
async fn outage(directory: &LdapDirectory, name: &str, password: &str) -> String {
    match sign_in(directory, name, password).await {
        Err(AuthenticateError::Unavailable(unavailable) | AuthenticateError::Unanswered(unavailable)) => {
            told(&unavailable)
        }
        other => panic!("the directory should be unavailable to {name}: {other:?}"),
    }
}

async fn standing(directory: &LdapDirectory, person: &Person) -> Standing {
    directory.look_up(&person.subject.id).await.unwrap_or_else(|error: Unavailable| panic!("{}", told(&error)))
}

/// Who somebody is now, where they may still come in.
async fn still(directory: &LdapDirectory, person: &Person) -> Option<Person> {
    match standing(directory, person).await {
        Standing::Good(attested) => Some(attested.person),
        Standing::Disabled | Standing::Gone => None,
    }
}

fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn group_names(person: &Person) -> Vec<&str> {
    person.groups.iter().map(|group| group.name.as_str()).collect()
}
