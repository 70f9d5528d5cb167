//! `brokerd second-factors reset`: whoever lost all that they had enrolled begins anew, after somebody has seen who that is.

use std::sync::Arc;

use anyhow::{Context, bail};
use broker_core::caller::Subject;
use broker_core::directory::Directory;
use broker_core::second_factor::Enrolled;
use broker_core::vault::Vault;
use clap::Args;

use super::told::told;
use super::who::{Who, meant};
use crate::cli::failure::{Unattended, say};
use crate::cli::output::{self, time};
use crate::cli::site::Opened;
use crate::cli::{operator, terminal};

/// Take away all that somebody has enrolled, who lost it: their sessions end, and their password lets them in until they enrol anew
#[derive(Debug, Args)]
pub(in crate::cli) struct Reset {
    /// The name under which they sign in, or the ID that `brokerd second-factors list` shows
    #[arg(value_name = "DIRECTORY/NAME|ID")]
    person: String,
    /// Show what would be taken away, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Reset {
    pub(super) async fn run(self, opened: &Opened, directories: &[Arc<dyn Directory>]) -> anyhow::Result<()> {
        let people = opened.administration.people_enrolled(&operator::may()).await?;
        let subjects: Vec<Subject> = people.iter().map(|(subject, _)| subject.clone()).collect();
        let who = meant(&self.person, &subjects, directories).await?;
        let name = output::fit(&who.name());
        let Some((subject, enrolled)) = people.into_iter().find(|(subject, _)| *subject == who.subject) else {
            bail!("{name} has nothing enrolled: `brokerd second-factors list` shows who has");
        };
        output::line(&shown(&who, &enrolled, &opened.house.vault))?;
        if self.dry_run {
            return Ok(());
        }
        if !self.yes {
            if !terminal::is_attended() {
                return Err(Unattended("nothing was changed, for nobody is here to be asked: give --yes if this is meant, or --dry-run to look at it".to_owned()).into());
            }
            if !terminal::agrees(&format!("Take away all of it, of {name}?"))? {
                bail!("nothing was changed");
            }
        }
        let reset = opened.administration.reset_second_factors(&subject, &operator::may()).await;
        reset.with_context(|| format!("the second factors of {name} are NOT reset"))?;
        say(&format!(
            "{name} has no second factor any more, and no session: their password alone lets them in until they enrol anew, so let that be soon"
        ));
        Ok(())
    }
}

impl Who {
    /// As people know them, or else by the id.
    fn name(&self) -> String {
        match &self.username {
            Some(username) => format!("{}/{username}", self.subject.directory),
            None => self.subject.to_string(),
        }
    }
}

/// What somebody should know before they agree.
fn shown(who: &Who, enrolled: &Enrolled, vault: &Vault) -> String {
    let factors = enrolled.factors.iter().map(|factor| {
        let used =
            factor.last_used_at.map_or_else(|| "never used since".to_owned(), |at| format!("last used {}", time(at)));
        format!("{}, enrolled {}, {used}", told(factor, &factor.site(vault)), time(factor.created_at))
    });
    let damaged = (enrolled.damaged > 0).then(|| format!("{} OUT OF SERVICE", enrolled.damaged));
    let lines: Vec<String> = factors.chain(damaged).collect();
    output::fit_lines(&format!(
        "person          {}\n\
         id              {}\n\
         second factors  {}\n\
         recovery codes  {}\n\
         \n\
         Goes:  all of these, recovery codes among them\n\
         Ends:  every session of this person, and what AWS's clients and `broker` have from one; not the AWS credentials that were lent already\n\
         Then:  their password alone lets them in, until they enrol anew",
        who.name(),
        who.subject,
        lines.join("\n                "),
        enrolled.recovery_codes,
    ))
}
