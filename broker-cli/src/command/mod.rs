//! The `broker` command: one file a subcommand.

mod completion;
mod console;
mod creds;
mod doctor;
mod ecr_login;
mod exec;
mod login;
mod logout;
mod ls;
mod man;
mod process;
mod prompt;
mod serve;
mod setup;
mod usage;
mod wanting;
mod whoami;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::failure::{EXIT_CODES, Failure, Next};
use crate::out;
use crate::site::Site;

/// AWS credentials from your company's broker: for the shell, for the AWS CLI and every SDK, for the console
#[derive(Debug, Parser)]
#[command(name = "broker", version, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(flatten)]
    general: General,
    #[command(subcommand)]
    command: Command,
}

/// What holds for every subcommand.
#[derive(Debug, clap::Args)]
struct General {
    /// Where the broker answers.
    #[arg(long, global = true, value_name = "URL", help = URL_HELP)]
    url: Option<String>,
    /// The configuration.
    #[arg(long, global = true, value_name = "PATH", help = CONFIG_HELP)]
    config: Option<PathBuf>,
    /// Results, and errors, as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign in
    Login(login::Login),
    /// Sign out: the session ends, and what was kept here is deleted
    Logout(logout::Logout),
    /// Who one is here, or, of a connector, in AWS
    Whoami(whoami::Whoami),
    /// The connectors that one may use
    Ls(ls::Ls),
    /// Credentials, for a shell, a program or a file
    Creds(creds::Creds),
    /// Credentials as an AWS `credential_process` prints them
    Process(process::Process),
    /// Run a program with credentials
    Exec(exec::Exec),
    /// Hand credentials to the programs on this machine, from a server on loopback
    Serve(serve::Serve),
    /// Write a profile for each connector into ~/.aws/config
    Setup(setup::Setup),
    /// Passwords for AWS's container registry, for docker
    EcrLogin(ecr_login::EcrLogin),
    /// Open AWS's console in the browser
    Console(console::Console),
    /// Look for what keeps this machine from working with the broker
    Doctor(doctor::Doctor),
    /// How long credentials in this shell still live, for a prompt
    Prompt(prompt::Prompt),
    /// Print a completion script for a shell
    Completion(completion::Completion),
    /// Write the manual's pages
    Man(man::Man),
}

/// Runs one subcommand, and says by the exit code how it went.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Arguments { general, command } = match Arguments::try_parse_from(as_dockers(arguments)) {
        Ok(arguments) => arguments,
        Err(error) => return usage::failed(&error),
    };
    keep_memory_to_ourselves();
    let json = general.json;
    let outcome =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::from).and_then(|runtime| {
            let outcome = runtime.block_on(command.run(general));
            // Somebody may still look a name up in vain.
            runtime.shutdown_background();
            outcome
        });
    outcome.unwrap_or_else(|failure| {
        if failure.next != Next::Nothing {
            out::failed(&failure, json);
        }
        failure.next.into()
    })
}

/// Docker runs a helper by a name of its own, with one word behind it.
fn as_dockers(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = arguments.into_iter().collect();
    let called = words.first().and_then(|name| Path::new(name).file_stem());
    if called.is_some_and(|name| name == "docker-credential-broker") {
        words.insert(1, "ecr-login".into());
    }
    words
}

impl Command {
    async fn run(self, general: General) -> Result<ExitCode, Failure> {
        let json = general.json;
        match self {
            Self::Login(login) => login.run(&general.site()?, json).await?,
            Self::Logout(logout) => logout.run(&general.site()?, json).await?,
            Self::Whoami(whoami) => whoami.run(&general.site()?, json).await?,
            Self::Ls(ls) => ls.run(&general.site()?, json).await?,
            Self::Creds(creds) => creds.run(&general.site()?, json).await?,
            Self::Process(process) => process.run(&general.site()?).await?,
            Self::Exec(exec) => return exec.run(general.site()?, json).await,
            Self::Serve(serve) => serve.run(general.site()?, json).await?,
            Self::Setup(setup) => {
                let configuration = general.config.clone();
                setup.run(&general.site()?, configuration, json).await?;
            }
            Self::EcrLogin(login) => return login.run(&general.site()?, json).await,
            Self::Console(console) => console.run(&general.site()?, json).await?,
            Self::Doctor(doctor) => return doctor.run(&general.site()?, json).await,
            Self::Prompt(prompt) => prompt.run(json)?,
            Self::Completion(completion) => completion.run(&mut Arguments::command())?,
            Self::Man(man) => man.run(Arguments::command())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl General {
    fn site(self) -> Result<Site, Failure> {
        Site::find(self.url, self.config)
    }
}

/// Other programs of the same user read no secrets out of our memory, and a core file has none.
#[cfg(target_os = "linux")]
fn keep_memory_to_ourselves() {
    // Where the system does not let us, we are no worse off than any other program.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(not(target_os = "linux"))]
fn keep_memory_to_ourselves() {}

const URL_HELP: &str = "Where the broker answers [default: $BROKER_URL, then `url` of the configuration]";
const CONFIG_HELP: &str = "The configuration [default: $BROKER_CONFIG, then config.toml in the user's configuration folder, then /etc/broker/config.toml]";
