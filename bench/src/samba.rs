//! Samba's domain controller as a process of its own, where it is installed: an Active Directory with somebody in groups in groups.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::child::Running;
use crate::part;

/// A server that answers, on the usual ports of an address of its own. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Samba {
    _running: Running,
    _folder: TempDir,
    address: Ipv4Addr,
}

impl Samba {
    /// Nothing where it is not installed, or cannot run: it does as root only. Making the domain takes most of a minute.
    pub(crate) fn start(parent: &Path, groups: usize) -> anyhow::Result<Option<Self>> {
        let programs = [found("samba"), found("samba-tool"), found("python3")];
        let [Some(samba), Some(tool), Some(python)] = programs else { return Ok(None) };
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("brokerd-bench-").tempdir_in(parent)?;
        let (at, address) = (folder.path(), own_address());
        let mut provision = Command::new(tool);
        provision.args(["domain", "provision", "--server-role=dc", "--dns-backend=NONE", "--host-name=dc1"]);
        provision.args([&format!("--realm={REALM}"), "--domain=BENCH", "--option=server services=ldap"]);
        provision.args([&format!("--adminpass={PASSWORD}"), &format!("--host-ip={address}")]);
        provision.args([&format!("--option=interfaces={address}/8"), "--option=bind interfaces only=yes"]);
        ended(provision.arg("--targetdir").arg(at))?;
        let configuration = at.join("smb.conf");
        fs::write(&configuration, text(at, address))?;
        let script = at.join("nested_groups.py");
        fs::write(&script, SCRIPT)?;
        ended(Command::new(python).arg(script).arg(&configuration).args([&groups.to_string(), PASSWORD]))?;
        let mut command = part::other(&samba)?;
        // All in one process, which is gone when it has ended.
        command.args(["-F", "--model=single", "--no-process-group", "--debug-stdout", "-s"]).arg(&configuration);
        let log = at.join("samba.log");
        command.stdin(Stdio::null()).stdout(File::create(&log)?).stderr(Stdio::null());
        let mut running = Running::start("samba", command)?;
        let started = Instant::now();
        while TcpStream::connect((address, 389)).is_err() {
            running.still_runs().with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
            ensure!(started.elapsed() < LONGEST_START, "samba does not listen");
            std::thread::sleep(PAUSE);
        }
        Ok(Some(Self { _running: running, _folder: folder, address }))
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }
}

fn found(program: &str) -> Option<PathBuf> {
    // Debian's own Python is the one that has Samba's modules.
    ["/usr/sbin", "/usr/bin"].iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

fn ended(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} fails:\n{said}", command.get_program().display());
    Ok(())
}

/// An address of this machine alone that nobody else uses: its ports are the usual ones.
fn own_address() -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 99, high, low.clamp(1, 254))
}

fn text(folder: &Path, address: Ipv4Addr) -> String {
    let folder = folder.display();
    format!(
        "[global]\nnetbios name = DC1\nrealm = {REALM}\nworkgroup = BENCH\nserver role = active directory domain controller\n\
         server services = ldap\ninterfaces = {address}/8\nbind interfaces only = yes\nprivate dir = {folder}/private\n\
         state directory = {folder}/state\ncache directory = {folder}/cache\nlock directory = {folder}\npid directory = {folder}\n\
         ncalrpc dir = {folder}/ncalrpc\nlog file = {folder}/log\nldap server require strong auth = no\n"
    )
}

pub(crate) const PEOPLE: &str = "OU=People,DC=bench,DC=example";
pub(crate) const GROUPS: &str = "OU=Groups,DC=bench,DC=example";
/// Everybody's, also of the account that asks, which is `brokerd`.
pub(crate) const PASSWORD: &str = "A passw0rd of the bench";

const REALM: &str = "BENCH.EXAMPLE";
const SCRIPT: &str = include_str!("nested_groups.py");
const LONGEST_START: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);
