//! The `broker` command as a process, on a machine of its own, in front of a broker.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod agent;
mod ahead;
mod browser;
mod cached;
mod configured;
mod console;
mod cut_off;
mod doctor;
mod ecr;
mod formats;
mod hostile;
mod json;
mod keyring;
mod mfa;
mod picker;
mod running;
mod setup;
mod shown;
mod signing_in;
mod signing_out;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::brokerd::program;
use tests::ended::{self, Ended};
use tests::process::Process;
use tests::python::Client;
use tests::terminal::{self, Terminal};
use tests::world::{World, password_of};

/// Somebody's machine: an empty home, and the variables that their shell has.
struct Machine(Client);

impl Machine {
    /// One that knows where the broker is.
    fn before(world: &World) -> Self {
        Self(Client::at(&world.sim.endpoint())).with("BROKER_URL", &world.brokerd.url())
    }

    /// The same, where this person has signed in.
    fn of(world: &World, username: &str) -> Self {
        let machine = Self::before(world);
        machine.sign_in(username).succeeded();
        machine
    }

    fn with(self, name: &str, value: &str) -> Self {
        Self(self.0.with(name, value))
    }

    fn sign_in(&self, username: &str) -> Ended {
        self.run_with(&["login", "--username", username], &password_of(username))
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.0.command(&program("broker"));
        command.args(arguments);
        ended::run(&format!("broker {}", arguments.join(" ")), command, input)
    }

    /// Runs a line of another program's, which finds `broker` by its name.
    fn shell(&self, shell: &str, line: &str) -> Ended {
        ended::run(shell, self.in_shell(shell, line), "")
    }

    /// The same, which goes on until it is dropped, with all that it started.
    fn begin(&self, shell: &str, line: &str) -> Process {
        Process::start(shell, self.in_shell(shell, line))
    }

    fn in_shell(&self, shell: &str, line: &str) -> Command {
        let mut command = self.0.command(&tests::installed::program(shell));
        command.env("PATH", with_broker()).args(["-c", line]);
        command
    }

    /// Runs a subcommand on a terminal.
    fn on_terminal(&self, subcommand: &str) -> Process {
        terminal::start("broker on a terminal", &self.at_once(&[program("broker").to_str().unwrap(), subcommand]), "")
    }

    /// Sits down at a terminal and runs a program there, which finds `broker` by its name.
    fn sit_down(&self, words: &[&str]) -> Terminal {
        Terminal::with(words.join(" ").as_str(), &self.at_once(words))
    }

    fn at_once(&self, words: &[&str]) -> Command {
        let mut command = self.0.command(Path::new(words[0]));
        command.env("PATH", with_broker()).args(&words[1..]);
        terminal::named(&command)
    }

    /// Where sessions and the cache's key are.
    fn state(&self) -> PathBuf {
        self.0.home().join(".local/state/broker")
    }

    fn cache(&self) -> PathBuf {
        self.0.home().join(".cache/broker")
    }

    /// The sealed credentials that are kept.
    fn sealed(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.cache()).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "sealed")).collect()
    }

    /// The file with the session.
    fn session(&self) -> PathBuf {
        let mut kept = std::fs::read_dir(self.state()).unwrap().flatten().map(|entry| entry.path());
        kept.find(|path| path.extension().is_some_and(|extension| extension == "json")).unwrap()
    }

    /// The token of whoever is signed in.
    fn token(&self) -> String {
        let kept: Value = serde_json::from_slice(&std::fs::read(self.session()).unwrap()).unwrap();
        kept["token"].as_str().unwrap().to_owned()
    }
}

/// Where `broker` and `aws` are found before others.
fn with_broker() -> String {
    let (broker, aws) = (program("broker"), tests::installed::aws());
    let path = std::env::var("PATH").unwrap();
    format!("{}:{}:{path}", broker.parent().unwrap().display(), aws.parent().unwrap().display())
}

/// The exit code and what was said, of something that failed.
fn refused(ended: &Ended) -> (i32, &str) {
    assert_eq!(ended.stdout, "", "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "one line, for AWS's clients show no more: {}", ended.stderr);
    (ended.status.code().unwrap(), ended.stderr.trim_end())
}

/// How often credentials were lent for a connector.
fn vends(world: &World, connector: &str) -> usize {
    world.trail().iter().filter(|record| record["action"] == "vend" && record["connector"] == connector).count()
}
