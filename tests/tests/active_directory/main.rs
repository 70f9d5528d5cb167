//! The LDAP directory against Active Directory, as Samba's domain controller speaks it.

#![expect(clippy::unwrap_used, reason = "a test: a panic is how it says that something is wrong")]

mod accounts;
mod cut_off;
mod groups;
mod injected;
mod parts;
mod people;
mod starttls;
mod tested;

use std::sync::Arc;

use broker_core::caller::Person;
use broker_core::clock::SystemClock;
use broker_core::directory::ldap::{LdapConfig, LdapDirectory, LdapSettings, Referenced};
use broker_core::directory::{AuthenticateError, Directory, Refusal, Standing, TypedName};
use secrecy::SecretString;
use tests::gate::OpenGate;
use tests::samba::{GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, Samba};

/// How the directory is configured, beside what is the same for all.
#[derive(Clone, Debug)]
struct Config {
    urls: String,
    users: String,
    groups: String,
}

impl Config {
    fn new() -> Self {
        Self {
            urls: format!("urls = ['{}']", Samba::shared().ldaps_url()),
            users: format!("base = '{PEOPLE}'"),
            groups: format!("token_groups = {{ base = '{GROUPS}' }}"),
        }
    }

    fn groups(mut self, text: &str) -> Self {
        text.clone_into(&mut self.groups);
        self
    }

    fn users(mut self, text: &str) -> Self {
        self.users = format!("{}, {text}", self.users);
        self
    }

    /// In plain text, by way of something on the loopback address.
    fn by(mut self, url: &str) -> Self {
        self.urls = format!("plain_text_on_loopback = true\nurls = ['{url}']");
        self
    }

    /// Over TLS on the port for plain text.
    fn by_starttls(mut self) -> Self {
        self.urls = format!("starttls = true\nurls = ['{}']", Samba::shared().ldap_url());
        self
    }

    fn is_encrypted(&self) -> bool {
        !self.urls.contains("plain_text_on_loopback")
    }

    fn open(&self) -> LdapDirectory {
        let Self { urls, users, groups } = self;
        let text = format!(
            "preset = 'active_directory'\n{urls}\nbind_dn = '{SERVICE}'\ndeadline_seconds = 30\noperation_timeout_seconds = 30\nconnect_timeout_seconds = 30\nusers = {{ {users} }}\ngroups = {{ {groups} }}\n"
        );
        let config: LdapConfig<String> = toml::from_str(&text).unwrap();
        let referenced = Referenced {
            ca_pem: self.is_encrypted().then(|| Samba::shared().ca_pem().to_owned()),
            bind_password: Some(SecretString::from(SERVICE_PASSWORD)),
            client_certificate: None,
        };
        let settings = LdapSettings::new(config, referenced).unwrap();
        LdapDirectory::new("corp".to_owned().try_into().unwrap(), settings, Arc::new(SystemClock))
    }
}

async fn sign_in(directory: &LdapDirectory, name: &str, password: &str) -> Result<Person, AuthenticateError> {
    let attested = directory.authenticate(&TypedName::parse(name).unwrap(), &OpenGate::before(password)).await?;
    Ok(attested.person)
}

/// Signs somebody in whose password is the usual one.
async fn welcome(directory: &LdapDirectory, name: &str) -> Person {
    sign_in(directory, name, &format!("{name} Secret 1")).await.unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

async fn refusal(directory: &LdapDirectory, name: &str, password: &str) -> Refusal {
    match sign_in(directory, name, password).await {
        Err(AuthenticateError::Refused(refusal)) => refusal,
        other => panic!("{name} should be refused: {other:?}"),
    }
}

async fn standing(directory: &LdapDirectory, person: &Person) -> Standing {
    directory.look_up(&person.subject.id).await.unwrap()
}

fn group_names(person: &Person) -> Vec<&str> {
    person.groups.iter().map(|group| group.name.as_str()).collect()
}

/// Who somebody is now, where they may still come in.
async fn still(directory: &LdapDirectory, person: &Person) -> Option<Person> {
    match standing(directory, person).await {
        Standing::Good(attested) => Some(attested.person),
        Standing::Disabled | Standing::Gone => None,
    }
}
