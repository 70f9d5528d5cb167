//! What the daemon does about the trail's past, in the background: anchors it, notices what is missing, removes what is old.

use std::time::Duration;

use broker_core::administration::{Administration, EpochError};
use broker_core::permission::Administrator;
use broker_core::trail::{Losses, Prunable, Pruned};
use jiff::SignedDuration;

use crate::house::{House, report_unanchored};

/// Looks whether the store has all that was ever anchored, and begins a new epoch where it has not. Nothing that goes wrong here keeps
/// anybody from serving.
pub(crate) async fn look_back(house: &House, administration: &Administration) {
    match house.anchoring.losses().await {
        Ok(losses) => {
            if let Some((line, fault)) = losses.faults.first() {
                let count = losses.faults.len();
                tracing::error!(line, %fault, count, alarm = "trail", "the anchor file has lines that prove nothing");
            }
            answer(administration, &losses).await;
            // Whether or not one could be begun: what is earlier counts no more.
            losses.epoch.inspect(|known| house.store.know_epoch(*known));
        }
        Err(error) => report_unanchored(&error),
    }
}

/// Anchors, for good, and looks each time whether the store still has what this very process wrote.
pub(crate) async fn anchor(house: House, administration: Administration) {
    loop {
        if let Err(error) = house.anchoring.sweep().await {
            report_unanchored(&error);
        }
        tokio::time::sleep(ANCHOR_EVERY).await;
        match house.anchoring.own_losses().await {
            Ok(losses) => {
                if answer(&administration, &losses).await {
                    house.anchoring.know_answered(&losses);
                }
            }
            Err(error) => report_unanchored(&error),
        }
    }
}

/// Whether what is missing is answered: by a new epoch, or one that has begun since it was lost.
async fn answer(administration: &Administration, losses: &Losses) -> bool {
    for head in &losses.heads {
        tracing::error!(chain = %head.chain, sequence = head.sequence, at = %head.at, alarm = "trail", "records are missing that were anchored: if a backup was restored, say so with `brokerd restored`; if not, somebody took them away");
    }
    match administration.answer_losses(losses, &Administrator::of_the_daemon()).await {
        Ok(Some(begun)) => {
            let tokens = begun.tokens_waiting;
            tracing::error!(
                epoch = begun.epoch.number(),
                tokens,
                alarm = "restored",
                "a new epoch has begun, because the store lacks what it once had: all sessions are over, and service tokens wait for `brokerd token confirm`"
            );
            true
        }
        Ok(None) => true,
        // Another node was faster.
        Err(EpochError::Overtaken) => false,
        Err(error) => {
            let source = std::error::Error::source(&error);
            tracing::error!(%error, ?source, alarm = "restored", "no new epoch could be begun");
            false
        }
    }
}

/// Removes what is older than it need be, for good.
pub(crate) async fn retain(house: House, administration: Administration, days: u32) {
    loop {
        if let Err(error) = prune(&house, &administration, days).await {
            tracing::error!(error = format!("{error:#}"), "old records of the trail cannot be removed");
        }
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}

async fn prune(house: &House, administration: &Administration, days: u32) -> anyhow::Result<()> {
    let now = house.clock.now();
    let before = now.saturating_sub(SignedDuration::from_hours(i64::from(days) * 24))?;
    let prunable = Prunable::find(&house.store, before).await?;
    if prunable.chains() == 0 {
        return Ok(());
    }
    let pruned = match administration.prune_trail(prunable, &Administrator::of_the_daemon(), |_| {}).await {
        Ok(pruned) => pruned,
        Err(error) if error.is_forbidden() => {
            tracing::warn!(
                "this database role may not delete from the trail, so nothing is removed: run `brokerd audit prune` with a role that may"
            );
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    for broken in &pruned.breaks {
        tracing::error!(%broken, alarm = "trail", "old records of a chain are not removed, because it does not prove: run `brokerd audit verify`");
    }
    let anchored = anchor_marks(house, &pruned).await;
    tracing::info!(records = pruned.records, %before, "removed old records of the trail");
    anchored
}

async fn anchor_marks(house: &House, pruned: &Pruned) -> anyhow::Result<()> {
    for mark in &pruned.marks {
        house.anchoring.anchor_pruned(mark.chain, mark.sequence, mark.hash).await?;
    }
    Ok(())
}

const ANCHOR_EVERY: Duration = Duration::from_mins(1);
const PRUNE_EVERY: Duration = Duration::from_hours(1);
