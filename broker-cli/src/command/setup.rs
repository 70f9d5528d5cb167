//! `broker setup`: a profile for each connector in `~/.aws/config`, in a block of its own; the rest of the file stays as it is.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::api::Broker;
use crate::aws_config;
use crate::failure::Failure;
use crate::listed::{Listed, matching};
use crate::name::ConnectorName;
use crate::profiles::{
    Block, Changes, How, Plan, Profile, ProfileName, Shared, SharedName, Template, Value, command_line, read,
};
use crate::site::Site;
use crate::{out, renewal};

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
    /// Do not ask; with --json nobody is asked, and nothing is written without this
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
        let Written { profiles, left_out, want_codes } =
            if self.remove { Written::default() } else { self.profiles(site, configuration).await? };
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
        let plan = Plan::new(path, before, after);
        let next = self.next(&name, default_is_anothers, &profiles, &want_codes);
        if json {
            // Whoever reads JSON is asked nothing: only --yes is a yes.
            let written = plan.changes() && self.yes && !self.dry_run;
            if written {
                plan.write()?;
            }
            return out::json(&Told {
                file: plan.path(),
                changes: plan.changes(),
                profiles: profiles.len(),
                left_out: &left_out,
                want_codes: &want_codes,
                sections: block.changes(plan.before(), plan.after())?,
                backup: plan.backup(),
                written,
                next: &next,
            });
        }
        for name in left_out.iter().filter(|name| !want_codes.contains(name)) {
            out::say(&format!("{name} is left out: nobody knows its account yet"));
        }
        if self.style != Style::Process && !want_codes.is_empty() {
            out::say(&format!("{}: {}", named(&want_codes), LEFT_OUT_FOR_A_CODE));
        }
        if !plan.changes() {
            return out::line(&format!("{} is as it should be: {} profiles.", plan.path().display(), profiles.len()));
        }
        plan.diff().lines().try_for_each(out::line)?;
        if self.dry_run {
            return Ok(());
        }
        if !self.yes && !agrees(plan.path())? {
            return Err(Failure::mend("nothing was changed", ""));
        }
        plan.write()?;
        let kept = plan.backup().map(|kept| format!(" The file of before is {}.", kept.display()));
        out::line(&format!("{} is written.{}", plan.path().display(), kept.unwrap_or_default()))?;
        next.iter().try_for_each(|line| out::line(line))
    }

    /// What to do with them, and what is left to be done by hand.
    fn next(
        &self,
        name: &SharedName,
        default_is_anothers: bool,
        profiles: &[Profile],
        want_codes: &[ConnectorName],
    ) -> Vec<String> {
        let Some(first) = profiles.first() else { return Vec::new() };
        let (name, first) = (name.as_str(), first.name.as_str());
        match self.style {
            Style::Process => {
                let use_one = format!("Use one as in `aws sts get-caller-identity --profile {first}`.");
                let codes = (!want_codes.is_empty()).then(|| format!("{}: {FIRST_A_CODE}", named(want_codes)));
                [use_one].into_iter().chain(codes).collect()
            }
            Style::Sso => {
                let default = default_is_anothers
                    .then(|| format!("Write `services = {name}` under your `[default]`: `aws sso login` looks there."));
                let sign_in = format!("Sign in with `aws sso login --sso-session {name}`.");
                default.into_iter().chain([sign_in]).collect()
            }
            Style::Login => vec![format!("Sign in with `aws login --profile {first}`, or another of them.")],
        }
    }

    async fn profiles(&self, site: &Site, configuration: Option<PathBuf>) -> Result<Written, Failure> {
        let listed = matching(Broker::of(site)?.connectors(&renewal::holder(site).await?).await?, None);
        let command = command(site, configuration)?;
        let shared = SharedName::of(&site.server);
        let how = |one: &Listed| match (self.style, &one.account_id) {
            (Style::Process, _) => Some(How::Process(command.followed_by(&format!("process {}", one.name)))),
            // Nothing of AWS's asks anybody for a code, and the broker gives nothing without.
            (Style::Sso | Style::Login, _) if one.mfa_serial.is_some() => None,
            (Style::Login, _) => Some(How::Login { shared: shared.clone() }),
            (Style::Sso, Some(account)) => {
                Some(How::Sso { shared: shared.clone(), account: account.clone(), role: one.name.clone() })
            }
            (Style::Sso, None) => None,
        };
        let mut written = Written::default();
        for one in listed {
            if one.mfa_serial.is_some() {
                written.want_codes.push(one.name.clone());
            }
            match how(&one) {
                Some(how) => {
                    let name: ProfileName = self.profile.name(&one.name, one.account_id.as_ref())?;
                    written.profiles.push(Profile { name, how, region: self.region.clone() });
                }
                None => written.left_out.push(one.name),
            }
        }
        Ok(written)
    }
}

/// What is to stand in the block, and which connectors cannot.
#[derive(Debug, Default)]
struct Written {
    profiles: Vec<Profile>,
    left_out: Vec<ConnectorName>,
    /// Those with an MFA device, whether they stand there or not.
    want_codes: Vec<ConnectorName>,
}

/// The plan, and whether it was carried out.
#[derive(Debug, Serialize)]
struct Told<'a> {
    file: &'a Path,
    changes: bool,
    profiles: usize,
    left_out: &'a [ConnectorName],
    want_codes: &'a [ConnectorName],
    #[serde(flatten)]
    sections: Changes<'a>,
    backup: Option<&'a Path>,
    written: bool,
    next: &'a [String],
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

/// `a`, or `a, b`
fn named(connectors: &[ConnectorName]) -> String {
    connectors.iter().map(ConnectorName::as_str).collect::<Vec<_>>().join(", ")
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

/// Behind the names of connectors that the profiles cannot be of.
const LEFT_OUT_FOR_A_CODE: &str = "left out, for they want the code of an MFA device, which AWS's clients ask nobody for; use `broker exec` or `broker creds` (--mfa-code), or --style process";
/// Behind the names of connectors whose profiles ask nobody.
const FIRST_A_CODE: &str = "these want the code of an MFA device, which AWS's clients ask nobody for. Run `broker creds CONNECTOR` first: the profile gives what that was lent, until its end.";
const EXAMPLES: &str = r"Examples:
  broker setup --dry-run              show what would change
  broker setup --json                 the same, as data
  broker setup --region eu-central-1 --profile 'corp-{connector}'
  broker setup --style sso
  broker setup --remove";
