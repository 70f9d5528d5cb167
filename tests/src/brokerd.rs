//! brokerd as a process: an installation in a folder of its own, the daemon on a free port, and subcommands beside it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::ended::{self, Ended};
use crate::environment;
use crate::process::{Process, Signal, new_folder};

/// A folder with a configuration, not served yet.
#[derive(Debug)]
pub struct Installation {
    folder: TempDir,
    port: u16,
}

/// A served installation.
#[derive(Debug)]
pub struct Brokerd {
    installation: Installation,
    daemon: Process,
}

impl Installation {
    /// Writes `brokerd.toml` with a master key, SQLite and what `more` says (top-level keys first, then tables), and
    /// `connectors.toml`.
    pub fn new(more: &str, connectors: &str) -> Self {
        Self::with_store("\"sqlite:brokerd.db\"", more, connectors)
    }

    /// The same on another store; `url` is a TOML string, followed by further keys of `store` if need be.
    pub fn with_store(url: &str, more: &str, connectors: &str) -> Self {
        let here = Self { folder: new_folder(), port: free_port() };
        let port = here.port;
        let (keys, tables) =
            more.split_once("\n[").map_or((more, String::new()), |(keys, rest)| (keys, format!("[{rest}")));
        here.write(
            "brokerd.toml",
            &format!(
                "public_url = \"http://127.0.0.1:{port}\"\nconnectors_file = \"connectors.toml\"\n\
                 listen = {{ address = \"127.0.0.1:{port}\" }}\nstore = {{ url = {url} }}\n{keys}\n\
                 [[master_key]]\nid = \"test\"\nseals = true\nsource = {{ file = \"master.key\" }}\n{tables}\n"
            ),
        );
        here.write("connectors.toml", connectors);
        here.write("master.key", MASTER_KEY);
        here
    }

    /// Writes a file that only its owner can read.
    pub fn write(&self, name: &str, contents: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Changes one place of a file, which must be there.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no `{from}`:\n{text}");
        self.write(name, &text.replacen(from, to, 1));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A subcommand, ready to run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = environment::command(binary());
        command.arg("--config").arg(self.path("brokerd.toml")).args(arguments);
        command
    }

    /// Runs a subcommand to its end, with `input` on standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Ended {
        ended::run(&format!("brokerd {}", arguments.join(" ")), self.command(arguments), input)
    }

    /// Starts the daemon and waits until it answers.
    pub fn serve(self) -> Brokerd {
        self.serve_under(&[])
    }

    /// The same, below another program such as `strace -f -o FILE`.
    pub fn serve_under(self, wrapper: &[&str]) -> Brokerd {
        let command = match wrapper {
            [] => self.command(&["serve"]),
            [program, arguments @ ..] => {
                let mut command = environment::command(Path::new(program));
                let served = self.command(&["serve"]);
                command.args(arguments).arg(served.get_program()).args(served.get_args());
                command
            }
        };
        self.started(command)
    }

    /// Starts the daemon with more variables in its environment.
    pub fn serve_with(self, variables: &[(&str, &str)]) -> Brokerd {
        let mut command = self.command(&["serve"]);
        command.envs(variables.iter().copied());
        self.started(command)
    }

    fn started(self, command: Command) -> Brokerd {
        let daemon = Process::start_in(new_folder(), "brokerd", command, Signal::TERM);
        daemon.wait_for_port(self.port);
        Brokerd { installation: self, daemon }
    }
}

impl Brokerd {
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    pub fn url(&self) -> String {
        self.installation.url()
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.daemon
    }

    /// The daemon's process.
    pub fn id(&self) -> u32 {
        self.daemon.id()
    }

    /// The most memory that the daemon has held so far, as the kernel tells it.
    pub fn peak_memory_kib(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Runs a subcommand beside the daemon.
    pub fn run(&self, arguments: &[&str], input: &str) -> Ended {
        self.installation.run(arguments, input)
    }

    /// What the daemon has logged so far.
    pub fn log(&self) -> String {
        self.daemon.stderr()
    }

    /// Ends the daemon politely and gives the installation back.
    pub fn stop(self) -> Installation {
        let Self { installation, mut daemon } = self;
        daemon.stop();
        installation
    }
}

/// The daemon that was built beside these tests.
pub fn binary() -> PathBuf {
    program("brokerd")
}

/// One of our programs that was built beside these tests.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap().join(name);
    assert!(
        built.exists(),
        "{} is not there: build it first (./tests/run does), `cargo build -p {name}`",
        built.display()
    );
    built
}

/// Chosen before it is used, so from below those that the system gives to clients and to whoever asks for port 0.
pub fn free_port() -> u16 {
    // Somebody else here may have been given one, and not have come to use it.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let chosen = |_| 10_000 + u16::try_from(uuid::Uuid::new_v4().as_u128() % 20_000).unwrap();
    let is_free = |port: &u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
            && GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(*port)
    };
    (0..100).map(chosen).find(is_free).expect("no port is free")
}

const MASTER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=\n";
