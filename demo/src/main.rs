//! Shows brokerd on a machine without AWS: starts a stand-in for AWS and a broker, does the main job once, and stays up.

mod aws;
mod folder;
mod journey;
mod people;
mod stage;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use brokerd::config::{Level, Log, LogFormat};
use clap::Parser;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::stage::Demo;

/// brokerd on embedded defaults: SQLite, a local directory with three people, and a stand-in for AWS.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Options {
    /// Where brokerd listens: an address of this machine alone, as it speaks plain HTTP; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// After the journey, print one line of JSON to standard output that lets a program drive the demo
    #[arg(long)]
    print_json: bool,
    /// Stop after the journey, with exit status 0 only if every step was right
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("\nThe demo failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        bail!("another crypto provider is installed already");
    }
    brokerd::telemetry::begin(Log { format: LogFormat::Text, level: Level::Warn });
    if !options.listen.ip().is_loopback() {
        bail!("the demo speaks plain HTTP and listens on loopback only: take --listen 127.0.0.1:PORT");
    }
    // From here on the end is an orderly one, and the folder with the secrets goes.
    let terminated = terminated()?;
    let demo = Demo::begin(options.listen).await?;

    introduce(&demo, options.once);
    let shown = async {
        demo.journey().travel(&demo.store).await?;
        if options.print_json {
            print_json(&demo)?;
        }
        if !options.once {
            say("\nUp and serving. End it with Ctrl-C.");
            std::future::pending::<()>().await;
        }
        anyhow::Ok(())
    };
    let outcome = tokio::select! {
        outcome = shown => outcome,
        () = terminated => if options.once { Err(anyhow!("ended before the journey was over")) } else { Ok(()) },
    };
    demo.end().await?;
    outcome
}

fn introduce(demo: &Demo, once: bool) {
    let Demo { url, sim, people, .. } = demo;
    say(&format!("brokerd serves at        {url}"));
    say(&format!("the stand-in for AWS at  {}", sim.endpoint()));
    say("\nWho can sign in:");
    for person in people.all() {
        say(&format!("  {:<8} {}   {}", person.username, person.password.expose_secret(), person.what));
    }
    if once {
        return say("");
    }
    let developer = people.developer();
    say("\nTry it yourself, from another terminal:");
    say(&format!(
        "  TOKEN=$(curl -s {url}/v1/sessions -H 'content-type: application/json' \\\n    -d '{{\"username\":\"{}\",\"password\":\"{}\"}}' | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')",
        developer.username,
        developer.password.expose_secret()
    ));
    say(&format!("  curl -s {url}/v1/connectors -H \"authorization: Bearer $TOKEN\""));
    say(&format!("  curl -s -X POST {url}/v1/connectors/deploy/credentials -H \"authorization: Bearer $TOKEN\""));
    say(&format!("  or open {url}/ in a browser"));
    say(&format!(
        "  or, with the command `broker` (cargo build -p broker-cli), whose AWS is the stand-in:\n    export BROKER_URL={url} AWS_ENDPOINT_URL={} AWS_REGION=eu-central-1\n    broker login --username {} && broker exec deploy -- aws sts get-caller-identity\n",
        sim.endpoint(),
        developer.username
    ));
}

fn print_json(demo: &Demo) -> anyhow::Result<()> {
    let Demo { url, sim, people, service_token, .. } = demo;
    let line = json!({
        "url": url,
        "aws_endpoint": sim.endpoint(),
        "federation_endpoint": sim.federation_endpoint(),
        "people": people.all().map(|person| json!({
            "username": person.username,
            "password": person.password.expose_secret(),
            "groups": person.groups.iter().map(|group| format!("{}/{group}", people::DIRECTORY)).collect::<Vec<_>>(),
            "admin": person.admin,
        })).collect::<Vec<_>>(),
        "service_token": service_token.expose_secret(),
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Everything for people goes to standard error, so that standard output stays a program's.
fn say(text: &str) {
    // Nobody listening is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Resolves at the first SIGTERM or SIGINT, of those too that came before anybody waited for it.
fn terminated() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
