//! The demo's temporary folder: the example connectors file, its policies, keys, and a configuration. Gone at the end.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use broker_core::directory::Password;
use broker_core::directory::local::hash_password;
use broker_core::vault::MasterKey;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use crate::people::{DIRECTORY, People};

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    main_secret: SecretString,
}

impl Folder {
    pub(crate) fn write(people: &People, url: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("brokerd-demo-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let here = Self { main_secret: secret()?, folder };
        here.put("connectors.toml", CONNECTORS.as_bytes())?;
        for (name, policy) in POLICIES {
            here.put(name, policy.as_bytes())?;
        }
        here.put("keys/main", here.main_secret.expose_secret().as_bytes())?;
        here.put("master.key", MasterKey::generate()?.expose_secret().as_bytes())?;
        here.put("people.toml", toml::to_string(&listed(people)?)?.as_bytes())?;
        here.put("brokerd.toml", configuration(url, "", "")?.as_bytes())?;
        here.put("url", url.as_bytes())?;
        Ok(here)
    }

    /// Tells the broker where AWS is.
    pub(crate) fn point_at(&self, endpoint: &str, federation: &str) -> anyhow::Result<()> {
        let url = fs::read_to_string(self.path("url"))?;
        self.put("brokerd.toml", configuration(&url, endpoint, federation)?.as_bytes())
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("brokerd.toml")
    }

    pub(crate) fn connectors(&self) -> PathBuf {
        self.path("connectors.toml")
    }

    /// The secret of the one access key, for the stand-in that must know it too.
    pub(crate) fn main_secret(&self) -> &SecretString {
        &self.main_secret
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, contents: &[u8]) -> anyhow::Result<()> {
        use std::io::Write;
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
        Ok(file.write_all(contents)?)
    }
}

fn configuration(url: &str, endpoint: &str, federation: &str) -> anyhow::Result<String> {
    let mut table = toml::toml! {
        connectors_file = "connectors.toml"
        admin_groups = ["corp/admins"]
        store = { url = "sqlite:brokerd.db" }
        [[master_key]]
        id = "demo"
        seals = true
        source = { file = "master.key" }
        [[directory]]
        name = "corp"
        may_grant_admin = true
        [directory.backend.local]
        people_file = "people.toml"
    };
    table.insert("public_url".to_owned(), url.into());
    let address = url.strip_prefix("http://").unwrap_or(url);
    table.insert("listen".to_owned(), toml::Table::from_iter([("address".to_owned(), address.into())]).into());
    if !endpoint.is_empty() {
        // The stand-in is on this machine: a proxy that the environment names must not be asked for it.
        let mut aws = toml::toml! {
            proxy = { url = "http://127.0.0.1:9" }
            no_proxy = ["127.0.0.1"]
        };
        aws.insert("endpoint_url".to_owned(), endpoint.into());
        aws.insert("federation_url".to_owned(), federation.into());
        aws.insert("ecr_endpoint_url".to_owned(), endpoint.into());
        aws.insert("codeartifact_endpoint_url".to_owned(), endpoint.into());
        table.insert("aws".to_owned(), aws.into());
    }
    Ok(toml::to_string(&table)?)
}

fn listed(people: &People) -> anyhow::Result<toml::Table> {
    let mut listed = Vec::new();
    for person in people.all() {
        let hash = hash_password(&Password::parse(person.password.clone())?)?;
        let groups: Vec<toml::Value> = person.groups.iter().map(|group| (*group).into()).collect();
        listed.push(toml::Value::Table(toml::Table::from_iter([
            ("username".to_owned(), person.username.into()),
            ("display_name".to_owned(), person.display_name.into()),
            ("email".to_owned(), format!("{}@{DIRECTORY}.example", person.username).into()),
            ("groups".to_owned(), groups.into()),
            ("password_hash".to_owned(), hash.clone().into()),
        ])));
    }
    Ok(toml::Table::from_iter([("person".to_owned(), listed.into())]))
}

/// Forty characters, as AWS's secrets have.
fn secret() -> anyhow::Result<SecretString> {
    let long = broker_core::vault::new_token("")?;
    Ok(SecretString::from(long.expose_secret().chars().take(40).collect::<String>()))
}

/// The folder that the example's files were read from when the demo was built.
const CONNECTORS: &str = include_str!("../../connectors.example.toml");
const POLICIES: &[(&str, &str)] = &[("policies/deploy.json", include_str!("../../policies/deploy.json"))];
/// The example's connector for CI jobs.
pub(crate) const SYSTEM_CONNECTOR: &str = "ci-deploy";
