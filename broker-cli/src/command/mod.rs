//! The `broker` command: one file a subcommand.

mod completion;
mod console;
mod creds;
mod doctor;
#[cfg(test)]
mod documentation;
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
use clap_complete::CompleteEnv;

use crate::failure::{EXIT_CODES, Failure, Next};
use crate::out::{self, COMPLETING};
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
    #[arg(long, global = true, value_name = "URL", help = URL_HELP, help_heading = EVERYWHERE)]
    url: Option<String>,
    /// The configuration.
    #[arg(long, global = true, value_name = "PATH", help = CONFIG_HELP, help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Results, and errors, as JSON
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
}

/// What each does says the file of its own.
#[derive(Debug, Subcommand)]
enum Command {
    Login(login::Login),
    Logout(logout::Logout),
    Whoami(whoami::Whoami),
    Ls(ls::Ls),
    Creds(creds::Creds),
    Process(process::Process),
    Exec(exec::Exec),
    Serve(serve::Serve),
    Setup(setup::Setup),
    EcrLogin(ecr_login::EcrLogin),
    Console(console::Console),
    Doctor(doctor::Doctor),
    Prompt(prompt::Prompt),
    Completion(completion::Completion),
    Man(man::Man),
}

/// Runs one subcommand, and says by the exit code how it went.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Where a shell asks for what fits, this answers it and goes no further.
    CompleteEnv::with_factory(Arguments::command).var(COMPLETING).bin("broker").complete();
    let words = as_helps(as_dockers(arguments));
    let Arguments { general, command } = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => return usage::failed(&error, &words),
    };
    keep_memory_to_ourselves();
    let json = general.json;
    if let Some(name) = command.without_json().filter(|_| json) {
        return usage::failed(&usage::unknown_json(Arguments::command(), name), &words);
    }
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

/// `broker help exec`, as with other programs, is `broker exec --help`.
fn as_helps(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|word| word == "help") {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

impl Command {
    /// What it is called, if nothing comes of it that JSON could say: a script for a shell, or a page for `man`.
    fn without_json(&self) -> Option<&'static str> {
        match self {
            Self::Completion(_) => Some("completion"),
            Self::Man(_) => Some("man"),
            Self::Login(_)
            | Self::Logout(_)
            | Self::Whoami(_)
            | Self::Ls(_)
            | Self::Creds(_)
            | Self::Process(_)
            | Self::Exec(_)
            | Self::Serve(_)
            | Self::Setup(_)
            | Self::EcrLogin(_)
            | Self::Console(_)
            | Self::Doctor(_)
            | Self::Prompt(_) => None,
        }
    }

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
            Self::Completion(completion) => completion.run()?,
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

const EVERYWHERE: &str = "Options of every subcommand";
const URL_HELP: &str = "Where the broker answers [default: $BROKER_URL, then `url` of the configuration]";
const CONFIG_HELP: &str = "The configuration [default: $BROKER_CONFIG, then config.toml in the user's configuration folder, then /etc/broker/config.toml]";
