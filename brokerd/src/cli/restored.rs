//! `brokerd restored`: told by the operator who has put a backup back, so that what was taken away since does not count again.

use broker_core::epoch::Epoch;
use clap::Args;

use super::failure::say;
use super::site::Opened;
use super::{operator, terminal};

/// Say that a backup of the store was restored: sessions end, service tokens wait for `token confirm`
#[derive(Debug, Args)]
pub(super) struct Restored {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Restored {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let question = "End all sessions, and let every service token wait for `brokerd token confirm`?";
        terminal::agrees_if_attended(question, self.yes)?;
        let begun = opened
            .administration
            .begin_epoch(None::<Epoch>, &"an operator says that a backup was restored", &operator::may())
            .await?;
        say("a new epoch has begun: all sessions are over, and people sign in again");
        match begun.tokens_waiting {
            0 => say("there is no service token that would have to be confirmed"),
            count => say(&format!(
                "service tokens that wait: {count}. `brokerd token list` shows them; `brokerd token confirm`, or `token revoke`"
            )),
        }
        say(
            "apply the connectors file again and look through the access keys: what was removed since the backup is back",
        );
        Ok(())
    }
}
