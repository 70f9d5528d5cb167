//! Takes secrets out of the process's environment, where children, crash reports and `/proc` would go on showing them.
//!
//! `std::env::remove_var` is unsafe, and would leave what `/proc/PID/environ` shows as it was. So the program starts itself anew
//! (`exec`: the same process id, no second process) without the variables, and hands their values over through a pipe.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use broker_core::file::Environment;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// The secrets could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    #[error("the secrets in the environment have more than {MAX} bytes together")]
    TooLarge,
    #[error("the program cannot start itself anew to take secrets out of its environment")]
    Exec(#[source] io::Error),
    #[error("what stands on standard input is not what this program hands over to itself: unset {MARK}")]
    Unreadable,
}

/// For whoever runs for long, before anything else: standard input is taken for it. Returns what `BROKERD_SECRET_…` variables
/// there were; none of them is in the environment any more.
pub fn take_out_of_environment() -> Result<Environment, HandOverError> {
    if std::env::var_os(MARK).is_some() {
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = MAX as u64 + 1;
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(|_| HandOverError::Unreadable)?;
        return unpack(&bytes).ok_or(HandOverError::Unreadable);
    }
    let environment = Environment::of_process();
    let packed = pack(&environment);
    match packed.len() {
        0 => Ok(environment),
        length if length > MAX => Err(HandOverError::TooLarge),
        _ => Err(HandOverError::Exec(start_anew(&environment, &packed))),
    }
}

/// Comes back only if it failed.
fn start_anew(environment: &Environment, packed: &[u8]) -> io::Error {
    let (reader, mut writer) = match io::pipe() {
        Ok(pipe) => pipe,
        Err(error) => return error,
    };
    // It fits: a pipe holds more than `MAX` bytes before anybody reads.
    if let Err(error) = writer.write_all(packed) {
        return error;
    }
    drop(writer);
    let mut arguments = std::env::args_os();
    let mut program = match this_program() {
        Ok(path) => Command::new(path),
        Err(error) => return error,
    };
    if let Some(name) = arguments.next() {
        program.arg0(name);
    }
    program.args(arguments).env(MARK, "1").stdin(reader);
    for (name, _) in environment.iter() {
        program.env_remove(name);
    }
    program.exec()
}

/// On Linux the very file that runs, though another has taken its name meanwhile.
fn this_program() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() }
}

/// Name and value, each ended by a zero byte, which neither can hold.
fn pack(environment: &Environment) -> Zeroizing<Vec<u8>> {
    let mut packed = Zeroizing::new(Vec::with_capacity(MAX));
    for (name, value) in environment.iter() {
        for text in [name, value.expose_secret()] {
            packed.extend_from_slice(text.as_bytes());
            packed.push(0);
        }
    }
    packed
}

fn unpack(bytes: &[u8]) -> Option<Environment> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\0')?;
    let mut parts = text.split('\0');
    let mut pairs = Vec::new();
    while let Some(name) = parts.next() {
        pairs.push((name.to_owned(), SecretString::from(parts.next()?)));
    }
    Some(pairs.into_iter().collect())
}

/// Says to the program started anew that its secrets are on standard input. No secret itself.
const MARK: &str = "BROKERD_HANDED_OVER";
/// Half of what a pipe holds on Linux.
const MAX: usize = 32_768;

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect()
    }

    #[test]
    fn what_is_handed_over_arrives() {
        let sent = environment(&[("BROKERD_SECRET_A", "one\ntwo"), ("BROKERD_SECRET_B", ""), ("PATH", "/bin")]);
        let received = unpack(&pack(&sent)).unwrap();
        let received: Vec<(&str, &str)> = received.iter().map(|(name, value)| (name, value.expose_secret())).collect();
        assert_eq!(received, [("BROKERD_SECRET_A", "one\ntwo"), ("BROKERD_SECRET_B", "")]);
        assert!(pack(&environment(&[])).is_empty(), "then nothing starts anew");
    }

    #[test]
    fn anything_else_on_standard_input_is_refused() {
        for bytes in [&b""[..], b"A", b"A\0", b"A\0b", b"A\0b\0c\0", b"\xff\0\xff\0"] {
            assert!(unpack(bytes).is_none(), "{bytes:?}");
        }
    }
}
