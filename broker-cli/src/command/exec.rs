//! `broker exec`: runs a program with credentials, and ends as it does.

use std::ffi::OsString;
#[cfg(unix)]
use std::future::{Ready, ready};
use std::process::{Command, ExitCode, ExitStatus};

use clap::Args;
use clap_complete::ArgValueCompleter;
use tempfile::NamedTempFile;

use super::wanting::Wanting;
use crate::agent::{Lender, Listening, Offer, serve};
use crate::aws_config;
use crate::completing::connectors;
use crate::failure::{Failure, Next};
use crate::holder::{TOKEN, TOKEN_FILE};
use crate::lending::{Code, Wanted};
use crate::name::ConnectorName;
use crate::out;
use crate::picker::named_or_chosen;
use crate::private;
use crate::signals::Signals;
use crate::site::Site;
use crate::text::Text;
use crate::used;

/// Run a program with credentials
///
/// It fetches them from a server on loopback that lives as long as it does, and so gets new ones before the old ones end. It sees nothing
/// of other AWS credentials and profiles, nor of the broker's token. Ends with the program's own exit code.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Exec {
    /// The connector; without it you choose one of yours, on a terminal
    #[arg(add = ArgValueCompleter::new(connectors))]
    connector: Option<ConnectorName>,
    #[command(flatten)]
    wanting: Wanting,
    /// Hand the credentials over in variables instead: for programs that fetch none, and no longer than they live
    #[arg(long)]
    env: bool,
    /// The program and its arguments, behind `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    pub(super) async fn run(self, site: Site, json: bool) -> Result<ExitCode, Failure> {
        let connector = named_or_chosen(self.connector, &site, json, |_| true).await?;
        let wanted = self.wanting.of(connector, [Code::of_people(json), Code::Typed])?;
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Err(Failure::usage("no program is named", "name it behind `--`"));
        };
        let mut command = bare(program, arguments);
        command.env("BROKER_CONNECTOR", wanted.connector.as_str());
        if !self.env {
            return with_agent(command, site, wanted).await;
        }
        command.envs(wanted.lend(&site).await?.variables());
        used::count(&site, &wanted.connector);
        become_it(command).await
    }
}

/// Runs the program beside an agent of its own.
async fn with_agent(mut command: Command, site: Site, wanted: Wanted) -> Result<ExitCode, Failure> {
    let listening = Listening::on(None).await?;
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", listening.address_of(&wanted.connector));
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", listening.token());
    let _config = without_files(&mut command)?;
    // What was lent before is not good enough at the start; from then on it is.
    // Nor is anybody asked for another code: the terminal is the program's then.
    let lasting = Wanted { fresh: false, code: Code::Never, ..wanted.clone() };
    let lender = Lender::new(site, Offer::One(lasting));
    // Without credentials nothing runs.
    lender.lend(&wanted).await?;
    used::count(lender.site(), &wanted.connector);
    // From here on the terminal is the program's.
    out::wait_in_silence();
    tokio::select! {
        never = serve(vec![listening], lender) => match never {},
        ended = to_its_end(command) => ended,
    }
}

/// Runs the program, and hands on to it the signals that are sent to us.
async fn to_its_end(command: Command) -> Result<ExitCode, Failure> {
    let mut signals = Signals::sent_to_us()?;
    let program = Text::of(&command.get_program().to_string_lossy());
    let started = tokio::process::Command::from(command).spawn();
    let mut child = started.map_err(|error| not_started(&program, &error))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            signal = signals.next() => signal.send_to(child.id()),
        }
    };
    let status =
        status.map_err(|error| Failure::mend(format!("cannot wait for the program: {error}"), "see how it fares"))?;
    Ok(as_it_ended(status))
}

/// Those who fetch credentials look into their files first: what these say of who one is must not count. The copy of the configuration
/// without it lives as long as what is returned.
fn without_files(command: &mut Command) -> Result<Option<NamedTempFile>, Failure> {
    command.env("AWS_SHARED_CREDENTIALS_FILE", NOTHING).env("BOTO_CONFIG", NOTHING);
    let Some(path) = aws_config::path() else { return Ok(None) };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Some clients would take the name for another one's: that of a home, or of a variable.
            if aws_config::named_path().is_some() {
                command.env("AWS_CONFIG_FILE", NOTHING);
            }
            return Ok(None);
        }
        Err(error) => {
            let said = format!("cannot read {}, which may say who the program is: {error}", path.display());
            return Err(Failure::mend(said, "see to the file, set AWS_CONFIG_FILE to another, or use --env"));
        }
    };
    let Some(kept) = aws_config::without_default_credentials(&text) else { return Ok(None) };
    let copy = private::temporary(&kept)?;
    command.env("AWS_CONFIG_FILE", copy.path());
    Ok(Some(copy))
}

/// The program, without whatever else could tell it who to be in AWS.
fn bare(program: &OsString, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for name in OTHERS.iter().chain(&[TOKEN, TOKEN_FILE]) {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(BEARER)) {
        command.env_remove(name);
    }
    command
}

/// A shell's way to tell of a signal.
#[cfg(unix)]
fn as_it_ended(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// A code has 32 bits there, and ours has eight: what does not fit is a failure all the same.
#[cfg(not(unix))]
fn as_it_ended(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX).into()
}

/// The program takes our place: signals, terminal and exit code are its own.
#[cfg(unix)]
fn become_it(mut command: Command) -> Ready<Result<ExitCode, Failure>> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    ready(Err(not_started(&Text::of(&command.get_program().to_string_lossy()), &error)))
}

/// No program takes another's place there: we stay, and end with its code. Ctrl-C is for the program alone.
#[cfg(not(unix))]
async fn become_it(command: Command) -> Result<ExitCode, Failure> {
    to_its_end(command).await
}

fn not_started(program: &Text, error: &std::io::Error) -> Failure {
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

/// One for each service, as in `AWS_BEARER_TOKEN_BEDROCK`: it counts before any credentials.
const BEARER: &[u8] = b"AWS_BEARER_TOKEN_";

/// A file in which nothing is.
#[cfg(unix)]
const NOTHING: &str = "/dev/null";
#[cfg(not(unix))]
const NOTHING: &str = "NUL";

const EXAMPLES: &str = r"Examples:
  broker exec deploy -- aws sts get-caller-identity
  broker exec deploy --duration 4h -- terraform apply
  broker exec -- aws s3 ls            choose from a list";
