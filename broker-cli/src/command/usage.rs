//! Arguments that make no sense.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use crate::failure::{Failure, Next};
use crate::out;

/// Says what is wrong with the arguments. A word that stands where none belongs may be a secret: it is not repeated.
pub(super) fn failed(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let json = wants_json(words);
    let stray = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => !argument.starts_with('-'),
        Some(_) | None => false,
    };
    if error.kind() == ErrorKind::UnknownArgument && stray {
        let said = "there is a word too many, which is not repeated here in case it is a secret";
        let advice = if is_of_exec(error) && !words.iter().any(|word| word == "--") {
            "put `--` before the program, as in `broker exec CONNECTOR -- PROGRAM`"
        } else {
            "passwords are typed at a prompt or piped in, never given as arguments"
        };
        out::failed(&Failure::usage(said, advice), json);
        return Next::CallOtherwise.into();
    }
    if json && error.use_stderr() {
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        out::failed(&Failure::usage(first, "`broker --help`, and that of each subcommand, say what there is"), json);
        return Next::CallOtherwise.into();
    }
    let _ = error.print();
    if error.use_stderr() { Next::CallOtherwise.into() } else { ExitCode::SUCCESS }
}

/// Takes the place of `--json` where nothing could be JSON: the help does not offer it, nor do completions.
pub(super) fn no_json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).hide(true)
}

/// What is said of an option that a subcommand does not have, wherever on the line it stood.
pub(super) fn unknown_json(mut command: Command, subcommand: &str) -> clap::Error {
    let (kind, said) = (ErrorKind::UnknownArgument, "unexpected argument '--json' found");
    command.build();
    match command.find_subcommand_mut(subcommand) {
        Some(subcommand) => subcommand.error(kind, said),
        None => command.error(kind, said),
    }
}

/// Which subcommand it is about stands in its line on how that is called alone.
fn is_of_exec(error: &clap::Error) -> bool {
    let usage = error.get(ContextKind::Usage);
    usage.is_some_and(|usage| usage.to_string().contains("broker exec "))
}

/// Whether errors are wanted as JSON, of arguments that say nothing else that can be understood.
fn wants_json(words: &[OsString]) -> bool {
    words.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}
