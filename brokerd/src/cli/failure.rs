//! How a subcommand ends that did not do what it was told: a sentence on standard error, and an exit code.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use broker_core::character::is_hidden;
use broker_core::file::Remark;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Files that cannot be used, with everything that is wrong with them.
#[derive(Debug)]
pub(super) struct Mistakes(pub(super) Vec<Remark>);

/// There is a question, and nobody to answer it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unattended(pub(super) String);

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for mistake in &self.0 {
            writeln!(f, "{mistake}")?;
        }
        match self.0.len() {
            1 => f.write_str("there is 1 mistake: mend it, then try again"),
            count => write!(f, "there are {count} mistakes: mend them, then try again"),
        }
    }
}

impl Error for Mistakes {}

/// Says what went wrong while it ran.
pub(super) fn of_run(error: &anyhow::Error) -> ExitCode {
    // Whoever read our output has seen enough.
    if error.chain().any(is_closed_pipe) {
        return ExitCode::SUCCESS;
    }
    if let Some(mistakes) = error.downcast_ref::<Mistakes>() {
        say(&format!("{mistakes}"));
        return ExitCode::FAILURE;
    }
    say(&format!("error: {}", output_fit(&told(error))));
    if error.is::<Unattended>() { USAGE.into() } else { ExitCode::FAILURE }
}

/// What went wrong and its causes, but for those that the words before them end with already.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        before if before.ends_with(&cause) => told,
        before => format!("{before}: {cause}"),
    })
}

/// Says what is wrong with the arguments. A word that stands where none belongs may be a secret: it is not repeated.
pub(super) fn of_usage(error: &clap::Error) -> ExitCode {
    let stray = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => !argument.starts_with('-'),
        Some(_) | None => false,
    };
    if error.kind() == ErrorKind::UnknownArgument && stray {
        say(
            "error: there is a word too many, which is not repeated here in case it is a secret: secrets are typed at a prompt or piped in, never given as arguments\n\nFor more information, try '--help'.",
        );
        return USAGE.into();
    }
    let _ = error.print();
    if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS }
}

/// Writes a line to standard error, whether or not anybody reads it.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn is_closed_pipe(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Harmless on a terminal: a line break may stand in it, nothing else that is not text.
fn output_fit(text: &str) -> String {
    text.chars().map(|char| if is_hidden(char) && char != '\n' { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// Wrong arguments, or nobody to be asked.
const USAGE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_drives_no_terminal() {
        assert_eq!(output_fit("no key `\u{1b}[2J\u{202e}`\nmend it"), "no key `\u{fffd}[2J\u{fffd}`\nmend it");
    }
}
