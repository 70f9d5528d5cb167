//! A record for programs, to the letter as it was hashed, and a record for people.

use std::process::ExitCode;

use broker_core::store::TrailLink;
use broker_core::trail::{Record, is_ours};
use serde_json::json;

use crate::cli::failure::say;
use crate::cli::output::{fit, time};
use crate::cli::site::Opened;

/// A record of the trail, and whether it proves to be ours.
pub(super) struct Shown<'l> {
    link: &'l TrailLink,
    is_ours: bool,
}

/// How many there were among those shown that do not prove to be ours.
#[derive(Debug, Default)]
pub(super) struct Forged(usize);

impl Forged {
    /// Looks at a record before it is shown.
    pub(super) fn look<'l>(&mut self, opened: &Opened, link: &'l TrailLink) -> Shown<'l> {
        let is_ours = is_ours(opened.house.store.seals(), link);
        self.0 += usize::from(!is_ours);
        Shown { link, is_ours }
    }

    /// Says how many there were.
    pub(super) fn told(&self) -> ExitCode {
        if self.0 == 0 {
            return ExitCode::SUCCESS;
        }
        say(&format!(
            "records that somebody changed, or wrote without the installation's secret: {}; run `brokerd audit verify`",
            self.0
        ));
        ExitCode::FAILURE
    }
}

/// One line of JSON: the record as it was hashed, and its hash.
pub(super) fn json_line(shown: &Shown<'_>) -> String {
    let Shown { link, is_ours } = shown;
    let hash = hex::encode(&link.hash);
    if !is_ours {
        // Its fields do not stand where those of a true one do: nobody takes it for one.
        return json!({
            "id": link.id,
            "chain": link.chain,
            "sequence": link.sequence,
            "forged": link.record,
            "hash": hash,
        })
        .to_string();
    }
    let is_plain = serde_json::from_str::<Record>(&link.record).is_ok() && !link.record.contains('\n');
    match link.record.strip_suffix('}') {
        Some(fields) if is_plain => format!("{fields},\"hash\":\"{hash}\"}}"),
        // A newer release wrote it.
        Some(_) | None => json!({
            "id": link.id,
            "chain": link.chain,
            "sequence": link.sequence,
            "unreadable": link.record,
            "hash": hash,
        })
        .to_string(),
    }
}

/// One line to read.
pub(super) fn text_line(shown: &Shown<'_>) -> String {
    let Shown { link, is_ours } = shown;
    let line = record_line(link);
    if *is_ours { line } else { format!("FORGED, run `brokerd audit verify`:  {line}") }
}

fn record_line(link: &TrailLink) -> String {
    let Ok(record) = serde_json::from_str::<Record>(&link.record) else {
        return format!("{}  a record that cannot be read: run `brokerd audit verify`", link.id);
    };
    let mut words =
        vec![time(record.at), record.actor, record.action.as_str().to_owned(), record.outcome.as_str().to_owned()];
    words.extend(record.about.map(|subject| format!("about {subject}")));
    words.extend(record.connector);
    words.extend(record.access_key_id);
    words.extend(record.client_address.map(|address| format!("from {address}")));
    words.push(format!("request {}", record.request_id));
    words.extend(record.count.map(|count| format!("{count} times")));
    words.extend(record.reason.map(|reason| format!("({reason})")));
    words.extend(record.changes.map(|changes| changes.to_string()));
    fit(&words.join("  "))
}
