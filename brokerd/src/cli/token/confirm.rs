//! `brokerd token confirm`: after a backup was restored, a token counts again when somebody says that it was not revoked meanwhile.

use anyhow::bail;
use broker_core::id::ServiceTokenId;
use broker_core::session::ServiceToken;
use clap::Args;

use super::list;
use super::named::named;
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{operator, terminal};

/// Let tokens count again that wait since a backup was restored
#[derive(Debug, Args)]
pub(in crate::cli) struct Confirm {
    /// The tokens' names or ids, as `brokerd token list` shows them
    #[arg(value_name = "NAME|ID", required_unless_present = "all", conflicts_with = "all")]
    tokens: Vec<String>,
    /// All that wait
    #[arg(long)]
    all: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Confirm {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let waiting = self.waiting(opened).await?;
        if waiting.is_empty() {
            say("no service token waits for confirmation");
            return Ok(());
        }
        list::table(opened, &waiting).await?;
        let question = format!("Was none of these {} revoked since the backup was taken?", waiting.len());
        terminal::agrees_if_attended(&question, self.yes)?;
        let ids: Vec<ServiceTokenId> = waiting.iter().map(|token| token.id).collect();
        for token in opened.administration.confirm_service_tokens(&ids, &operator::may()).await? {
            say(&format!("service token `{}` counts again ({})", token.name, token.id));
        }
        Ok(())
    }

    async fn waiting(&self, opened: &Opened) -> anyhow::Result<Vec<ServiceToken>> {
        let tokens = opened.administration.service_tokens(&operator::may()).await?;
        if self.all {
            return Ok(tokens.into_iter().filter(|token| token.awaits_confirmation).collect());
        }
        let mut waiting: Vec<ServiceToken> = Vec::new();
        for text in &self.tokens {
            let id = named(&tokens, text)?;
            let Some(token) = tokens.iter().find(|token| token.id == id) else {
                bail!("there is no such service token: `brokerd token list` shows which there are");
            };
            if !token.awaits_confirmation {
                say(&format!("service token `{}` does not wait", token.name));
            } else if waiting.iter().all(|known| known.id != id) {
                waiting.push(token.clone());
            }
        }
        Ok(waiting)
    }
}
