//! Arguments that make no sense.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::Next;
use crate::out;

/// Says what is wrong with the arguments. A word that stands where none belongs may be a secret: it is not repeated.
pub(super) fn failed(error: &clap::Error) -> ExitCode {
    let stray = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => !argument.starts_with('-'),
        Some(_) | None => false,
    };
    if error.kind() == ErrorKind::UnknownArgument && stray {
        out::say(
            "error: there is a word too many, which is not repeated here in case it is a secret: passwords are typed at a prompt or piped in, never given as arguments",
        );
        return Next::CallOtherwise.into();
    }
    let _ = error.print();
    if error.use_stderr() { Next::CallOtherwise.into() } else { ExitCode::SUCCESS }
}
