//! `brokerd restored`: told by the operator who has put a backup back, so that what was taken away since does not count again.

use clap::Args;

use super::failure::say;
use super::output::time;
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
        let losses = opened.house.anchoring.losses().await?;
        for lost in opened.administration.lost(&losses).await? {
            let (chain, first, last) = (lost.chain, lost.first(), lost.sequence);
            let at = losses.heads.iter().find(|head| head.chain == chain);
            let at = at.map(|head| format!(", which was there at {}", time(head.at))).unwrap_or_default();
            say(&format!("missing since the backup was made: chain {chain} from record {first} to {last}{at}"));
        }
        let question =
            "Was a backup restored? All sessions end, and every service token waits for `brokerd token confirm`.";
        terminal::agrees_if_attended(question, self.yes)?;
        let restored = opened.administration.restored(&losses, &operator::may()).await?;
        match restored.begun {
            None => say("the daemon had noticed, and begun a new epoch by itself"),
            Some(begun) => {
                say("a new epoch has begun: all sessions are over, and people sign in again");
                say(&format!("service tokens that wait: {}", begun.tokens_waiting));
            }
        }
        if restored.lost_chains > 0 {
            say(&format!("chains whose end is known to be lost: {}", restored.lost_chains));
        }
        say("`brokerd token list` shows which tokens are to be confirmed: `brokerd token confirm`, or `token revoke`");
        say(
            "apply the connectors file again and look through the access keys: what was removed since the backup is back",
        );
        Ok(())
    }
}
