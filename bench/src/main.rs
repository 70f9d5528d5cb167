//! Measures brokerd: what it adds to a direct call to STS, how much it carries, and what grows with what it knows.

mod ahead;
mod ask;
mod aws_client;
mod child;
mod command;
mod daemon;
mod direct;
mod figures;
mod house;
mod job;
mod ldap;
mod load;
mod machine;
mod nested;
mod part;
mod plan;
mod report;
mod samba;
mod sim;
mod slapd;
mod work;
mod world;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use crate::part::Part;
use crate::plan::Plan;
use crate::work::Work;

/// Measures brokerd against direct calls to a stand-in for AWS, each in a process of its own. Prints the figures as Markdown.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Options {
    /// How long each figure is measured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Requests at the same time where throughput is measured
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    concurrency: u32,
    /// How many connectors there are, one installation each, to show what grows
    #[arg(long, value_name = "N,N…", value_delimiter = ',', default_values_t = [10, 1_000, 100_000], value_parser = clap::value_parser!(u32).range(10..=200_000))]
    connectors: Vec<u32>,
    /// See whether everything works, in a few seconds: the figures mean nothing
    #[arg(long, conflicts_with_all = ["seconds", "connectors"])]
    quick: bool,
    /// Measure this alone, to look at it with a profiler meanwhile, and nothing that grows
    #[arg(long, value_enum, value_name = "WORK", conflicts_with_all = ["quick", "connectors", "json"])]
    only: Option<Work>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure this program instead of the daemon that was built together with the bench
    #[arg(long, value_name = "PATH")]
    brokerd: Option<PathBuf>,
    /// The command `broker`; else the one beside the bench, if it was built: cargo build --release -p broker-cli
    #[arg(long, value_name = "PATH")]
    broker: Option<PathBuf>,
    /// Where the stores lie while measuring: on the kind of disk that matters
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(part) = options.part {
        return part.play();
    }
    match measured(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measured(options: &Options) -> anyhow::Result<()> {
    part::leave_proxies()?;
    let plan = plan(options);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(plan.carry_out())?;
    writeln!(std::io::stdout(), "{}", report::markdown(&figures))?;
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&figures.summary())?;
        std::fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn plan(options: &Options) -> Plan {
    let Options { seconds, concurrency, connectors, quick, only, json: _, brokerd, broker, folder, part: _ } = options;
    let (measured, rounds, starts, connectors, rest) = if *quick {
        (Duration::from_millis(200), 1, 1, vec![10, 100], Duration::from_millis(100))
    } else {
        (Duration::from_secs(u64::from(*seconds)), 5, 7, connectors.clone(), Duration::from_secs(3))
    };
    let works = only.map_or_else(|| Work::ALL.to_vec(), |only| vec![only]);
    let connectors = if only.is_some() { Vec::new() } else { connectors };
    let (concurrency, brokerd, folder) = (*concurrency as usize, brokerd.clone(), folder.clone());
    let beside = || Some(std::env::current_exe().ok()?.with_file_name("broker")).filter(|path| path.exists());
    let broker = broker.clone().or_else(beside);
    let nested = !*quick;
    Plan { measured, rounds, starts, works, connectors, rest, concurrency, brokerd, broker, folder, nested }
}

/// What is going on, for whoever waits. Standard output is for the figures.
fn say(text: &str) {
    // Nobody listening is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}
