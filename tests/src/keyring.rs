//! A desktop's keyring: GNOME's, on a message bus of its own.

use std::process::Command;
use std::time::Duration;

use crate::forgetful::Forgetful;
use crate::process::{INPUT, Process, Signal, new_folder};
use crate::{ended, environment, installed};

/// A bus with a keyring on it. Dropped, both are gone.
#[derive(Debug)]
pub struct Keyring {
    _daemon: Daemon,
    bus: Bus,
}

#[derive(Debug)]
enum Daemon {
    Gnomes { _process: Process },
    Forgetful { _service: Forgetful },
}

#[derive(Debug)]
struct Bus(Process);

impl Keyring {
    /// One that was unlocked when somebody signed in to the desktop.
    pub fn unlocked() -> Self {
        let bus = Bus::start();
        let daemon = bus.keyring(&["--unlock"]);
        Self { _daemon: Daemon::Gnomes { _process: daemon }, bus }
    }

    /// One that takes what it is given, and does not give it back.
    pub fn forgetful() -> Self {
        let bus = Bus::start();
        let service = Forgetful::on(&bus.address());
        Self { _daemon: Daemon::Forgetful { _service: service }, bus }
    }

    /// The same keyring after its owner has locked it; nobody is there to be asked for the password.
    #[must_use]
    pub fn locked(self) -> Self {
        let Self { _daemon: daemon, bus } = self;
        drop(daemon);
        bus.wait_for_secrets(false);
        let daemon = bus.keyring(&[]);
        Self { _daemon: Daemon::Gnomes { _process: daemon }, bus }
    }

    /// What leads programs to it: the variable of the environment, and its value.
    pub fn variable(&self) -> (&'static str, String) {
        (VARIABLE, self.bus.address())
    }

    /// The labels and attributes of what is in it, and no secret.
    pub fn items(&self) -> String {
        let path = "/org/freedesktop/secrets/collection/login";
        let get = ["org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Items"];
        self.bus.ask("org.freedesktop.secrets", path, &get)
    }
}

impl Bus {
    fn start() -> Self {
        let folder = new_folder();
        let mut command = environment::command(installed::program("dbus-daemon"));
        let address = format!("unix:path={}", folder.path().join("bus").display());
        command.args(["--session", "--nofork", "--nopidfile"]).arg(format!("--address={address}"));
        let bus = Self(Process::start_in(folder, "dbus-daemon", command, Signal::TERM));
        bus.0.wait_for("open its socket", || bus.0.folder().join("bus").exists().then_some(()));
        bus
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.0.folder().join("bus").display())
    }

    fn keyring(&self, more: &[&str]) -> Process {
        let folder = new_folder();
        std::fs::write(folder.path().join(INPUT), "the desktop's password").unwrap();
        let mut command = self.command("gnome-keyring-daemon");
        // What it keeps lies beside the bus: it outlives the daemon.
        command.env("HOME", self.0.folder()).args(["--foreground", "--components=secrets"]).args(more);
        let daemon = Process::start_in(folder, "gnome-keyring-daemon", command, Signal::TERM);
        self.wait_for_secrets(true);
        daemon
    }

    fn wait_for_secrets(&self, there: bool) {
        let question = ["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"];
        self.0.wait_for("have the keyring on it, or not", || {
            let answer = self.ask("org.freedesktop.DBus", "/org/freedesktop/DBus", &question);
            std::thread::sleep(Duration::from_millis(20));
            answer.contains(&format!("boolean {there}")).then_some(())
        });
    }

    fn ask(&self, whom: &str, path: &str, question: &[&str]) -> String {
        let mut command = self.command("dbus-send");
        command.args(["--session", "--print-reply", &format!("--dest={whom}"), path]).args(question);
        ended::run("dbus-send", command, "").succeeded()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = environment::command(installed::program(program));
        command.env(VARIABLE, self.address());
        command
    }
}

const VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";
