//! Standard output: aligned tables, JSON and lines, each of which may find nobody who reads any more.

use std::io::{self, Write};

use broker_core::character;
use broker_core::connector::ManagedBy;
use jiff::Timestamp;
use serde::Serialize;

/// Writes one line.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes something as JSON, over as many lines as it takes.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(line(&text)?)
}

/// Writes a table whose columns stand under their heads.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| fit(cell))).collect();
    let mut widths = heads.map(|head| head.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in std::iter::once(&heads.map(str::to_owned)).chain(&rows) {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    out.flush()
}

/// A time as people and programs read it, to the second.
pub(super) fn time(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// Who may change something, in a list's column.
pub(super) fn managed_by(managed_by: ManagedBy) -> &'static str {
    match managed_by {
        ManagedBy::File => "file",
        ManagedBy::Api => "command line or API",
    }
}

/// Lines of text that cannot drive a terminal.
pub(super) fn fit_lines(text: &str) -> String {
    text.split('\n').map(fit).collect::<Vec<_>>().join("\n")
}

/// One line of text that cannot drive a terminal.
pub(super) fn fit(text: &str) -> String {
    character::shown(text)
}
