//! OpenLDAP's server as a process of its own, where it is installed: some people, a service account, and a log of every operation.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::child::Running;
use crate::part;

/// A server that answers. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Slapd {
    _running: Running,
    folder: TempDir,
    address: String,
}

/// How many operations of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operations {
    pub(crate) searches: usize,
    pub(crate) binds: usize,
    pub(crate) unbinds: usize,
    /// Whatever else there is.
    pub(crate) others: usize,
}

/// What the server keeps of a password, which is most of what a bind costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// One round of SHA-1, with a salt: the server's own default, and nearly free.
    Ssha,
    /// SHA-512 in five thousand rounds (`crypt(3)`).
    Crypt,
}

impl Slapd {
    /// Nothing where it is not installed.
    pub(crate) fn start(parent: &Path) -> anyhow::Result<Option<Self>> {
        let (Some(slapd), Some(slapadd), Some(schema)) =
            (found(PROGRAMS, "slapd"), found(PROGRAMS, "slapadd"), found(SCHEMAS, "core.schema"))
        else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new().prefix("brokerd-bench-").tempdir_in(parent)?;
        let at = folder.path();
        fs::create_dir(at.join("data"))?;
        fs::write(at.join("slapd.conf"), configuration(at, &schema)?)?;
        fs::write(at.join("people.ldif"), ldif())?;
        let mut filled = Command::new(slapadd);
        filled.arg("-f").arg(at.join("slapd.conf")).arg("-l").arg(at.join("people.ldif"));
        let filled = filled.output().context("slapadd does not start")?;
        ensure!(filled.status.success(), "slapadd fails:\n{}", String::from_utf8_lossy(&filled.stderr));
        // Free now, and the system gives it to nobody else for a while.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let url = format!("ldap://{address}");
        let mut command = part::other(&slapd)?;
        command.args(["-h", &url, "-d", "stats", "-f"]).arg(at.join("slapd.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(at.join(LOG))?);
        let mut running = Running::start("slapd", command)?;
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            running.still_runs().with_context(|| fs::read_to_string(at.join(LOG)).unwrap_or_default())?;
            ensure!(started.elapsed() < LONGEST_START, "slapd does not listen");
            std::thread::sleep(PAUSE);
        }
        Ok(Some(Self { _running: running, folder, address: url }))
    }

    pub(crate) fn url(&self) -> &str {
        &self.address
    }

    /// What it was asked so far, once it has written all of that down: an answer is sent before it is logged.
    pub(crate) fn operations(&self) -> anyhow::Result<Operations> {
        std::thread::sleep(WRITTEN);
        let log = fs::read_to_string(self.folder.path().join(LOG))?;
        // Each has several lines, all with the number of its connection and its own.
        let of = |kind: &str| {
            log.lines().filter(|line| line.contains(kind)).filter_map(operation).collect::<BTreeSet<_>>().len()
        };
        let (searches, binds, unbinds) = (of(" SRCH "), of(" BIND "), of(" UNBIND"));
        let others = of(" op=").checked_sub(searches + binds + unbinds).context("an operation is of one kind")?;
        Ok(Operations { searches, binds, unbinds, others })
    }
}

impl Operations {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            searches: self.searches - before.searches,
            binds: self.binds - before.binds,
            unbinds: self.unbinds - before.unbinds,
            others: self.others - before.others,
        }
    }

    pub(crate) fn beside_the_bind(self) -> usize {
        self.searches + self.unbinds + self.others
    }
}

impl Hash {
    pub(crate) const ALL: [Self; 2] = [Self::Ssha, Self::Crypt];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ssha => "ssha",
            Self::Crypt => "crypt",
        }
    }

    /// What it makes of [`PASSWORD`].
    fn kept(self) -> &'static str {
        match self {
            Self::Ssha => "{SSHA}FzTH/owph36HavW7jTI3zGw/507Ep077",
            Self::Crypt => {
                "{CRYPT}$6$brokerdbench$YSuA.bsqcACFsUtO1.A13D6BvEWZKK5TkoagC/W32hqOpdYySSP/k9wfbLRzgdJ5ygxCvLQVCZenpuVHuZqah1"
            }
        }
    }
}

