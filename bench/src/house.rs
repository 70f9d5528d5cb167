//! An installation of brokerd in a temporary folder: configuration, connectors and people, as many as are asked for.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use broker_core::directory::Password;
use broker_core::directory::local::hash_password;
use broker_core::vault::{MasterKey, new_token};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tempfile::TempDir;

use crate::job::{self, Job};
use crate::{part, world};

/// Everything that brokerd reads at start. Gone with the value.
#[derive(Debug)]
pub(crate) struct House {
    folder: TempDir,
    address: SocketAddr,
    password: SecretString,
    job: Job,
    program: Option<PathBuf>,
}

impl House {
    /// Writes an installation with that many connectors, the first of which is the one that is measured.
    pub(crate) fn build(parent: &Path, connectors: u32, aws: &str, program: Option<&Path>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("brokerd-bench-").tempdir_in(parent);
        let folder = folder.with_context(|| format!("cannot write in {}", parent.display()))?;
        // Free now, and the system gives it to nobody else for a while.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let password = SecretString::from(new_token("")?.expose_secret().chars().take(16).collect::<String>());
        let job = Job::new(&format!("http://{address}"))?;
        let here = Self { folder, address, password, job, program: program.map(Path::to_owned) };
        here.put(job::JWKS_FILE, &here.job.jwks.to_string())?;
        here.put("master.key", MasterKey::generate()?.expose_secret())?;
        here.put("main.secret", world::KEY_SECRET)?;
        here.put("people.toml", &here.people()?)?;
        here.put("connectors.toml", &connectors_file(connectors)?)?;
        here.put("brokerd.toml", &configuration(address, aws))?;
        Ok(here)
    }

    /// Puts LDAP in the place of the local directory, before the first start. `table` reads its password from the file `ldap.pw`.
    pub(crate) fn by_ldap(&self, table: &str, password: &str) -> anyhow::Result<()> {
        self.put("ldap.pw", password)?;
        let text = fs::read_to_string(self.path("brokerd.toml"))?;
        let ldap = text.replacen(LOCAL, &format!("[directory.backend.ldap]\n{table}"), 1);
        Ok(fs::write(self.path("brokerd.toml"), ldap)?)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everybody's password.
    pub(crate) fn password(&self) -> &SecretString {
        &self.password
    }

    /// The token of a job that its issuer vouches for.
    pub(crate) fn job(&self) -> &SecretString {
        &self.job.token
    }

    /// A subcommand of brokerd for this installation. What it logs goes to a file, as a service's log does.
    pub(crate) fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let config = self.path("brokerd.toml");
        let config = config.to_str().context("the folder's name is not text")?;
        let mut command = part::brokerd(self.program.as_deref(), &[&["--config", config], arguments].concat())?;
        command.stderr(File::options().create(true).append(true).open(self.path("log"))?);
        Ok(command)
    }

    /// A new token for jobs, as an operator makes it beside the daemon.
    pub(crate) fn service_token(&self) -> anyhow::Result<SecretString> {
        let made = self.command(&["token", "create", "bench", "--connector", SYSTEM])?.output()?;
        ensure!(made.status.success(), "no service token is made:\n{}", self.log());
        let text = SecretString::from(String::from_utf8(made.stdout)?);
        Ok(SecretString::from(text.expose_secret().trim()))
    }

    /// Proves every link of the audit trail, and says how many records there are.
    pub(crate) fn prove_trail(&self) -> anyhow::Result<u64> {
        let verified = self.command(&["audit", "verify"])?.output()?;
        let told = String::from_utf8_lossy(&verified.stdout).into_owned();
        ensure!(verified.status.success(), "the audit trail does not hold:\n{told}{}", self.log());
        let records = told.lines().find_map(|line| line.strip_prefix("records: "));
        Ok(records.context("`audit verify` tells no records")?.parse()?)
    }

