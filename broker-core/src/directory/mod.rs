//! Who people are and which groups they are in: one trait, and the directories behind it.

mod config;
pub mod crowd;
mod description;
mod fit;
mod gate;
pub mod ldap;
pub mod local;
mod lockout;
mod measured;
mod outage;
mod password_mark;
mod shown;
mod single_sign_on;
mod watch;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::caller::Person;
use crate::character::is_hidden;
use crate::name::DirectoryName;

pub use self::config::{LockoutConfig, TrustedAttribute};
pub use self::description::{Description, Found};
pub use self::gate::{Gate, NotAdmitted};
pub use self::lockout::{Lockout, NotALockout};
pub use self::measured::MeasuredDirectory;
pub use self::password_mark::PasswordMark;
pub use self::single_sign_on::{SingleSignOn, SsoToken, Vouched};
pub use self::watch::{About, Failed, Secured, Seen, Step, Told, Watch};

/// A place that knows people. Every method answers within a time limit of its own, [`LONGEST_ANSWER`] at most.
#[async_trait]
pub trait Directory: Debug + Send + Sync {
    /// The name by which groups and sessions refer to this directory.
    fn name(&self) -> &DirectoryName;

    /// When it locks accounts by itself; nothing where it never does.
    fn lockout(&self) -> Option<Lockout>;

    /// Proves that the password behind the gate is this person's, and says who they are and which groups they are in, all of them.
    ///
    /// An unknown name, and one whom the gate does not admit, are as much work for us as a wrong password, by a decoy. A server may be quicker with
    /// that all the same (OpenLDAP hashes nothing for nobody): a sign-in takes one time whatever this takes.
    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError>;

    /// What it has under a name, nobody's password tried: for administrators who look why somebody is let in, or is not.
    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable>;

    /// Reads somebody again by the immutable id of their [`Subject`](crate::caller::Subject): account state and groups, now.
    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable>;

    /// Whether what it has at hand says the same of somebody as is known of them already, and their password is the one that is known. Asks nobody, and where nothing is at hand says yes.
    fn is_as_known(&self, _: &Person, _: &(dyn Fn(&PasswordMark) -> bool + Sync)) -> bool {
        true
    }

    /// Whether a name is that of an account for emergencies. Then this directory alone is asked about it, whatever stands before it.
    async fn is_break_glass(&self, _: &TypedName) -> Result<bool, Unavailable> {
        Ok(false)
    }

    /// Proves that the directory can be reached and that our own credential for it works.
    async fn probe(&self) -> Result<(), Unavailable>;

    /// Its own sessions in browsers, where they let people in; nothing where there are none, or nobody switched that on.
    fn single_sign_on(&self) -> Option<&dyn SingleSignOn> {
        None
    }
}

/// Somebody as a directory knows them at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    pub person: Person,
    /// When they are let in it is of the password that they showed, or of one before it, never of a later one.
    pub password: PasswordMark,
}

/// What a directory says of somebody it was asked about by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Good(Attested),
    /// There, but disabled, locked by an administrator, or expired.
    Disabled,
    /// Not there any more.
    Gone,
}

/// Why somebody was not let in. Cut by what the caller does next; all but `PasswordExpired`, `Unavailable`
/// and `Unanswered` look the same from outside.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Definitely not here: the next directory may be asked. Nothing else lets the search go on.
    #[error("no such user")]
    NoSuchUser,
    /// The end of the attempt. The reason stands in the trail only.
    #[error("{0}")]
    Refused(Refusal),
    /// The password was right but must be changed first, with the directory's own means.
    #[error("the password has expired or must be changed")]
    PasswordExpired,
    /// There is such a person, but their password was not tried.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The password was shown, or somebody's decoy, and what the directory makes of it is not known: it may have counted it.
    #[error(transparent)]
    Unanswered(Unavailable),
}

/// The reason of a refusal, for the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("wrong password")]
    WrongPassword,
    #[error("more than one entry answers to this name")]
    Ambiguous,
    #[error("the account is disabled or has expired")]
    Disabled,
    #[error("the account is locked by its directory")]
    Locked,
    /// The directory says that the password has expired, and not whether the one that was shown was right.
    #[error("the directory says that the password has expired, and not whether this was the right one")]
    Expired,
    /// Known there, and not among those whom the directory lets use the broker.
    #[error("the directory does not let this person use the broker")]
    NotForUs,
    #[error("the directory does not let this account in at this time, or not from the broker's machine")]
    Restricted,
    /// An answer that is legal but cannot be used: no immutable id, too many groups, nested too deep.
    #[error("the directory's entry cannot be used: {0}")]
    UnusableEntry(&'static str),
}

/// The directory did not answer, or not in a way that can be trusted. `source` says why, for the operator.
#[derive(Debug, thiserror::Error)]
#[error("directory `{directory}` is unavailable")]
pub struct Unavailable {
    pub directory: DirectoryName,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A user name as somebody typed it: trimmed, without control characters, of bearable length. Not to be logged: people
/// type passwords here.
#[derive(Clone)]
pub struct TypedName(String);

/// A password that may be shown to a directory: not empty, because some answer success to an empty one.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

/// What was typed cannot be anybody's name or password; no directory needs to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a user name or password that any directory could hold")]
pub struct Untypable;

impl TypedName {
    pub fn parse(text: &str) -> Result<Self, Untypable> {
        let name = text.trim();
        let fits = !name.is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(is_hidden);
        if fits { Ok(Self(name.to_owned())) } else { Err(Untypable) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Debug for TypedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TypedName(..)")
    }
}

impl Password {
    /// Refuses what LDAP servers take for an anonymous bind (RFC 4513, 5.1.2), and what nobody can have typed.
    pub fn parse(password: SecretString) -> Result<Self, Untypable> {
        let text = password.expose_secret();
        let fits = !text.is_empty() && !text.starts_with('\0') && text.len() <= MAX_PASSWORD;
        if fits { Ok(Self(password)) } else { Err(Untypable) }
    }

    /// What is tried where there is nobody to try it for, only so that as much is asked. Nothing is made of the answer.
    fn decoy() -> Self {
        Self(SecretString::from("nobody's password"))
    }

    pub fn as_secret(&self) -> &SecretString {
        &self.0
    }
}

/// The most that an operator may allow a directory for one answer: somebody's request waits for it, and perhaps for AWS after it.
pub const LONGEST_ANSWER: Duration = Duration::from_secs(30);
const MAX_NAME: usize = 256;
const MAX_PASSWORD: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_name_is_trimmed_and_free_of_control_characters() {
        assert_eq!(TypedName::parse(" ada ").unwrap().as_str(), "ada");
        for bad in ["", "  ", "a\0", "a\nb", "\u{85}", &"x".repeat(257)] {
            assert!(TypedName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_password_never_reaches_a_directory() {
        for bad in ["", "\0secret", &"x".repeat(1_025)] {
            assert!(Password::parse(SecretString::from(bad)).is_err(), "{bad:?}");
        }
        assert!(Password::parse(SecretString::from(" ")).is_ok());
    }
}
