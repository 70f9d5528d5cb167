//! A throw-away OpenLDAP server: TLS by a certificate authority of its own, password policies, groups in both directions.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::certificates::Authority;
use crate::ended::{self, Ended};
use crate::process::{Process, Signal, new_folder};
use crate::{environment, installed};

/// A running server. Dropped, it is gone.
#[derive(Debug)]
pub struct Slapd {
    process: Process,
    port: u16,
    tls_port: u16,
    ca_pem: String,
}

/// What is unlike the usual server.
#[derive(Clone, Debug)]
pub struct Options {
    pub tls: bool,
    /// For whom the certificate is.
    pub certificate_names: Vec<String>,
    /// On `[::1]` as well, by TLS.
    pub ipv6: bool,
    pub members: Members,
    /// More lines for the top of `slapd.conf`.
    pub global: String,
    /// More lines for its database.
    pub database: String,
    /// More entries (LDIF).
    pub more: String,
}

/// Which overlay knows the groups of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// Written into each entry when a group changes: direct groups only.
    Memberof,
    /// Computed when asked: groups in groups too.
    Dynlist,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: true,
            certificate_names: vec!["127.0.0.1".to_owned()],
            ipv6: false,
            members: Members::Memberof,
            // What a careful administrator sets: no password in plain text.
            global: "security simple_bind=128".to_owned(),
            database: String::new(),
            more: String::new(),
        }
    }
}

impl Slapd {
    /// The usual server, with the usual people.
    pub fn start() -> Self {
        Self::start_with(&Options::default())
    }

    pub fn start_with(options: &Options) -> Self {
        // Between finding a free port and using it somebody else may have taken it.
        let server =
            (0..20).find_map(|_| Self::start_on(free_port(), free_port(), options)).expect("slapd finds no free port");
        server.tool("ldapadd", &[], &format!("{PEOPLE}\n{}", options.more)).succeeded();
        server
    }

    fn start_on(port: u16, tls_port: u16, options: &Options) -> Option<Self> {
        let folder = new_folder();
        let ca_pem = write_certificates(folder.path(), options.certificate_names.clone());
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("slapd.conf"), configuration(folder.path(), options)).unwrap();
        let ldaps = if options.tls { format!("ldaps://127.0.0.1:{tls_port}/") } else { String::new() };
        let ldaps6 = if options.ipv6 { format!("ldaps://[::1]:{tls_port}/") } else { String::new() };
        let mut command = environment::command(installed::program("slapd"));
        command.arg("-f").arg(folder.path().join("slapd.conf"));
        command.arg("-h").arg(format!("ldap://127.0.0.1:{port}/ {ldaps} {ldaps6} {}", socket_url(folder.path())));
        // Stays in the foreground and writes every operation to standard error.
        command.args(["-d", "stats"]);
        let process = Process::start_in(folder, "slapd", command, Signal::INT);
        let server = Self { process, port, tls_port, ca_pem };
        server.process.line_before_end("slapd starting").or_else(|| {
            let errors = server.process.stderr();
            assert!(errors.contains("Address already in use"), "slapd does not start:\n{errors}");
            None
        })?;
        // It says so before it listens.
        let started = Instant::now();
        while UnixStream::connect(server.process.folder().join(SOCKET)).is_err() {
            assert!(started.elapsed() < PATIENCE, "slapd does not listen:\n{}", server.log());
            sleep(PAUSE);
        }
        server.process.wait_for_port(port);
        if options.tls {
            server.process.wait_for_port(tls_port);
        }
        Some(server)
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub fn ldap_url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    pub fn ldaps_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// The same server by IPv6, where the options say so.
    pub fn ldaps_url_by_ipv6(&self) -> String {
        format!("ldaps://[::1]:{}", self.tls_port)
    }

    /// The certificate of the authority that signed the server's.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What the server did so far, a line for each operation and each result.
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    /// How many lines of the log hold this text, by now.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// The same, once there are that many or it is clear that there will not be: an answer is sent before it is logged.
    pub fn logged_when(&self, count: usize, text: &str) -> usize {
        let asked = Instant::now();
        while self.logged(text) < count && asked.elapsed() < PATIENCE {
            sleep(PAUSE);
        }
        self.logged(text)
    }

    /// Changes the directory as its administrator, by LDIF.
    pub fn modify(&self, ldif: &str) {
        self.tool("ldapmodify", &[], ldif).succeeded();
    }

