//! `brokerd audit tail`: the newest records, and then every new one.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use broker_core::id::RecordId;
use broker_core::store::{Store, StoreError, TrailFilter, TrailLink};
use clap::Args;

use super::record::{Forged, json_line, text_line};
use crate::cli::output;
use crate::cli::site::Opened;

/// Print the newest records, and with -f every new one
#[derive(Debug, Args)]
pub(in crate::cli) struct Tail {
    /// Go on printing new records until interrupted
    #[arg(short, long)]
    follow: bool,
    /// How many records to begin with
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    limit: u16,
    /// As JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Tail {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let store = &opened.house.store;
        let mut newest = store.newest_links(&TrailFilter::default(), None, i64::from(self.limit).max(PAGE)).await?;
        // Those that are not shown are known all the same.
        let mut known: BTreeSet<RecordId> = newest.iter().map(|link| link.id).collect();
        newest.truncate(usize::from(self.limit));
        let mut forged = Forged::default();
        self.print(opened, &newest, &mut forged)?;
        if !self.follow {
            return Ok(forged.told());
        }
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            tokio::select! {
                _ = &mut interrupted => return Ok(forged.told()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let fresh = unknown(store, &known).await?;
            known.extend(fresh.iter().map(|link| link.id));
            while known.len() > REMEMBERED {
                known.pop_first();
            }
            self.print(opened, &fresh, &mut forged)?;
        }
    }

    /// Newest first they come, oldest first they are printed.
    fn print(&self, opened: &Opened, links: &[TrailLink], forged: &mut Forged) -> io::Result<()> {
        links.iter().rev().try_for_each(|link| {
            let shown = forged.look(opened, link);
            output::line(&if self.json { json_line(&shown) } else { text_line(&shown) })
        })
    }
}

/// What has not been seen, newest first. Nodes' clocks differ a little, and records come late: so more is looked at than the very newest.
async fn unknown(store: &Store, known: &BTreeSet<RecordId>) -> Result<Vec<TrailLink>, StoreError> {
    let oldest = known.first().copied();
    let mut fresh = Vec::new();
    let mut before = None;
    loop {
        let page = store.newest_links(&TrailFilter::default(), before, PAGE).await?;
        before = page.last().map(|link| link.id);
        let reached_known = page.iter().any(|link| known.contains(&link.id) || Some(link.id) < oldest);
        fresh.extend(page.into_iter().filter(|link| !known.contains(&link.id) && Some(link.id) >= oldest));
        if reached_known || before.is_none() {
            return Ok(fresh);
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
const PAGE: i64 = 200;
const REMEMBERED: usize = 10_000;
