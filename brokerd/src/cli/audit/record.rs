//! A record for programs, to the letter as it was hashed, and a record for people.

use broker_core::store::TrailLink;
use broker_core::trail::Record;
use serde_json::json;

use crate::cli::output::{fit, time};

/// One line of JSON: the record as it was hashed, and its hash.
pub(super) fn json_line(link: &TrailLink) -> String {
    let hash = hex::encode(&link.hash);
    let is_plain = serde_json::from_str::<Record>(&link.record).is_ok() && !link.record.contains('\n');
    match link.record.strip_suffix('}') {
        Some(fields) if is_plain => format!("{fields},\"hash\":\"{hash}\"}}"),
        // Somebody else wrote it, and `verify` says so; it is handed on all the same.
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
pub(super) fn text_line(link: &TrailLink) -> String {
    let Ok(record) = serde_json::from_str::<Record>(&link.record) else {
        return format!("{}  a record that cannot be read: run `brokerd audit verify`", link.id);
    };
    let mut words =
        vec![time(record.at), record.actor, record.action.as_str().to_owned(), record.outcome.as_str().to_owned()];
    words.extend(record.about.map(|subject| format!("about {subject}")));
    words.extend(record.connector);
    words.extend(record.access_key_id);
    words.extend(record.client_address.map(|address| format!("from {address}")));
    words.extend(record.count.map(|count| format!("{count} times")));
    words.extend(record.reason.map(|reason| format!("({reason})")));
    words.extend(record.changes.map(|changes| changes.to_string()));
    fit(&words.join("  "))
}
