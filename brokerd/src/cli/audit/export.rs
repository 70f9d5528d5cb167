//! `brokerd audit export`: all records, or those after one, oldest first.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::bail;
use broker_core::id::RecordId;
use broker_core::store::{Store, StoreError, TrailFilter, TrailLink};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::record::{Forged, json_line};
use crate::cli::progress::Progress;
use crate::cli::site::Opened;

/// Print records for other programs, oldest first
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// How records are written
    #[arg(long, value_enum)]
    format: Format,
    /// Only what came after this record (its id) or after this time (such as 2026-01-31T12:00:00Z)
    #[arg(long, value_name = "ID|TIME")]
    after: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One JSON object a line
    Jsonl,
}

/// From where on.
#[derive(Clone, Copy, Debug)]
enum After {
    Beginning,
    Record(RecordId),
    Time(Timestamp),
}

impl Export {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let Format::Jsonl = self.format;
        let after = self.after.as_deref().map_or(Ok(After::Beginning), After::parse)?;
        let store = &opened.house.store;
        let progress = Progress::begin("looking for where to begin");
        // Ids sort by time, and pages go from the newest back. So it is noted first where they begin, and then they are written from the
        // last one on: the order is that of time, and only one page is held at once. The newest may be of a clock that is ahead of ours.
        let newest = store.newest_links(&TrailFilter::default(), None, 1).await?;
        let mut begins: Vec<RecordId> = newest.iter().map(|link| link.id).collect();
        let mut found = newest.len();
        loop {
            let older = page(store, after, begins.last().copied()).await?;
            let Some(oldest) = older.last() else { break };
            begins.push(oldest.id);
            found += older.len();
            progress.at(format!("found {found} records"));
        }
        // Whoever watches the records themselves sees how far it is.
        let progress = Some(progress).filter(|_| !io::stdout().is_terminal());
        let (mut written, mut forged) = (0, Forged::default());
        let mut out = BufWriter::new(io::stdout().lock());
        for before in begins.into_iter().rev() {
            let older = page(store, after, Some(before)).await?;
            for link in older.iter().rev() {
                writeln!(out, "{}", json_line(&forged.look(opened, link)))?;
            }
            written += older.len();
            if let Some(progress) = &progress {
                progress.at(format!("written {written} of {found} records"));
            }
        }
        for link in newest.iter().filter(|link| after.admits(link)) {
            writeln!(out, "{}", json_line(&forged.look(opened, link)))?;
        }
        out.flush()?;
        drop(progress);
        Ok(forged.told())
    }
}

impl After {
    fn parse(text: &str) -> anyhow::Result<Self> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Record(id));
        }
        match text.parse() {
            Ok(time) => Ok(Self::Time(time)),
            Err(_) => bail!("--after takes the id of a record, or a time such as 2026-01-31T12:00:00Z"),
        }
    }

    fn admits(self, link: &TrailLink) -> bool {
        match self {
            Self::Beginning => true,
            Self::Record(id) => link.id > id,
            Self::Time(time) => Timestamp::from(link.at) > time,
        }
    }
}

/// Newest first.
async fn page(store: &Store, after: After, before: Option<RecordId>) -> Result<Vec<TrailLink>, StoreError> {
    let mut links = store.newest_links(&TrailFilter::default(), before, PAGE).await?;
    links.retain(|link| after.admits(link));
    Ok(links)
}

const PAGE: i64 = 1_000;
