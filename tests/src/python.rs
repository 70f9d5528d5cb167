//! AWS's own clients, unmodified: boto3 and the AWS CLI, alone or in a script, in a clean environment and with an empty home.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::ended::{self, Ended};
use crate::{environment, installed, process};

/// A person at a machine that knows nothing of AWS but what the test tells it.
#[derive(Debug)]
pub struct Client {
    cli: PathBuf,
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Client {
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let fixed = [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_PAGER", ""), ("AWS_DEFAULT_REGION", "us-east-1")];
        let client = Self { cli: installed::aws(), home: process::new_folder(), variables: Vec::new() };
        fixed.iter().fold(client, |client, (name, value)| client.with(name, value))
    }

    /// A client that sends every call to this address.
    pub fn at(endpoint: &str) -> Self {
        Self::new().with("AWS_ENDPOINT_URL", endpoint)
    }

    /// With another release of the AWS CLI than the newest.
    #[must_use]
    pub fn by(self, cli: PathBuf) -> Self {
        Self { cli, ..self }
    }

    /// Sets a variable of the environment; the last value counts.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn with_keys(self, key_id: &str, secret: &str, session_token: Option<&str>) -> Self {
        let client = self.with("AWS_ACCESS_KEY_ID", key_id).with("AWS_SECRET_ACCESS_KEY", secret);
        match session_token {
            Some(token) => client.with("AWS_SESSION_TOKEN", token),
            None => client,
        }
    }

    /// Where `.aws/config` would lie.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs the AWS CLI, as in `client.aws(&["sts", "get-caller-identity"])`; it answers in JSON.
    pub fn aws(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command(&self.cli);
        command.args(["--output", "json"]).args(arguments);
        ended::run("aws", command, "")
    }

    /// Runs a Python program that finds `boto3` and `json` imported.
    pub fn boto3(&self, program: &str) -> Ended {
        let mut command = self.command(&installed::python());
        command.args(["-c", &format!("import boto3, json\n{program}")]);
        ended::run("boto3", command, "")
    }

    /// Runs a script of a shell that finds the AWS CLI, which answers in JSON; with `input` on its standard input.
    pub fn bash(&self, script: &str, input: &str) -> Ended {
        let mut command = self.command(&installed::program("bash"));
        let path = format!("{}:/usr/bin:/bin", self.cli.parent().unwrap().display());
        command.env("PATH", path).env("AWS_DEFAULT_OUTPUT", "json").args(["-c", script]);
        ended::run("bash", command, input)
    }

    /// Runs a Python file, with `input` on its standard input.
    pub fn python(&self, file: &Path, input: &str) -> Ended {
        let mut command = self.command(&installed::python());
        command.arg(file);
        ended::run("python", command, input)
    }

    /// A command with this client's environment, for whatever else there is to run.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = environment::command(program);
        command.env("HOME", self.home()).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}
