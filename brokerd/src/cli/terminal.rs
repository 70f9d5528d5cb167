//! Questions to whoever sits there, and secrets that are typed unseen or piped in.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{Context, bail, ensure};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Whether somebody can be asked.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question; anything but a yes is a no.
pub(super) fn agrees(question: &str) -> anyhow::Result<bool> {
    let mut err = io::stderr();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Asks before something is gone, if anybody is there: a script has made up its mind.
pub(super) fn agrees_if_attended(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes || !is_attended() || agrees(question)? { Ok(()) } else { bail!("nothing was changed") }
}

/// A secret: typed without being shown, or all of standard input without the line break at its end.
pub(super) fn secret(prompt: &str) -> anyhow::Result<SecretString> {
    if io::stdin().is_terminal() { typed(prompt) } else { piped() }
}

/// The same, typed twice: nobody sees what they type.
pub(super) fn new_secret(prompt: &str) -> anyhow::Result<SecretString> {
    if !io::stdin().is_terminal() {
        return piped();
    }
    let first = typed(prompt)?;
    let second = typed("The same again: ")?;
    ensure!(same(&first, &second), "the two are not the same: start again");
    Ok(first)
}

/// A password that is to be: typed twice, or one line of standard input, where that was asked for or nobody is there to be asked.
pub(super) fn new_password(prompt: &str, from_stdin: bool) -> anyhow::Result<SecretString> {
    if from_stdin { piped() } else { new_secret(prompt) }
}

fn typed(prompt: &str) -> anyhow::Result<SecretString> {
    Ok(rpassword::prompt_password(prompt).context("cannot read from the terminal")?.into())
}

fn piped() -> anyhow::Result<SecretString> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET));
    let limit = u64::try_from(MAX_SECRET)?;
    io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read standard input")?;
    ensure!(bytes.len() < MAX_SECRET, "standard input holds more than a secret: it ends after {MAX_SECRET} bytes");
    let text = std::str::from_utf8(&bytes).ok().context("standard input is not UTF-8 text")?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    ensure!(!text.is_empty(), "standard input is empty: pipe the secret in, or run this in a terminal to be asked");
    ensure!(
        !text.contains(['\n', '\r']),
        "standard input has more than one line: pipe the secret in, and nothing else"
    );
    Ok(SecretString::from(text))
}

fn same(first: &SecretString, second: &SecretString) -> bool {
    use secrecy::ExposeSecret;
    first.expose_secret() == second.expose_secret()
}

const MAX_SECRET: usize = 4_096;
