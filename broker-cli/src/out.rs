//! Standard output and standard error: lines, tables and JSON in which nothing drives a terminal. Colours on a terminal only.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;
use crate::text::is_hidden;

/// Writes one line.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", on_one_line(text))?;
    Ok(out.flush()?)
}

/// Writes text that another program reads, as it is: nothing in it comes from the broker but in a type of its own.
pub(crate) fn raw(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    Ok(out.flush()?)
}

/// Writes something as JSON.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", escaped(&text))?;
    Ok(out.flush()?)
}

/// Writes a table whose columns stand under their heads.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| on_one_line(cell))).collect();
    let mut widths = heads.map(UnicodeWidthStr::width);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let laid_out = |cells: [&str; N]| {
        let padded =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let bold = Style::new().bold();
    writeln!(out, "{bold}{}{bold:#}", laid_out(heads))?;
    for row in &rows {
        writeln!(out, "{}", laid_out(row.each_ref().map(String::as_str)))?;
    }
    Ok(out.flush()?)
}

/// Says something to whoever sits there; nobody may be.
pub(crate) fn say(text: &str) {
    if is_completing() {
        return;
    }
    let _ = writeln!(io::stderr(), "{}", on_one_line(text));
}

/// Says what went wrong.
pub(crate) fn failed(failure: &Failure, json: bool) {
    if json {
        let _ = writeln!(io::stderr(), "{}", escaped(&failure.json()));
        return;
    }
    let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    let _ = writeln!(anstream::stderr(), "{red}error:{red:#} {}", on_one_line(&failure.to_string()));
}

/// Waits for something, and tells whoever sits there for what, once it takes longer than a second.
pub(crate) async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(SILENT) => {}
    }
    let _waiting = Waiting::say(what);
    work.await
}

/// Says that something takes a while, where somebody sees it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting(());

impl Waiting {
    pub(crate) fn say(what: &str) -> Option<Self> {
        use std::io::IsTerminal;
        let mut err = io::stderr();
        if !err.is_terminal() || is_completing() || SILENT_WAITING.load(Relaxed) {
            return None;
        }
        write!(err, "{} …", on_one_line(what)).and_then(|()| err.flush()).ok().map(|()| Self(()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Back to the line's beginning, and the line wiped out.
        let _ = io::stderr().write_all(b"\r\x1b[K");
    }
}

/// From now on nobody is told what is waited for: another program has the terminal, and may have drawn on all of it.
pub(crate) fn wait_in_silence() {
    SILENT_WAITING.store(true, Relaxed);
}

/// Somebody is at a command line then, in the middle of a word.
fn is_completing() -> bool {
    std::env::var_os(COMPLETING).is_some()
}

static SILENT_WAITING: AtomicBool = AtomicBool::new(false);
/// The variable by which a shell says that it asks for what fits.
pub(crate) const COMPLETING: &str = "BROKER_COMPLETE";
/// Who waits longer is told what for.
const SILENT: Duration = Duration::from_secs(1);

/// With a mark in the place of each character that is no text.
fn on_one_line(text: &str) -> String {
    text.chars().map(|char| if is_hidden(char) { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// JSON in which such characters are written by their numbers: they stand in strings alone.
fn escaped(json: &str) -> String {
    let mut units = [0; 2];
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        if is_hidden(char) && char != '\n' {
            text.extend(char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(char);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_what_it_says_and_drives_no_terminal() {
        let said = "a\u{1b}[2J\u{9b}\u{202e}\u{e0041}\nb";
        let shown = escaped(&serde_json::to_string_pretty(&[said]).unwrap());
        assert!(!shown.chars().any(|char| is_hidden(char) && char != '\n'), "{shown}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [said]);
    }
}