    /// The end of what brokerd has logged, for when something goes wrong.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, contents: &str) -> anyhow::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(self.path(name))?;
        Ok(file.write_all(contents.as_bytes())?)
    }

    /// People in ten groups, and one in a thousand. They share a password, which so is hashed once.
    fn people(&self) -> anyhow::Result<String> {
        let hash = hash_password(&Password::parse(self.password.clone())?)?;
        let mut people = String::new();
        let everybody = (0..PEOPLE).map(|number| (world::person(number), FEW_GROUPS));
        for (name, count) in everybody.chain([(world::MANY.to_owned(), MANY_GROUPS)]) {
            let groups: Vec<String> = (0..count).map(group).collect();
            writeln!(people, "[[person]]\nusername = {name:?}\ngroups = {groups:?}\npassword_hash = {:?}", &*hash)?;
        }
        Ok(people)
    }
}

/// The bench is one address and few callers, and asks for more than any of them may have elsewhere.
fn configuration(address: SocketAddr, aws: &str) -> String {
    format!(
        "public_url = \"http://{address}\"\n\
         connectors_file = \"connectors.toml\"\n\
         listen = {{ address = \"{address}\" }}\n\
         limits = {{ connections_per_address = 4096, requests_per_address = 1024, vends_per_minute = 1000000000 }}\n\
         sessions = {{ max_per_person = 10000 }}\n\
         store = {{ url = \"sqlite:brokerd.db\" }}\n\
         aws = {{ endpoint_url = \"{aws}\" }}\n\
         [[master_key]]\n\
         id = \"bench\"\n\
         seals = true\n\
         source = {{ file = \"master.key\" }}\n\
         [[directory]]\n\
         name = \"{DIRECTORY}\"\n\
         {LOCAL}\n{}",
        job::entry()
    )
}

/// Each connector is for one group; everybody is in the first one's. One more is for jobs.
fn connectors_file(count: u32) -> anyhow::Result<String> {
    let principal: toml::Value = serde_json::from_value(world::principal())?;
    let principal = toml::to_string(&toml::Table::from_iter([("connector".to_owned(), nested(principal))]))?;
    let mut file = format!(
        "[[access_key]]\nname = \"main\"\nregion = \"{}\"\n[access_key.source.stored]\naccess_key_id = \"{}\"\n\
         secret_access_key = {{ file = \"main.secret\" }}\n",
        world::REGION,
        world::KEY_ID
    );
    for number in 0..count {
        write!(
            file,
            "[[connector]]\nname = \"{}\"\ndescription = \"Reads the monthly reports of team {number}\"\n\
             access_key = \"main\"\ngroups = [\"{DIRECTORY}/{}\"]\nreuse = {{ minimum_share = 0.5 }}\n{principal}",
            connector(number),
            group(number)
        )?;
    }
    write!(
        file,
        "[[connector]]\nname = \"{SYSTEM}\"\ndescription = \"For jobs\"\naccess_key = \"main\"\nscope = \"system\"\n\
         reuse = {{ minimum_share = 0.5 }}\n{principal}"
    )?;
    Ok(file)
}

/// `principal` under a connector, for the TOML writer to say in full.
fn nested(principal: toml::Value) -> toml::Value {
    toml::Value::Table(toml::Table::from_iter([("principal".to_owned(), principal)]))
}

/// What a connector is, as the store writes it: for asking AWS without brokerd.
pub(crate) fn spec() -> serde_json::Value {
    json!({
        "access_key": "main",
        "groups": [first_group()],
        "principal": world::principal(),
    })
}

/// The group that the first connector is for, and that everybody is in.
pub(crate) fn first_group() -> String {
    format!("{DIRECTORY}/{}", group(0))
}

fn group(number: u32) -> String {
    format!("team-{number}")
}

pub(crate) fn connector(number: u32) -> String {
    format!("reports-{number:06}")
}

/// The connector for jobs, beside those that are counted.
pub(crate) const SYSTEM: &str = "jobs";
pub(crate) const DIRECTORY: &str = "bench";
/// Enough that as many ask at once as there are connections in most runs; each has credentials of their own.
pub(crate) const PEOPLE: u32 = 16;
pub(crate) const FEW_GROUPS: u32 = 10;
pub(crate) const MANY_GROUPS: u32 = 1_000;
const LOCAL: &str = "backend.local.people_file = \"people.toml\"";
const SHOWN: usize = 20;