    /// Sets one attribute of a person.
    pub fn set(&self, uid: &str, attribute: &str, value: &str) {
        self.modify(&format!(
            "dn: uid={uid},{USERS}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        ));
    }

    /// One of OpenLDAP's own tools, as the administrator.
    pub fn tool(&self, name: &str, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.stranger(name);
        command.args(["-D", ROOT, "-w", ROOT_PASSWORD]).args(arguments);
        ended::run(name, command, input)
    }

    /// One of OpenLDAP's own tools, as nobody yet, over a socket that counts as safe.
    pub fn stranger(&self, name: &str) -> Command {
        let mut command = environment::command(installed::program(name));
        command.args(["-x", "-H", &socket_url(self.process.folder())]);
        command
    }
}

fn configuration(folder: &Path, options: &Options) -> String {
    let folder = folder.display();
    let mut text = String::new();
    for schema in ["core", "cosine", "nis", "inetorgperson", "dyngroup"] {
        writeln!(text, "include /etc/ldap/schema/{schema}.schema").unwrap();
    }
    writeln!(text, "pidfile {folder}/slapd.pid\nmodulepath /usr/lib/ldap").unwrap();
    for module in ["back_mdb", "memberof", "dynlist", "ppolicy"] {
        writeln!(text, "moduleload {module}").unwrap();
    }
    if options.tls {
        writeln!(text, "TLSCertificateFile {folder}/server.pem\nTLSCertificateKeyFile {folder}/server.key").unwrap();
    }
    let members = match options.members {
        Members::Memberof => "overlay memberof\nmemberof-group-oc groupOfNames",
        Members::Dynlist => "overlay dynlist\ndynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*",
    };
    let Options { global, database, .. } = options;
    write!(
        text,
        r#"
localSSF 256
{global}
database mdb
suffix {SUFFIX}
rootdn {ROOT}
rootpw {ROOT_PASSWORD}
directory {folder}/data
maxsize 67108864
dbnosync
index objectClass,uid,entryUUID eq
access to attrs=userPassword by self =xw by anonymous auth by * none
access to * by dn.exact="{SERVICE}" read by * none
{database}
overlay ppolicy
ppolicy_default cn=default,ou=policies,{SUFFIX}
ppolicy_use_lockout
{members}
"#
    )
    .unwrap();
    text
}

/// Writes a certificate for these names and its key, signed by a new authority; answers the authority's certificate.
fn write_certificates(folder: &Path, names: Vec<String>) -> String {
    let authority = Authority::new();
    let signed = authority.sign_for(names);
    std::fs::write(folder.join("server.pem"), signed.certificate).unwrap();
    std::fs::write(folder.join("server.key"), signed.key).unwrap();
    authority.pem().to_owned()
}

fn socket_url(folder: &Path) -> String {
    format!("ldapi://{}", folder.join(SOCKET).display().to_string().replace('/', "%2F"))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

pub const SUFFIX: &str = "dc=corp,dc=example";
pub const USERS: &str = "ou=people,dc=corp,dc=example";
pub const GROUPS: &str = "ou=groups,dc=corp,dc=example";

/// The account that a broker searches with.
pub const SERVICE: &str = "cn=brokerd,ou=services,dc=corp,dc=example";
pub const SERVICE_PASSWORD: &str = "the service's own password";

const ROOT: &str = "cn=root,dc=corp,dc=example";
const ROOT_PASSWORD: &str = "the-root-of-all";

const SOCKET: &str = "socket";
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Everybody's password is their name and ` secret`: `ada secret`.
const PEOPLE: &str = r"dn: dc=corp,dc=example
objectClass: dcObject
objectClass: organization
dc: corp
o: Corp

dn: ou=people,dc=corp,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=contractors,ou=people,dc=corp,dc=example
objectClass: organizationalUnit
ou: contractors

dn: ou=groups,dc=corp,dc=example
objectClass: organizationalUnit
ou: groups

dn: ou=clubs,dc=corp,dc=example
objectClass: organizationalUnit
ou: clubs

dn: ou=services,dc=corp,dc=example
objectClass: organizationalUnit
ou: services

dn: ou=policies,dc=corp,dc=example
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,dc=corp,dc=example
objectClass: organizationalRole
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdMustChange: TRUE
pwdLockout: TRUE
pwdMaxFailure: 3
pwdLockoutDuration: 600

dn: cn=short,ou=policies,dc=corp,dc=example
objectClass: organizationalRole
objectClass: pwdPolicy
cn: short
pwdAttribute: userPassword
pwdMaxAge: 1

dn: cn=brokerd,ou=services,dc=corp,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: brokerd
userPassword: the service's own password

dn: uid=ada,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
displayName: Ada, Countess of Lovelace
mail: ada@corp.example
employeeNumber: 1
userPassword: ada secret

dn: uid=bob,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Bob
userPassword: bob secret

dn: uid=carol,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: carol
cn: Carol
sn: Carol
employeeType: Left
userPassword: carol secret

dn: uid=fred,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: fred
cn: Fred
sn: Fred
pwdPolicySubentry: cn=short,ou=policies,dc=corp,dc=example
userPassword: fred secret

dn: uid=twin,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: twin
cn: One Twin
sn: Twin
userPassword: twin secret

dn: uid=twin,ou=contractors,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: twin
cn: Other Twin
sn: Twin
userPassword: twin secret

dn: cn=staff,ou=groups,dc=corp,dc=example
objectClass: groupOfNames
cn: staff
member: uid=ada,ou=people,dc=corp,dc=example
member: uid=bob,ou=people,dc=corp,dc=example

dn: cn=Release\, Team,ou=groups,dc=corp,dc=example
objectClass: groupOfNames
cn: Release, Team
member: uid=ada,ou=people,dc=corp,dc=example

dn: cn=chess,ou=clubs,dc=corp,dc=example
objectClass: groupOfNames
cn: chess
member: uid=ada,ou=people,dc=corp,dc=example

dn: cn=unix-ops,ou=groups,dc=corp,dc=example
objectClass: posixGroup
cn: unix-ops
gidNumber: 500
memberUid: ada
";
