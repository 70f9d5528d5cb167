//! `broker setup`: a profile for each connector in `~/.aws/config`, in a block of its own; the rest of the file stays as it is.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use similar::TextDiff;

use crate::api::Broker;
use crate::aws_config;
use crate::failure::Failure;
use crate::listed::{Listed, matching};
use crate::profiles::{Block, How, Profile, ProfileName, Shared, SharedName, Template, Value, command_line};
use crate::site::Site;
use crate::{clock, out, private, renewal};

/// Write a profile for each connector into ~/.aws/config
///
/// Each runs `broker process`, or signs in by itself (--style). The profiles stand in a block of their own, which is written anew each time: connectors that one may not use any more
/// go. Everything else in the file stays as it is. What would change is shown first, and the file of before is kept beside it.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Setup {
    /// How AWS's own clients come to credentials
    #[arg(long, value_enum, default_value_t = Style::Process)]
    style: Style,
    /// What the profiles are called: {connector} and {account} are filled in
    #[arg(long, value_name = "TEMPLATE", default_value = "{connector}")]
    profile: Template,
    /// The region of every profile
    #[arg(long, value_name = "REGION")]
    region: Option<Value>,
    /// Take the block away
    #[arg(long)]
    remove: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Style {
    /// They run `broker process`: with what you sign in to by `broker login`
    Process,
    /// They sign in by themselves, with `aws sso login`
    Sso,
    /// They sign in by themselves, with `aws login`: you choose the connector on the page that opens
    Login,
}

impl Style {
    /// What its profiles share.
    fn shared(self, name: &SharedName, site: &Site) -> Vec<Shared> {
        let server = &site.server;
        match self {
            Self::Process => Vec::new(),
            Self::Sso => {
                // The SDK for Rust looks for the second by its other spelling, all others by the first.
                let services = ["sso", "sso_oidc", "sso-oidc"];
                vec![Shared::session(name, server), Shared::services(name, server, &services)]
            }
            Self::Login => vec![Shared::services(name, server, &["signin"])],
        }
    }
}

impl Setup {
    pub(super) async fn run(self, site: &Site, configuration: Option<PathBuf>, json: bool) -> Result<(), Failure> {
        let profiles = if self.remove { Vec::new() } else { self.profiles(site, configuration).await? };
        let path = file()?;
        let before = read(&path)?;
        let keys = aws_config::credentials_path().map(|path| read(&path)).transpose()?.unwrap_or_default();
        let (block, name) = (Block::of(&site.server), SharedName::of(&site.server));
        let mut shared = if profiles.is_empty() { Vec::new() } else { self.style.shared(&name, site) };
        let default_is_anothers = block.has_beside(&before, "default")?;
        if self.style == Style::Sso && !default_is_anothers && !profiles.is_empty() {
            shared.push(Shared::default(&name));
        }
        let after = block.put(&before, &keys, &shared, &profiles)?;
        let changed = before != after;
        if json {
            out::json(&json!({ "file": path, "changes": changed, "profiles": profiles.len() }))?;
        } else if !changed {
            out::line(&format!("{} is as it should be: {} profiles.", path.display(), profiles.len()))?;
        } else {
            show(&path, &before, &after)?;
        }
        if !changed || self.dry_run {
            return Ok(());
        }
        if !self.yes && !agrees(&path)? {
            return Err(Failure::mend("nothing was changed", ""));
        }
        let kept = write(&path, &before, &after)?;
        if !json {
            let kept = kept.map(|kept| format!(" The file of before is {}.", kept.display()));
            out::line(&format!("{} is written.{}", path.display(), kept.unwrap_or_default()))?;
            self.tell(&name, default_is_anothers)?;
        }
        Ok(())
    }

    /// What is left to be done by hand.
    fn tell(&self, name: &SharedName, default_is_anothers: bool) -> Result<(), Failure> {
        let name = name.as_str();
        match self.style {
            _ if self.remove => Ok(()),
            Style::Process => Ok(()),
            Style::Sso => {
                if default_is_anothers {
                    out::line(&format!(
                        "Write `services = {name}` under your `[default]`: `aws sso login` looks there."
                    ))?;
                }
                out::line(&format!("Sign in with `aws sso login --sso-session {name}`."))
            }
            Style::Login => out::line("Sign in with `aws login --profile PROFILE`."),
        }
    }

