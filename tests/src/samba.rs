//! A throw-away Active Directory: Samba's domain controller, with people and groups as they are met there.

use std::fs::{File, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use aws_lc_rs::digest::{SHA256, digest};

use crate::certificates::Authority;
use crate::ended::{self, Ended};
use crate::process::{Process, Signal, new_folder};
use crate::{environment, installed};

/// A running domain controller, on the usual ports of an address of its own. Dropped, it is gone.
#[derive(Debug)]
pub struct Samba {
    process: Process,
    address: Ipv4Addr,
    ca_pem: String,
}

impl Samba {
    /// The one that all tests of a program share, who leave it as they found it; beside those to whom something happens there, each in one story.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Samba> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    pub fn start() -> Self {
        assert!(rustix::process::geteuid().is_root(), "Samba's domain controller runs as root only");
        let folder = new_folder();
        let address = own_address();
        copy(&template(), folder.path());
        let authority = Authority::new();
        let signed = authority.sign_for(vec![address.to_string()]);
        std::fs::write(folder.path().join("server.pem"), signed.certificate).unwrap();
        let key = folder.path().join("server.key");
        std::fs::write(&key, signed.key).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let ca_pem = authority.pem().to_owned();
        std::fs::write(folder.path().join("ca.pem"), &ca_pem).unwrap();
        write_configuration(folder.path(), address);
        let mut command = environment::command(installed::program("samba"));
        // Its own process group is the one that is ended with it.
        command.args(["-F", "--no-process-group", "--debug-stdout", "-s"]).arg(folder.path().join(CONFIGURATION));
        let process = Process::start_in(folder, "samba", command, Signal::TERM);
        process.wait_for("listen", || {
            assert!(!process.has_ended(), "samba ends at once:\n{}{}", process.stdout(), process.stderr());
            TcpStream::connect((address, 636)).ok()
        });
        Self { process, address, ca_pem }
    }

    pub fn ldap_url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    pub fn ldaps_url(&self) -> String {
        format!("ldaps://{}", self.address)
    }

    /// Where it takes LDAP without TLS.
    pub fn address(&self) -> (Ipv4Addr, u16) {
        (self.address, 389)
    }

    /// The certificate of the authority that signed the server's.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Changes the directory as its administrator, by LDIF.
    pub fn modify(&self, ldif: &str) {
        let mut command = environment::command(installed::program("ldapmodify"));
        command.args(["-x", "-H", &self.ldap_url(), "-D", &format!("CN=Administrator,CN=Users,{SUFFIX}")]);
        command.args(["-w", ADMINISTRATORS_PASSWORD]);
        ended::run("ldapmodify", command, ldif).succeeded();
    }

    /// Sets one attribute of a person, or takes it away.
    pub fn set(&self, name: &str, attribute: &str, value: &str) {
        let line = if value.is_empty() { String::new() } else { format!("{attribute}: {value}\n") };
        self.modify(&format!("dn: CN={name},{PEOPLE}\nchangetype: modify\nreplace: {attribute}\n{line}"));
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A domain that is filled and not served: made once for a version of Samba and of the people, which takes a minute.
fn template() -> PathBuf {
    let version = run("samba", &["--version"]).succeeded();
    let sum = digest(&SHA256, [PEOPLE_SCRIPT.as_bytes(), version.as_bytes()].concat().as_slice());
    let cache = installed::cache();
    std::fs::create_dir_all(&cache).unwrap();
    let made = cache.join(format!("samba-{}", &hex::encode(sum)[..16]));
    // One at a time: several programs may want it.
    let lock = File::create(cache.join("samba.lock")).unwrap();
    lock.lock().unwrap();
    if !made.exists() {
        let folder = cache.join("samba.new");
        let _ = std::fs::remove_dir_all(&folder);
        provision(&folder);
        std::fs::rename(&folder, &made).unwrap();
    }
    made
}

fn provision(folder: &Path) {
    let options = [
        &format!("--targetdir={}", folder.display()),
        "--realm=AD.CORP.EXAMPLE",
        "--domain=CORP",
        &format!("--adminpass={ADMINISTRATORS_PASSWORD}"),
        "--server-role=dc",
        "--dns-backend=NONE",
        "--host-name=dc1",
        "--host-ip=127.0.0.10",
        "--option=interfaces=127.0.0.10/8",
        "--option=bind interfaces only=yes",
        "--option=server services=ldap",
    ];
    run("samba-tool", &[&["domain", "provision"], &options[..]].concat()).succeeded();
    write_configuration(folder, Ipv4Addr::LOCALHOST);
    let script = folder.join("people.py");
    std::fs::write(&script, PEOPLE_SCRIPT).unwrap();
    // Debian's own Python: the one that has Samba's modules.
    let conf = folder.join(CONFIGURATION).display().to_string();
    run("/usr/bin/python3", &[&script.display().to_string(), &conf]).succeeded();
}

/// Runs a program for as long as it takes, which may be minutes where others compute.
fn run(program: &str, arguments: &[&str]) -> Ended {
    let path = if program.starts_with('/') { program.into() } else { installed::program(program) };
    let output = environment::command(path).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn copy(from: &Path, to: &Path) {
    let mut command: Command = environment::command("cp");
    command.arg("-a").arg(from.join(".")).arg(to);
    assert!(command.status().unwrap().success(), "cp fails");
}

fn write_configuration(folder: &Path, address: Ipv4Addr) {
    let folder = folder.display();
    let text = format!(
        r"[global]
netbios name = DC1
realm = AD.CORP.EXAMPLE
workgroup = CORP
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
log file = {folder}/log
ldap server require strong auth = no
tls certfile = {folder}/server.pem
tls keyfile = {folder}/server.key
tls cafile = {folder}/ca.pem
"
    );
    std::fs::write(Path::new(&folder.to_string()).join(CONFIGURATION), text).unwrap();
}

/// An address of this machine alone that nobody else uses: its ports are the usual ones.
fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 100 + COUNT.fetch_add(1, Ordering::Relaxed) % 100, high, low.clamp(1, 254))
}

pub const SUFFIX: &str = "DC=ad,DC=corp,DC=example";
pub const PEOPLE: &str = "OU=People,DC=ad,DC=corp,DC=example";
pub const GROUPS: &str = "OU=Groups,DC=ad,DC=corp,DC=example";

/// The account that a broker searches with.
pub const SERVICE: &str = "CN=Brokerd,OU=People,DC=ad,DC=corp,DC=example";
pub const SERVICE_PASSWORD: &str = "brokerd Secret 1";

const ADMINISTRATORS_PASSWORD: &str = "The-r00t-of-all";
const CONFIGURATION: &str = "smb.conf";
const PEOPLE_SCRIPT: &str = include_str!("../fixtures/samba_people.py");
