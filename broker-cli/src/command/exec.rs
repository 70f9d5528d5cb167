//! `broker exec`: runs a program with credentials, and ends as it does.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Args;

use super::wanting::Wanting;
use crate::failure::{Failure, Next};
use crate::holder::{TOKEN, TOKEN_FILE};
use crate::site::Site;
use crate::text::Text;

/// Run a program with credentials
///
/// It sees nothing of other AWS credentials and profiles, nor of the broker's token. Ends with the program's own exit code.
#[derive(Debug, Args)]
pub(super) struct Exec {
    #[command(flatten)]
    wanting: Wanting,
    /// Hand the credentials over in variables: they end when they end
    #[arg(long, required = true)]
    env: bool,
    /// The program and its arguments, behind `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    pub(super) async fn run(self, site: &Site) -> Result<ExitCode, Failure> {
        let wanted = self.wanting.wanted()?;
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Err(Failure::usage("no program is named", "name it behind `--`"));
        };
        let lent = wanted.lend(site).await?;
        let mut command = bare(program, arguments);
        command.envs(lent.variables()).env("BROKER_CONNECTOR", lent.connector.as_str());
        become_it(command)
    }
}

/// The program, without whatever else could tell it who to be in AWS.
fn bare(program: &OsString, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for name in OTHERS.iter().chain(&[TOKEN, TOKEN_FILE]) {
        command.env_remove(name);
    }
    command
}

/// The program takes our place: signals, terminal and exit code are its own.
#[cfg(unix)]
fn become_it(mut command: Command) -> Result<ExitCode, Failure> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(not_started(&command, &error))
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result<ExitCode, Failure> {
    let status = command.status().map_err(|error| not_started(&command, &error))?;
    // There a code has 32 bits, of which a shell sees the lowest eight as well.
    Ok(status.code().and_then(|code| u8::try_from(code & 0xff).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let program = Text::of(&command.get_program().to_string_lossy());
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(Next::NoProgram, format!("there is no program `{program}`"), "see to its name and to PATH")
        }
        _ => Failure::new(Next::CannotStart, format!("`{program}` cannot be started: {error}"), "see to the program"),
    }
}

/// By these AWS's clients would take other credentials, or take ours for another account's.
const OTHERS: [&str; 17] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_ACCOUNT_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];
