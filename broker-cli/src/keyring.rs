//! The system's keyring, where there is one: it has the keys of what this program keeps in files. Keys alone, for some keyrings take no more
//! than two kilobytes.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use ::keyring::{Entry, Error};
use zeroize::Zeroizing;

use crate::failure::{Failure, Next};
use crate::out::Waiting;
use crate::text::Text;

/// Why the keyring does not help.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is none.
    Absent,
    /// It is locked, or damaged, or says nothing.
    Failed(Text),
}

/// What is under a name, if anything is.
pub(crate) fn fetch(name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
    ask(name, |entry| match entry.get_secret() {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    })
}

/// Puts something under a name, in the place of what was there.
pub(crate) fn keep(name: &str, secret: &[u8]) -> Result<(), Trouble> {
    let secret = Zeroizing::new(secret.to_vec());
    ask(name, move |entry| entry.set_secret(&secret))
}

/// Takes away what is under a name, if anything is.
pub(crate) fn forget(name: &str) -> Result<(), Failure> {
    let gone = ask(name, |entry| match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error),
    });
    match gone {
        Ok(()) | Err(Trouble::Absent) => Ok(()),
        Err(trouble) => Err(trouble.into()),
    }
}

/// A keyring may ask somebody for a password before it answers, and where nobody sits it waits for ever.
fn ask<T: Send + 'static>(
    name: &str,
    what: impl FnOnce(&Entry) -> ::keyring::Result<T> + Send + 'static,
) -> Result<T, Trouble> {
    let (tell, told) = channel();
    let name = name.to_owned();
    thread::spawn(move || tell.send(Entry::new(SERVICE, &name).and_then(|entry| what(&entry))));
    let outcome = match told.recv_timeout(SILENT) {
        Err(RecvTimeoutError::Timeout) => {
            let _waiting = Waiting::say("waiting for the system's keyring, which may ask you to unlock it");
            told.recv_timeout(PATIENCE)
        }
        outcome => outcome,
    };
    match outcome {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Error::NoDefaultStore)) => Err(Trouble::Absent),
        Ok(Err(error)) => Err(Trouble::Failed(Text::of(&error.to_string()))),
        Err(_) => Err(Trouble::Failed(Text::of("it does not answer"))),
    }
}

/// Of those who need what is in it.
impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let advice = "unlock it, or run `broker login` again; BROKER_KEYRING=off keeps the next session in a file";
        match trouble {
            Trouble::Absent => Self::new(
                Next::SignIn,
                "the key of your session is in the system's keyring, which is not to be found",
                advice,
            ),
            Trouble::Failed(why) => Self::new(
                Next::SignIn,
                format!("the key of your session is in the system's keyring, which says: {why}"),
                advice,
            ),
        }
    }
}

/// By which people find ours among the others.
const SERVICE: &str = "broker";
const SILENT: Duration = Duration::from_secs(1);
/// Long enough to type a password.
const PATIENCE: Duration = Duration::from_secs(30);
