//! The `brokerd` command: one file a subcommand. Every one of them may run beside the daemon and takes effect within a second.

mod apply;
mod audit;
mod check;
mod completion;
mod connector;
mod directory;
mod group;
mod hash_password;
mod init;
mod key;
mod restored;
mod rekey;
mod revoke;
mod second_factors;
mod serve;
mod token;
mod user;

mod damaged;
mod failure;
mod guard;
mod listed;
mod operator;
mod output;
mod progress;
mod site;
mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use broker_core::file::Environment;
use clap::{CommandFactory, Parser, Subcommand};

use self::site::Site;
use crate::config::take_out_of_environment;

/// A self-hosted AWS identity broker: people and jobs get temporary AWS credentials, the long-term keys stay here
#[derive(Debug, Parser)]
#[command(name = "brokerd", version, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, value_name = "PATH", help = CONFIG_HELP)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to stop; SIGHUP reads the connectors file and the certificate again
    Serve(serve::Serve),
    /// Make a master key and two files to start from; overwrites nothing
    Init(init::Init),
    /// Say everything that is wrong with the configuration and the connectors file; asks no server
    Check(check::Check),
    /// Make the connectors file count: show what would change, ask, change it all at once
    Apply(apply::Apply),
    /// Long-term access keys: add, list, replace, remove
    #[command(subcommand)]
    Key(key::Key),
    /// Connectors: list, remove
    #[command(subcommand)]
    Connector(connector::Connectors),
    /// Directories of people: test
    #[command(subcommand)]
    Directory(directory::Directories),
    /// Move everything sealed to the master key that seals now
    Rekey(rekey::Rekey),
    /// Service tokens for CI jobs: create, list, revoke, confirm
    #[command(subcommand)]
    Token(token::Token),
    /// Users of local directories: add, list, show, passwd, disable, enable, delete
    #[command(subcommand)]
    User(user::User),
    /// Groups of local directories: add, list, members, delete
    #[command(subcommand)]
    Group(group::Group),
    /// Say that a backup of the store was restored: sessions end, service tokens wait for `token confirm`
    Restored(restored::Restored),
    /// End a role's live sessions at AWS, whoever has them
    Revoke(revoke::Revoke),
    /// What people have enrolled as second factors: list, reset
    #[command(subcommand)]
    SecondFactors(second_factors::SecondFactors),
    /// Hash a password for a local directory
    HashPassword(hash_password::HashPassword),
    /// The audit trail: verify, export, follow, prune
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Print a completion script for a shell
    Completion(completion::Completion),
}

/// Runs one subcommand, and says by the exit code how it went.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return failure::of_usage(&error),
    };
    // One crypto library for everything that speaks TLS. A second call, as in tests, changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Err(error) = guard::keep_memory_to_ourselves() {
        return failure::of_run(&error);
    }
    let environment = match &arguments.command {
        // It runs for long: what it was started with must not go on showing its secrets.
        Command::Serve(_) => match take_out_of_environment() {
            Ok(environment) => environment,
            Err(error) => return failure::of_run(&error.into()),
        },
        Command::Init(_)
        | Command::Check(_)
        | Command::Apply(_)
        | Command::Key(_)
        | Command::Connector(_)
        | Command::Directory(_)
        | Command::Rekey(_)
        | Command::Token(_)
        | Command::User(_)
        | Command::Group(_)
        | Command::Restored(_)
        | Command::Revoke(_)
        | Command::SecondFactors(_)
        | Command::HashPassword(_)
        | Command::Audit(_)
        | Command::Completion(_) => Environment::of_process(),
    };
    // Set but empty means unset, as elsewhere in a shell.
    let named = std::env::var_os("BROKERD_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let site = Site::new(arguments.config.or(named), environment);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let outcome = runtime.block_on(arguments.command.run(&site));
            // A disk that does not answer holds up nobody's end.
            runtime.shutdown_timeout(LEFT_BEHIND);
            outcome
        });
    outcome.unwrap_or_else(|error| failure::of_run(&error))
}

/// Threads that answer requests. One core is left to those that SQLite and passwords have, which do much of the work: where all cores
/// have a worker, those wake each other for nothing, and a vend takes 6 to 31 % longer (measured in turns, on two cores).
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

impl Command {
    async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(serve) => serve.run(site).await,
            Self::Init(init) => init.run(site).await,
            Self::Check(check) => check.run(site),
            Self::Apply(apply) => apply.run(site).await,
            Self::Key(key) => Box::pin(key.run(site)).await,
            Self::Connector(connectors) => connectors.run(site).await,
            Self::Directory(directories) => directories.run(site).await,
            Self::Rekey(rekey) => rekey.run(site).await,
            Self::Token(token) => token.run(site).await,
            Self::User(user) => Box::pin(user.run(site)).await,
            Self::Group(group) => Box::pin(group.run(site)).await,
            Self::Restored(restored) => {
                site.open().await?.and_close(async |opened| restored.run(opened).await).await?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Revoke(revoke) => revoke.run(site).await,
            Self::SecondFactors(factors) => factors.run(site).await,
            Self::HashPassword(hash) => hash.run(),
            Self::Audit(audit) => Box::pin(audit.run(site)).await,
            Self::Completion(completion) => completion.run(&mut Arguments::command()),
        }
    }
}

/// For what still runs when all is said.
const LEFT_BEHIND: Duration = Duration::from_secs(2);
const CONFIG_HELP: &str = "The configuration [default: $BROKERD_CONFIG, then brokerd.toml in the current directory, then /etc/brokerd/brokerd.toml]";
const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed, or `check`, `audit` or `directory test` found something; 2 wrong arguments, or nobody was there to be asked";