/// Those whose passwords are kept like this. Several, since whoever signs in all the time has more sessions than anybody.
pub(crate) fn people(hash: Hash) -> impl Iterator<Item = String> {
    (0..PEOPLE).map(move |number| format!("{}-{number}", hash.name()))
}

/// The connection and the number of the operation that a line is about.
fn operation(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace().skip_while(|word| !word.starts_with("conn="));
    Some((words.next()?, words.next().filter(|word| word.starts_with("op="))?))
}

fn ldif() -> String {
    let (mut text, mut members) = (ROOTS.to_owned(), String::new());
    for hash in Hash::ALL {
        for person in people(hash) {
            let kept = hash.kept();
            let _ = write!(
                text,
                "\ndn: uid={person},{USERS}\nobjectClass: inetOrgPerson\nuid: {person}\ncn: {person}\nsn: {person}\n\
                 mail: {person}@bench.example\nmemberOf: cn=team-0,{GROUPS}\nuserPassword: {kept}\n"
            );
            let _ = writeln!(members, "member: uid={person},{USERS}");
        }
    }
    text + &format!("\ndn: cn=team-0,{GROUPS}\nobjectClass: groupOfNames\ncn: team-0\n{members}")
}

fn configuration(folder: &Path, schema: &Path) -> anyhow::Result<String> {
    let schema = schema.parent().context("a schema lies in a folder")?.display();
    let modules = found(MODULES, "back_mdb.so").or_else(|| found(MODULES, "back_mdb.la"));
    // Where they are not files they are built in.
    let modules = modules
        .and_then(|module| Some(module.parent()?.display().to_string()))
        .map_or_else(String::new, |at| format!("modulepath {at}\nmoduleload back_mdb\nmoduleload memberof\n"));
    let folder = folder.display();
    Ok(format!(
        "include {schema}/core.schema\ninclude {schema}/cosine.schema\ninclude {schema}/inetorgperson.schema\n{modules}\
         pidfile {folder}/slapd.pid\ndatabase mdb\nsuffix {SUFFIX}\nrootdn cn=root,{SUFFIX}\ndirectory {folder}/data\n\
         maxsize 16777216\ndbnosync\nindex objectClass,uid,entryUUID eq\n\
         access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact=\"{SERVICE}\" read by * none\n\
         overlay memberof\nmemberof-group-oc groupOfNames\n"
    ))
}

fn found(folders: &[&str], name: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

pub(crate) const SUFFIX: &str = "dc=bench,dc=example";
pub(crate) const USERS: &str = "ou=people,dc=bench,dc=example";
pub(crate) const GROUPS: &str = "ou=groups,dc=bench,dc=example";
pub(crate) const SERVICE: &str = "cn=brokerd,dc=bench,dc=example";
pub(crate) const SERVICE_PASSWORD: &str = "a password of the service";
/// Everybody's.
pub(crate) const PASSWORD: &str = "a password of the bench";

const PROGRAMS: &[&str] =
    &["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/libexec", "/usr/lib/openldap", "/sbin"];
const SCHEMAS: &[&str] = &["/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema"];
const MODULES: &[&str] = &["/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap", "/usr/local/libexec/openldap"];
const LOG: &str = "log";
const LONGEST_START: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
const WRITTEN: Duration = Duration::from_millis(200);

const PEOPLE: usize = 16;
const ROOTS: &str = "dn: dc=bench,dc=example
objectClass: dcObject
objectClass: organization
dc: bench
o: Bench

dn: ou=people,dc=bench,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=bench,dc=example
objectClass: organizationalUnit
ou: groups

dn: cn=brokerd,dc=bench,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: brokerd
userPassword: a password of the service
";
