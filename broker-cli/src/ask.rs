//! A secret from whoever sits there, unseen, or from standard input.

use std::io::{self, IsTerminal, Read};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) prompt: &'a str,
    /// In errors.
    pub(crate) called: &'a str,
}

/// A secret: typed without being shown, or all of standard input without the line break at its end. Whoever wants `json` is a program, and is
/// not asked.
pub(crate) fn secret(asked: &Asked<'_>, json: bool) -> Result<SecretString, Failure> {
    if can_ask() {
        if json {
            let said = format!("nobody is asked for the {} with --json", asked.called);
            return Err(Failure::usage(said, format!("pipe the {} in", asked.called)));
        }
        let typed = rpassword::prompt_password(asked.prompt).map_err(|error| {
            Failure::mend(format!("cannot read from the terminal: {error}"), format!("pipe the {} in", asked.called))
        })?;
        return Ok(typed.into());
    }
    one_line(&piped(asked)?, asked)
}

/// Two secrets: each asked for, or the two lines of standard input.
pub(crate) fn two_secrets(
    first: &Asked<'_>,
    second: &Asked<'_>,
    json: bool,
) -> Result<(SecretString, Option<SecretString>), Failure> {
    if can_ask() {
        return Ok((secret(first, json)?, Some(secret(second, json)?)));
    }
    let bytes = piped(first)?;
    let cut = bytes.iter().position(|byte| *byte == b'\n');
    let (password, code) = bytes.split_at(cut.ok_or_else(|| wrong("has one line, and --otp wants two", first))? + 1);
    Ok((one_line(password, first)?, Some(one_line(code, second)?)))
}

/// Whether somebody sits there.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

fn piped(asked: &Asked<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX));
    io::stdin()
        .lock()
        .take(MAX as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(&format!("cannot be read: {error}"), asked))?;
    if bytes.len() >= MAX {
        return Err(wrong(&format!("holds more than a {}", asked.called), asked));
    }
    Ok(bytes)
}

/// One line and nothing else.
fn one_line(bytes: &[u8], asked: &Asked<'_>) -> Result<SecretString, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text", asked))?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(wrong("is empty", asked));
    }
    if text.contains(['\n', '\r']) {
        return Err(wrong("has more than one line", asked));
    }
    Ok(SecretString::from(text))
}

fn wrong(what: &str, asked: &Asked<'_>) -> Failure {
    Failure::usage(
        format!("standard input {what}"),
        format!("pipe the {} in and nothing else, or run this on a terminal to be asked", asked.called),
    )
}

const MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const PASSWORD: Asked<'_> = Asked { prompt: "Password: ", called: "password" };

    #[test]
    fn one_line_is_a_password_and_anything_else_is_not() {
        for good in ["a b", "a b\n", "a b\r\n"] {
            assert_eq!(one_line(good.as_bytes(), &PASSWORD).unwrap().expose_secret(), "a b");
        }
        for bad in [&b""[..], b"\n", b"a\nb\n", b"\xff"] {
            assert!(one_line(bad, &PASSWORD).is_err(), "{bad:?}");
        }
    }
}