    async fn profiles(&self, site: &Site, configuration: Option<PathBuf>) -> Result<Vec<Profile>, Failure> {
        let listed = matching(Broker::of(site)?.connectors(&renewal::holder(site).await?).await?, None);
        let command = command(site, configuration)?;
        let shared = SharedName::of(&site.server);
        let how = |one: &Listed| match (self.style, &one.account_id) {
            (Style::Process, _) => Some(How::Process(command.followed_by(&format!("process {}", one.name)))),
            (Style::Login, _) => Some(How::Login { shared: shared.clone() }),
            (Style::Sso, Some(account)) => {
                Some(How::Sso { shared: shared.clone(), account: account.clone(), role: one.name.clone() })
            }
            (Style::Sso, None) => {
                out::say(&format!("{} is left out: nobody knows its account yet", one.name));
                None
            }
        };
        let profile = |one: &Listed| {
            let name: Result<ProfileName, Failure> = self.profile.name(&one.name, one.account_id.as_ref());
            how(one).map(|how| Ok(Profile { name: name?, how, region: self.region.clone() }))
        };
        listed.iter().filter_map(profile).collect()
    }
}

/// How this program is called by somebody who knows nothing: by its whole path, with the broker's URL.
fn command(site: &Site, configuration: Option<PathBuf>) -> Result<Value, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::mend(
            format!("cannot tell where this program is: {error}"),
            "install it under a plain path, such as /usr/local/bin/broker",
        )
    };
    let us = std::env::current_exe().map_err(|error| wrong(&error))?;
    let mut words = vec![by_path(&us).unwrap_or(us), "--url".into(), site.server.origin().into()];
    if let Some(path) = configuration {
        words.extend(["--config".into(), std::path::absolute(path).map_err(|error| wrong(&error))?]);
    }
    let words: Option<Vec<&str>> = words.iter().map(|word| word.to_str()).collect();
    command_line(&words.ok_or_else(|| wrong(&"its path is no text"))?)
        .ok_or_else(|| wrong(&"its path has characters that do not fit into the file"))
}

/// The place in PATH that leads to us: an update changes what is behind it, and not the place.
fn by_path(us: &Path) -> Option<PathBuf> {
    let us = us.canonicalize().ok()?;
    let places = std::env::var_os("PATH")?;
    let name = format!("broker{}", std::env::consts::EXE_SUFFIX);
    let mut found =
        std::env::split_paths(&places).filter(|folder| folder.is_absolute()).map(|folder| folder.join(&name));
    found.find(|place| place.canonicalize().is_ok_and(|place| place == us))
}

/// Where the file really is: it may be a link into somebody's collection.
fn file() -> Result<PathBuf, Failure> {
    let path =
        aws_config::path().ok_or_else(|| Failure::mend("there is no home folder", "set HOME or AWS_CONFIG_FILE"))?;
    Ok(path.canonicalize().unwrap_or(path))
}

fn read(path: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::mend(format!("cannot read {}: {error}", path.display()), "mend that first")),
    }
}

/// Our own lines alone: those around them may hold a secret.
fn show(path: &Path, before: &str, after: &str) -> Result<(), Failure> {
    let name = path.display().to_string();
    let diff = TextDiff::from_lines(before, after).unified_diff().context_radius(0).header(&name, &name).to_string();
    diff.lines().try_for_each(out::line)
}

fn agrees(path: &Path) -> Result<bool, Failure> {
    let mut err = io::stderr();
    if !io::stdin().is_terminal() || !err.is_terminal() {
        return Err(Failure::usage("nobody is there to be asked", "give --yes, or --dry-run to see what would change"));
    }
    write!(err, "Write {}? [y/N] ", path.display())?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Keeps the file of before under a name with the time, and puts the new one in its place at once.
fn write(path: &Path, before: &str, after: &str) -> Result<Option<PathBuf>, Failure> {
    if read(path)? != before {
        return Err(Failure::mend(format!("somebody else changed {} meanwhile", path.display()), "run this again"));
    }
    let found = std::fs::metadata(path).ok();
    let kept = found.is_some().then(|| {
        let mut name = path.as_os_str().to_owned();
        name.push(clock::now().strftime(".before-%Y%m%dT%H%M%SZ").to_string());
        PathBuf::from(name)
    });
    if let Some(kept) = &kept {
        private::write(kept, before.as_bytes())?;
    } else if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::mend(format!("cannot make {}: {error}", folder.display()), "mend that"))?;
    }
    private::write_as(path, after.as_bytes(), found.map(|found| found.permissions()))?;
    Ok(kept)
}

const EXAMPLES: &str = r"Examples:
  broker setup --dry-run              show what would change
  broker setup --region eu-central-1 --profile 'corp-{connector}'
  broker setup --style sso
  broker setup --remove";
