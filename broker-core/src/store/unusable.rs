//! A store that cannot be used, told to whoever runs the broker: which one it is, what is wrong with it, and what to do.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;

use super::location::Location;

/// Which store cannot be used, what its engine says, and what to do. Holds no password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{store} cannot be used: {cause}. {advice}")]
pub struct Unusable {
    store: String,
    cause: String,
    advice: Cow<'static, str>,
}

impl Unusable {
    pub(super) fn new(location: &Location, error: &sqlx::Error) -> Self {
        let advice = match location {
            Location::Sqlite(path) => of_sqlite(path, error),
            Location::Memory => "It is gone with the process".into(),
            Location::Postgres { .. } => of_postgres(error).into(),
        };
        Self { store: location.to_string(), cause: cause(error), advice }
    }

    /// The same for a store that was usable before, where its failing is what an error comes from.
    pub fn behind(location: &Location, error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        let engine = loop {
            match cause?.downcast_ref::<Arc<sqlx::Error>>() {
                Some(engine) => break engine,
                None => cause = cause?.source(),
            }
        };
        Some(Self::new(location, engine))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match self {
            Self::Sqlite(path) => return write!(f, "the SQLite file {}", path.display()),
            Self::Memory => return f.write_str("the store in memory"),
            Self::Postgres { url, .. } => url,
        };
        // Part by part, so that a password cannot be among them.
        let Ok(options) = url.parse::<PgConnectOptions>() else { return f.write_str("the PostgreSQL database") };
        let user = options.get_username();
        write!(f, "the PostgreSQL database `{}` of user `{user}` at ", options.get_database().unwrap_or(user))?;
        match options.get_socket() {
            Some(socket) => write!(f, "{}", socket.display()),
            None => write!(f, "{}:{}", options.get_host(), options.get_port()),
        }
    }
}

/// In the engine's own words, without what the library says around them.
fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::PoolTimedOut => "connecting timed out".to_owned(),
        other => other.to_string(),
    }
}

/// The lower byte says it all; those above, how it came about (<https://www.sqlite.org/rescode.html>).
fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

fn of_sqlite(path: &Path, error: &sqlx::Error) -> Cow<'static, str> {
    let code = sqlite_code(error);
    // What SQLite makes beside the file at its start it finds no room for in other words.
    if matches!(code, Some(INPUT_OUTPUT | FULL | CANNOT_OPEN))
        && let Some(free) = free_space(path).filter(|free| *free < LITTLE)
    {
        return format!("The disk is full ({} KiB are free there): make room", free >> 10).into();
    }
    let advice = match code {
        Some(BUSY) => "Another program has it locked: let that one finish, or end it",
        Some(READ_ONLY) => {
            "brokerd must write to it: give the file and its folder to the user that brokerd runs as, and see that the file system is not mounted read-only"
        }
        Some(INPUT_OUTPUT) => "See whether the disk is well, and what the kernel's log says about it",
        Some(CORRUPT) => {
            "It is damaged, or cut short, or a backup that met another store's log: keep it and the files -wal and -shm beside it elsewhere, put a backup in its place alone, without those two, and run `brokerd restored`"
        }
        Some(FULL) => "The disk is full: make room",
        Some(CANNOT_OPEN) if path.is_dir() => "It is a folder: name a file in store.url",
        Some(CANNOT_OPEN) => {
            "Give it and its folder to the user that brokerd runs as, and run subcommands as that user"
        }
        Some(NOT_A_DATABASE) => {
            "It is some other file, or damaged: see whether store.url names the right one. If it does, keep it, put a backup in its place, and run `brokerd restored`"
        }
        Some(_) | None => "Keep a copy of it before you try anything",
    };
    advice.into()
}

/// In bytes, for whoever is not root; nothing where the file system does not say.
fn free_space(path: &Path) -> Option<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn of_postgres(error: &sqlx::Error) -> &'static str {
    let code = match error {
        sqlx::Error::Database(error) => error.code(),
        sqlx::Error::Io(error) if error.get_ref().is_some_and(|it| it.downcast_ref::<rustls::Error>().is_some()) => {
            return TLS;
        }
        sqlx::Error::Tls(_) => return TLS,
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => {
            return "See whether PostgreSQL runs there, and whether anything keeps brokerd from reaching it";
        }
        _ => None,
    };
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    match code.as_deref() {
        Some("28P01" | "28000") => {
            "See whether store.url names the right user, whether store.password is theirs, and whether pg_hba.conf lets them in"
        }
        Some("3D000") => "Make that database, or name another in store.url",
        Some("25006") => {
            "brokerd must write to it: name the primary in store.url, or take back default_transaction_read_only"
        }
        Some("42501") => {
            "That user lacks a right: bring the schema up to date as the owner of the database, then run docs/postgresql-roles.sql again"
        }
        Some("55P03") => {
            "Another session holds a lock on what this needs: let it finish, or end it (pg_locks and pg_stat_activity say which)"
        }
        Some("53300") => "The server has no connection left: raise its max_connections",
        Some("53100") => "The server's disk is full: make room",
        Some(_) | None => "See what the server's own log says about it",
    }
}

const TLS: &str = "See whether the server speaks TLS, whether its certificate is for the very host in store.url, and whether a CA of the system's signed it, or the one that sslrootcert in store.url names";
/// Less than the least that SQLite makes beside a file.
const LITTLE: u64 = 256 << 10;
const BUSY: i32 = 5;
const READ_ONLY: i32 = 8;
const INPUT_OUTPUT: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;
