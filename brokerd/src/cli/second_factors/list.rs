//! `brokerd second-factors list`: who has enrolled what, and when it was last used.

use std::sync::Arc;

use broker_core::caller::Subject;
use broker_core::directory::Directory;
use broker_core::second_factor::{Enrolled, SecondFactor};
use broker_core::vault::Vault;
use clap::Args;
use serde::Serialize;

use super::told::told;
use super::who::names_of;
use crate::cli::failure::say;
use crate::cli::operator;
use crate::cli::output::{self, time};
use crate::cli::site::Opened;

/// Show who has enrolled what; nobody's secret
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Somebody who has something enrolled, as they are shown.
#[derive(Debug, Serialize)]
struct Shown {
    directory: String,
    /// What the directory calls them at present; nothing where it knows them no more, or does not answer.
    username: Option<String>,
    /// `DIRECTORY/ID`, by which they are named in the trail and to `reset`.
    id: String,
    factors: Vec<Factor>,
    /// Rows under their id that are out of service.
    damaged: usize,
    recovery_codes: u32,
}

#[derive(Debug, Serialize)]
struct Factor {
    id: String,
    kind: &'static str,
    label: String,
    created_at: String,
    last_used_at: Option<String>,
    /// Of a passkey: the host that it was made for. At another one nobody is asked for it.
    site: Option<String>,
    /// It opens with the master keys of the configuration.
    opens: bool,
    /// As the table has it.
    #[serde(skip)]
    told: String,
}

impl List {
    pub(super) async fn run(self, opened: &Opened, directories: &[Arc<dyn Directory>]) -> anyhow::Result<()> {
        let people = opened.administration.people_enrolled(&operator::may()).await?;
        let subjects: Vec<Subject> = people.iter().map(|(subject, _)| subject.clone()).collect();
        let (names, silent) = names_of(&subjects, directories).await;
        for error in silent {
            say(&format!("{error}: its people are shown without their names"));
        }
        let vault = &opened.house.vault;
        let shown: Vec<Shown> = people.into_iter().zip(names).map(|of| Shown::of(of, vault)).collect();
        if self.json {
            return output::json(&shown);
        }
        let rows: Vec<_> = shown.iter().map(Shown::row).collect();
        Ok(output::table(["PERSON", "ENROLLED", "LAST USED", "RECOVERY CODES", "ID"], &rows)?)
    }
}

impl Shown {
    fn of(((subject, enrolled), username): ((Subject, Enrolled), Option<String>), vault: &Vault) -> Self {
        Self {
            directory: subject.directory.to_string(),
            username,
            id: subject.to_string(),
            factors: enrolled.factors.iter().map(|factor| Factor::of(factor, vault)).collect(),
            damaged: enrolled.damaged,
            recovery_codes: enrolled.recovery_codes,
        }
    }

    fn row(&self) -> [String; 5] {
        let person = self.username.as_ref().map_or_else(|| "-".to_owned(), |name| format!("{}/{name}", self.directory));
        let factors = self.factors.iter().map(|factor| factor.told.clone());
        let damaged = (self.damaged > 0).then(|| format!("{} OUT OF SERVICE", self.damaged));
        let enrolled: Vec<String> = factors.chain(damaged).collect();
        let last_used = self.factors.iter().filter_map(|factor| factor.last_used_at.clone()).max();
        [
            person,
            enrolled.join(", "),
            last_used.unwrap_or_else(|| "never".to_owned()),
            self.recovery_codes.to_string(),
            self.id.clone(),
        ]
    }
}

impl Factor {
    fn of(factor: &SecondFactor, vault: &Vault) -> Self {
        let site = factor.site(vault);
        Self {
            id: factor.id.to_string(),
            kind: factor.kind.as_str(),
            label: factor.label.as_str().to_owned(),
            created_at: time(factor.created_at),
            last_used_at: factor.last_used_at.map(time),
            told: told(factor, &site),
            opens: site.is_ok(),
            site: site.unwrap_or_default(),
        }
    }
}
