//! A throw-away PostgreSQL: one server for each test process, a fresh database for each test.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use url::Url;
use uuid::Uuid;

use crate::certificates::Signed;
use crate::ended::{self, Ended};
use crate::process::{Process, Signal, new_folder};
use crate::{environment, installed};

/// The URL of a fresh, empty database and of a role that owns it and may do nothing else.
///
/// The server is started at the first call and ends with the test process. `BROKERD_TEST_POSTGRES` may name another one, by the
/// URL of a superuser: the databases made there stay.
pub fn database(name: &str) -> String {
    shared().database(name)
}

/// The URL of a superuser of the same server.
pub fn admin_url() -> String {
    shared().admin_url().to_owned()
}

fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::given_or_started)
}

/// A server.
#[derive(Debug)]
pub struct Postgres {
    /// A superuser's URL.
    admin: Url,
    /// Nothing if the server was given.
    process: Option<Process>,
}

impl Postgres {
    fn given_or_started() -> Self {
        match std::env::var(GIVEN) {
            Ok(url) => Self { admin: url.parse().expect("BROKERD_TEST_POSTGRES must be a URL"), process: None },
            Err(_) => Self::start(),
        }
    }

    /// Starts a server of its own on a free port of the loopback address, durable as in production; gone when dropped.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// The same, speaking TLS with whoever asks for it.
    pub fn start_with_tls(certificate: &Signed) -> Self {
        Self::start_with(Some(certificate))
    }

    fn start_with(certificate: Option<&Signed>) -> Self {
        // Between finding a free port and using it somebody else may have taken it.
        (0..PORTS_TRIED).find_map(|_| Self::start_on(free_port(), certificate)).expect("PostgreSQL finds no free port")
    }

    fn start_on(port: u16, certificate: Option<&Signed>) -> Option<Self> {
        let folder = new_folder();
        let password = Uuid::new_v4().to_string();
        make_cluster(folder.path(), &password);
        let mut command = as_postgres("postgres");
        command.arg("-D").arg(folder.path().join("data")).arg("-k").arg(folder.path());
        command.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"]);
        if let Some(Signed { certificate, key }) = certificate {
            for (setting, name, pem) in [("ssl_cert_file", "tls.pem", certificate), ("ssl_key_file", "tls.key", key)] {
                write_for_postgres(&folder.path().join("data").join(name), pem);
                command.args(["-c", &format!("{setting}={name}")]);
            }
            command.args(["-c", "ssl=on"]);
        }
        // INT: end at once, and in good order. TERM would wait for every connection to be closed.
        let process = Process::start_in(folder, "postgres", command, Signal::INT);
        process.line_before_end("database system is ready to accept connections").or_else(|| {
            let errors = process.stderr();
            assert!(errors.contains("Address already in use"), "PostgreSQL does not start:\n{errors}");
            None
        })?;
        let admin = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres").parse().unwrap();
        Some(Self { admin, process: Some(process) })
    }

    pub fn admin_url(&self) -> &str {
        self.admin.as_str()
    }

    /// The program, if it was started here.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// As the function of that name, on this server.
    pub fn database(&self, name: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name: String = name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).collect();
        let name = name.get(..LONGEST).unwrap_or(&name).to_ascii_lowercase();
        let unique = format!("{name}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let password = Uuid::new_v4();
        psql(self.admin_url(), &format!(r#"CREATE ROLE "{unique}" LOGIN PASSWORD '{password}'"#)).succeeded();
        psql(self.admin_url(), &format!(r#"CREATE DATABASE "{unique}" OWNER "{unique}""#)).succeeded();
        let mut url = self.admin.clone();
        url.set_username(&unique).unwrap();
        url.set_password(Some(&password.to_string())).unwrap();
        url.set_path(&unique);
        url.into()
    }
}

/// Asks a database, by PostgreSQL's own client; prints bare values.
pub fn psql(url: &str, statement: &str) -> Ended {
    let url: Url = url.parse().unwrap();
    let mut command = environment::command(installed::postgres("psql"));
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--file=-"]);
    // Not as an argument, which anybody could read.
    command.env("PGPASSWORD", url.password().unwrap_or_default()).env("PGUSER", url.username());
    command.env("PGHOST", url.host_str().unwrap()).env("PGPORT", url.port().unwrap_or(5432).to_string());
    command.env("PGDATABASE", url.path().trim_start_matches('/'));
    ended::run("psql", command, statement)
}

/// An empty set of databases in `data`, which only the superuser with this password may enter.
fn make_cluster(folder: &Path, password: &str) {
    let (data, password_file) = (folder.join("data"), folder.join("password"));
    std::fs::write(&password_file, password).unwrap();
    if is_root() {
        let (user, group) = postgres_user();
        for path in [folder, &password_file] {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }
    let mut command = as_postgres("initdb");
    command.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    command.arg("--pwfile").arg(&password_file).arg("--pgdata").arg(&data);
    ended::run("initdb", command, "").succeeded();
    std::fs::remove_file(password_file).unwrap();
}

/// A file that it alone can read, as it demands of its key.
fn write_for_postgres(path: &Path, contents: &str) {
    std::fs::write(path, contents).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    if is_root() {
        let (user, group) = postgres_user();
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// One of its programs, which refuse to be run by root.
fn as_postgres(program: &str) -> Command {
    let program = installed::postgres(program);
    if !is_root() {
        return environment::command(program);
    }
    let (user, group) = postgres_user();
    let mut command = environment::command(installed::program("setpriv"));
    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).args(["--clear-groups", "--"]).arg(program);
    // The folder that the tests run in may be closed to that user.
    command.current_dir("/");
    command
}

/// The user that Debian's package made.
fn postgres_user() -> (u32, u32) {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let account = accounts.lines().find(|line| line.starts_with("postgres:")).expect("there must be a user `postgres`");
    let mut ids = account.split(':').skip(2).map(|id| id.parse().unwrap());
    (ids.next().unwrap(), ids.next().unwrap())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

const GIVEN: &str = "BROKERD_TEST_POSTGRES";
const SUPERUSER: &str = "superuser";
const PORTS_TRIED: usize = 5;
/// PostgreSQL cuts names at 63 bytes; the numbers that make them unique need some.
const LONGEST: usize = 40;
