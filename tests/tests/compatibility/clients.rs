//! The clients: how each is asked who it is, and which release it is.

use std::process::Command;

use serde_json::Value;
use tests::ended::{self, Ended};
use tests::installed;
use tests::python;

/// A program of AWS's, or one that asks by an SDK of AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Client {
    NewestCli,
    OlderCli,
    Boto3,
    JavaScript,
    Rust,
    Go,
}

impl Client {
    pub(crate) const ALL: [Self; 6] =
        [Self::NewestCli, Self::OlderCli, Self::Boto3, Self::JavaScript, Self::Rust, Self::Go];

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::NewestCli => "aws-cli",
            Self::OlderCli => "older-aws-cli",
            Self::Boto3 => "boto3",
            Self::JavaScript => "javascript",
            Self::Rust => "rust",
            Self::Go => "go",
        }
    }

    /// Its name and release, as it says itself.
    pub(crate) fn title(self) -> String {
        match self {
            Self::NewestCli | Self::OlderCli => {
                let said = run(self, python::Client::new().command(&self.program()), &["--version"]).succeeded();
                // `aws-cli/2.38.5 Python/3.14.6 …`
                format!("AWS CLI {}", between(&said, "aws-cli/", " "))
            }
            Self::Boto3 => {
                let said = python::Client::new().boto3("print(json.dumps(boto3.__version__))").json();
                format!("boto3 {}", said.as_str().unwrap())
            }
            Self::JavaScript => {
                let package = self.program().with_file_name("node_modules/@aws-sdk/client-sts/package.json");
                let package: Value = serde_json::from_str(&std::fs::read_to_string(package).unwrap()).unwrap();
                format!("SDK for JavaScript {}", package["version"].as_str().unwrap())
            }
            Self::Rust => {
                let lock: toml::Table = LOCK_OF_THE_RUST_CLIENT.parse().unwrap();
                let package = |it: &&toml::Value| it["name"].as_str() == Some("aws-config");
                let version = lock["package"].as_array().unwrap().iter().find(package).unwrap()["version"].clone();
                format!("SDK for Rust, `aws-config` {}", version.as_str().unwrap())
            }
            Self::Go => {
                let said = run(self, python::Client::new().command(&self.program()), &["version"]).succeeded();
                format!("SDK for Go v2, in rclone {}", between(&said, "rclone v", "\n"))
            }
        }
    }

    /// Asks AWS at this address, on somebody's machine; all but one print who they are.
    pub(crate) fn asks(self, machine: &python::Client, aws: &str) -> Ended {
        self.asks_with(machine, None, aws)
    }

    /// The same with this profile.
    pub(crate) fn asks_with(self, machine: &python::Client, profile: Option<&str>, aws: &str) -> Ended {
        let (mut program, arguments) = self.question(machine, aws);
        program.envs(profile.map(|profile| ("AWS_PROFILE", profile)));
        run(self, program, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What it prints of somebody whom AWS takes for `arn`.
    pub(crate) fn answer(self, arn: &str) -> String {
        match self {
            Self::Go => "reports".to_owned(),
            _ => arn.to_owned(),
        }
    }

    /// What AWS is asked.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::Go => "ListBuckets",
            _ => "GetCallerIdentity",
        }
    }

    fn question(self, machine: &python::Client, aws: &str) -> (Command, Vec<String>) {
        let owned = |arguments: &[&str]| arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut command = machine.command(&self.program());
        command.env("AWS_ENDPOINT_URL_STS", aws);
        match self {
            Self::NewestCli | Self::OlderCli => {
                (command, owned(&["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]))
            }
            Self::Boto3 => {
                (command, owned(&["-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"]))
            }
            Self::JavaScript => {
                let mut node = machine.command(&installed::node());
                node.env("AWS_ENDPOINT_URL_STS", aws).arg(self.program());
                (node, Vec::new())
            }
            Self::Rust => (command, Vec::new()),
            Self::Go => {
                command.env("RCLONE_CONFIG", machine.home().join("rclone.conf"));
                let remote = format!(":s3,provider=AWS,env_auth=true,region=eu-central-1,endpoint='{aws}':");
                (command, owned(&["lsd", &remote, "--retries=1", "--low-level-retries=1"]))
            }
        }
    }

    pub(crate) fn program(self) -> std::path::PathBuf {
        match self {
            Self::NewestCli => installed::aws(),
            Self::OlderCli => installed::older_aws(),
            Self::Boto3 => installed::python(),
            Self::JavaScript => installed::javascript_client(),
            Self::Rust => installed::rust_client(),
            Self::Go => installed::rclone(),
        }
    }
}

fn run(client: Client, mut command: Command, arguments: &[&str]) -> Ended {
    command.args(arguments);
    ended::run(client.slug(), command, "")
}

fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} in {rest}")).0.to_owned()
}

const LOCK_OF_THE_RUST_CLIENT: &str = include_str!("../../clients/rust/Cargo.lock");
