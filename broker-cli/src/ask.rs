//! A secret from whoever sits there, unseen, or from standard input.

use std::io::{self, IsTerminal, Read};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A secret: typed without being shown, or all of standard input without the line break at its end. Whoever wants `json` is a program, and is
/// not asked.
pub(crate) fn secret(prompt: &str, json: bool) -> Result<SecretString, Failure> {
    if can_ask() {
        if json {
            return Err(Failure::usage("nobody is asked for a password with --json", "pipe the password in"));
        }
        let typed = rpassword::prompt_password(prompt).map_err(|error| {
            Failure::mend(format!("cannot read from the terminal: {error}"), "pipe the password in")
        })?;
        return Ok(typed.into());
    }
    one_line(&piped()?)
}

/// Two secrets: each asked for, or the two lines of standard input.
pub(crate) fn two_secrets(
    first: &str,
    second: &str,
    json: bool,
) -> Result<(SecretString, Option<SecretString>), Failure> {
    if can_ask() {
        return Ok((secret(first, json)?, Some(secret(second, json)?)));
    }
    let bytes = piped()?;
    let cut = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| wrong("has one line, and --otp wants two"))?;
    let (first, second) = bytes.split_at(cut + 1);
    Ok((one_line(first)?, Some(one_line(second)?)))
}

/// Whether somebody sits there.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

fn piped() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX));
    io::stdin()
        .lock()
        .take(MAX as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    if bytes.len() >= MAX {
        return Err(wrong("holds more than a password"));
    }
    Ok(bytes)
}

/// One line and nothing else.
fn one_line(bytes: &[u8]) -> Result<SecretString, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text"))?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(wrong("is empty"));
    }
    if text.contains(['\n', '\r']) {
        return Err(wrong("has more than one line"));
    }
    Ok(SecretString::from(text))
}

fn wrong(what: &str) -> Failure {
    Failure::usage(
        format!("standard input {what}"),
        "pipe the password in and nothing else, or run this on a terminal to be asked",
    )
}

const MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn one_line_is_a_password_and_anything_else_is_not() {
        for good in ["a b", "a b\n", "a b\r\n"] {
            assert_eq!(one_line(good.as_bytes()).unwrap().expose_secret(), "a b");
        }
        for bad in [&b""[..], b"\n", b"a\nb\n", b"\xff"] {
            assert!(one_line(bad).is_err(), "{bad:?}");
        }
    }
}
