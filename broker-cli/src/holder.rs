//! Who asks: a person who signed in here, or a job with a service token.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::failure::{Failure, Next};
use crate::identity::Identity;
use crate::lent::Token;
use crate::private;
use crate::refusal::SIGN_IN;
use crate::seal::short_name;
use crate::site::{Site, variable};

#[derive(Debug)]
pub(crate) enum Holder {
    Person(Signed),
    Service(Token),
}

/// A session of one broker, as this machine keeps it.
#[derive(Debug, Serialize)]
pub(crate) struct Signed {
    server: String,
    token: Token,
    expires_at: Timestamp,
    identity: String,
}

/// The same before it is parsed.
#[derive(Deserialize)]
struct Kept {
    server: String,
    token: SecretString,
    expires_at: Timestamp,
    identity: String,
}

impl Holder {
    /// A service token in the environment counts before anybody's session.
    pub(crate) fn find(site: &Site) -> Result<Self, Failure> {
        if let Some(token) = service_token()? {
            return Ok(Self::Service(token));
        }
        let nobody = || Failure::new(Next::SignIn, format!("nobody is signed in at {}", site.server), SIGN_IN);
        let signed = Signed::read(site)?.ok_or_else(nobody)?;
        if signed.expires_at <= clock::now() {
            return Err(Failure::new(Next::SignIn, format!("your session at {} is over", site.server), SIGN_IN));
        }
        Ok(Self::Person(signed))
    }

    pub(crate) fn token(&self) -> &Token {
        match self {
            Self::Person(signed) => &signed.token,
            Self::Service(token) => token,
        }
    }

    /// Whose credentials are whose: in the cache nobody finds another's.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Person(signed) => signed.identity.clone(),
            Self::Service(token) => format!("token {}", short_name(token.expose())),
        }
    }
}

impl Signed {
    pub(crate) fn new(site: &Site, token: Token, expires_at: Timestamp, identity: &Identity) -> Self {
        Self { server: site.server.origin(), token, expires_at, identity: identity.key() }
    }

    /// The session that was kept for this broker, whether or not it is over.
    pub(crate) fn read(site: &Site) -> Result<Option<Self>, Failure> {
        let bytes = private::read(&file(site.folders.state()?, site))?;
        bytes.map(|bytes| Self::parse(&bytes, site)).transpose()
    }

    /// The same, though others could have read it: to end it, which is the more urgent then.
    pub(crate) fn read_to_end_it(site: &Site) -> Result<Option<Self>, Failure> {
        let read = private::read_of_ours(&file(site.folders.state_of_ours()?, site))?;
        read.map(|read| Self::parse(&read.bytes, site)).transpose()
    }

    fn parse(bytes: &[u8], site: &Site) -> Result<Self, Failure> {
        let damaged = || Failure::mend("the session that is kept here is damaged", "run `broker logout`, then sign in");
        let Kept { server, token, expires_at, identity } = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        // The name of the file is a digest: what is in it says whose it is.
        if server != site.server.origin() {
            return Err(damaged());
        }
        Ok(Self { server, token: Token::parse(token).ok_or_else(damaged)?, expires_at, identity })
    }

    pub(crate) fn keep(&self, site: &Site) -> Result<(), Failure> {
        let bytes = zeroize::Zeroizing::new(serde_json::to_vec(self).map_err(std::io::Error::from)?);
        private::write(&file(site.folders.state()?, site), &bytes)
    }

    /// Takes it away, and whatever of one was left half written.
    pub(crate) fn forget(site: &Site) -> Result<(), Failure> {
        let folder = site.folders.state_of_ours()?;
        private::remove(&file(folder, site)).and(private::sweep(folder))
    }
}

/// By environment variable, or by a file that one names.
fn service_token() -> Result<Option<Token>, Failure> {
    let given = match (variable(TOKEN), variable(TOKEN_FILE)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Failure::usage(format!("{TOKEN} and {TOKEN_FILE} are both set"), "unset one of them"));
        }
        (Some(token), None) => token,
        (None, Some(path)) => std::fs::read_to_string(&path).map_err(|error| {
            Failure::mend(format!("cannot read {TOKEN_FILE} {path}: {error}"), "see that it is there")
        })?,
    };
    let token = Token::parse(given.trim().into());
    token
        .map(Some)
        .ok_or_else(|| Failure::mend("the service token is no token", "see to BROKER_TOKEN or BROKER_TOKEN_FILE"))
}

/// Whether a service token counts before any session.
pub(crate) fn is_by_service_token() -> bool {
    variable(TOKEN).is_some() || variable(TOKEN_FILE).is_some()
}

fn file(folder: &Path, site: &Site) -> PathBuf {
    folder.join(format!("session-{}.json", short_name(&site.server.origin())))
}

pub(crate) const TOKEN: &str = "BROKER_TOKEN";
pub(crate) const TOKEN_FILE: &str = "BROKER_TOKEN_FILE";
/// What becomes of a session that only the broker knows any more.
pub(crate) const ENDING: &str =
    "have an administrator end it (`/v1/admin/sessions`) or wait until it ends by itself, for it is kept here no more";
