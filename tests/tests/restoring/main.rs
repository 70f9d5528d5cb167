//! What an operator does with the store's past, with real daemons: backups put back, anchors outside the store, old records pruned.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod anchored;
mod emptied;
mod left_over;
mod minutes;
mod noticed;
mod pruned;
mod retained;
mod told;
