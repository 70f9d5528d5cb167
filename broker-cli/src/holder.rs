//! Who asks: a person who signed in here, or a job with a service token.

use std::fs::File;
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
    /// The token's end. A session that renews goes on after that.
    expires_at: Timestamp,
    identity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal: Option<Renewal>,
}

/// How a session by way of a browser gets its next token.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Renewal {
    pub(crate) registration: Registration,
    pub(crate) refresh_token: Token,
}

/// This program, as one broker knows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Registration {
    pub(crate) id: Token,
    pub(crate) secret: Token,
}

/// The same before it is parsed.
#[derive(Deserialize)]
struct Kept {
    server: String,
    token: SecretString,
    expires_at: Timestamp,
    identity: String,
    renewal: Option<KeptRenewal>,
}

#[derive(Deserialize)]
struct KeptRenewal {
    registration: KeptRegistration,
    refresh_token: SecretString,
}

#[derive(Deserialize)]
struct KeptRegistration {
    id: SecretString,
    secret: SecretString,
}

impl Holder {
    /// A service token in the environment counts before anybody's session. The session may want its next token first.
    pub(crate) fn find(site: &Site) -> Result<Self, Failure> {
        if let Some(token) = service_token()? {
            return Ok(Self::Service(token));
        }
        let nobody = || Failure::new(Next::SignIn, format!("nobody is signed in at {}", site.server), SIGN_IN);
        let signed = Signed::read(site)?.ok_or_else(nobody)?;
        if signed.expires_at <= clock::now() && !signed.renews() {
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

    pub(crate) fn renews(&self) -> bool {
        matches!(self, Self::Person(signed) if signed.renews())
    }

    /// Whose credentials are whose: in the cache nobody finds another's.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Person(signed) => signed.identity.clone(),
            Self::Service(token) => format!("token {}", short_name(token.expose())),
        }
    }
}

impl Renewal {
    pub(crate) fn followed_by(&self, refresh_token: Token) -> Self {
        Self { registration: self.registration.clone(), refresh_token }
    }
}

impl Signed {
    pub(crate) fn new(
        site: &Site,
        token: Token,
        expires_at: Timestamp,
        identity: &Identity,
        renewal: Option<Renewal>,
    ) -> Self {
        Self { server: site.server.origin(), token, expires_at, identity: identity.key(), renewal }
    }

    /// The same session with its next token.
    pub(crate) fn renewed(&self, token: Token, expires_at: Timestamp, renewal: Renewal) -> Self {
        Self { server: self.server.clone(), token, expires_at, identity: self.identity.clone(), renewal: Some(renewal) }
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    pub(crate) fn renewal(&self) -> Option<&Renewal> {
        self.renewal.as_ref()
    }

    pub(crate) fn renews(&self) -> bool {
        self.renewal.is_some()
    }

    /// Whole seconds of the token's life that are left.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> i64 {
        self.expires_at.as_second() - now.as_second()
    }

    /// Holds the session's place: of several that renew, one does. Nothing if somebody else of us holds it.
    pub(crate) fn hold(site: &Site) -> Result<Option<File>, Failure> {
        private::hold(&file(site.folders.state_of_ours()?, site).with_extension("lock"))
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
        let kept = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        let Kept { server, token: token_text, expires_at, identity, renewal } = kept;
        // The name of the file is a digest: what is in it says whose it is.
        if server != site.server.origin() {
            return Err(damaged());
        }
        let token = |text| Token::parse(text).ok_or_else(damaged);
        let renewal = renewal.map(|KeptRenewal { registration: KeptRegistration { id, secret }, refresh_token }| {
            let registration = Registration { id: token(id)?, secret: token(secret)? };
            Ok::<_, Failure>(Renewal { registration, refresh_token: token(refresh_token)? })
        });
        Ok(Self { server, token: token(token_text)?, expires_at, identity, renewal: renewal.transpose()? })
    }

    pub(crate) fn keep(&self, site: &Site) -> Result<(), Failure> {
        let bytes = zeroize::Zeroizing::new(serde_json::to_vec(self).map_err(std::io::Error::from)?);
        private::write(&file(site.folders.state()?, site), &bytes)
    }

    /// Takes it away, and whatever of one was left half written.
    pub(crate) fn forget(site: &Site) -> Result<(), Failure> {
        let folder = site.folders.state_of_ours()?;
        let file = file(folder, site);
        private::remove(&file).and(private::remove(&file.with_extension("lock"))).and(private::sweep(folder))
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
