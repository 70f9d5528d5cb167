//! A session of one broker, as this machine keeps it: in a file, whose secrets are sealed by a key of the system's keyring where there is one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::{Failure, Next};
use crate::identity::Identity;
use crate::keyring::{self, Trouble};
use crate::lent::Token;
use crate::out;
use crate::private;
use crate::refusal::SIGN_IN;
use crate::seal::{Place, Seal, short_name};
use crate::site::Site;

#[derive(Debug)]
pub(crate) struct Signed {
    server: String,
    /// The token's end. A session that renews goes on after that.
    expires_at: Timestamp,
    identity: String,
    renews: bool,
    /// As it was read, until somebody wants to know what is in it.
    sealed: Option<Vec<u8>>,
    opened: OnceLock<Opened>,
}

#[derive(Debug)]
struct Opened {
    secrets: Secrets,
    /// By which they are sealed again; nothing where they stand in clear.
    seal: Option<Seal>,
}

#[derive(Debug, Serialize)]
struct Secrets {
    token: Token,
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

/// What is in the file.
#[derive(Serialize)]
struct Written<'a> {
    server: &'a str,
    expires_at: Timestamp,
    identity: &'a str,
    renews: bool,
    #[serde(flatten)]
    secrets: Option<&'a Secrets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// The same before it is parsed.
#[derive(Deserialize)]
struct Kept {
    server: String,
    expires_at: Timestamp,
    identity: String,
    #[serde(default)]
    renews: bool,
    #[serde(flatten)]
    secrets: Option<KeptSecrets>,
    sealed: Option<String>,
}

#[derive(Deserialize)]
struct KeptSecrets {
    token: SecretString,
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

impl Signed {
    /// A new one, with a key of its own in the keyring, if there is one and it is not switched off.
    pub(crate) fn new(
        site: &Site,
        token: Token,
        expires_at: Timestamp,
        identity: &Identity,
        renewal: Option<Renewal>,
    ) -> Self {
        let renews = renewal.is_some();
        let opened = Opened { secrets: Secrets { token, renewal }, seal: new_seal(site) };
        let server = site.server.origin();
        Self { server, expires_at, identity: identity.key(), renews, sealed: None, opened: opened.into() }
    }

    /// The same session with its next tokens.
    pub(crate) fn renewed(self, token: Token, expires_at: Timestamp, refresh_token: Token) -> Result<Self, Failure> {
        self.opened()?;
        let Self { server, identity, renews, opened, .. } = self;
        let Opened { secrets, seal } = opened.into_inner().ok_or_else(damaged)?;
        let renewal = secrets.renewal.map(|Renewal { registration, .. }| Renewal { registration, refresh_token });
        let opened = Opened { secrets: Secrets { token, renewal }, seal };
        Ok(Self { server, expires_at, identity, renews, sealed: None, opened: opened.into() })
    }

    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    pub(crate) fn token(&self) -> Result<&Token, Failure> {
        Ok(&self.opened()?.secrets.token)
    }

    pub(crate) fn renewal(&self) -> Result<Option<&Renewal>, Failure> {
        Ok(self.opened()?.secrets.renewal.as_ref())
    }

    pub(crate) fn renews(&self) -> bool {
        self.renews
    }

    /// Where its key is, and so that of what is lent to it.
    pub(crate) fn place(&self) -> Place {
        let by_keyring = self.sealed.is_some() || self.opened.get().is_some_and(|opened| opened.seal.is_some());
        if by_keyring { Place::Keyring } else { Place::File }
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

    /// The same, though others could have read it, and opened: to end it, which is the more urgent then.
    pub(crate) fn read_to_end_it(site: &Site) -> Result<Option<Self>, Failure> {
        let read = private::read_of_ours(&file(site.folders.state_of_ours()?, site))?;
        let Some(signed) = read.map(|read| Self::parse(&read.bytes, site)).transpose()? else { return Ok(None) };
        signed.opened()?;
        Ok(Some(signed))
    }

    pub(crate) fn keep(&self, site: &Site) -> Result<(), Failure> {
        let Opened { secrets, seal } = self.opened()?;
        let mut written = Written {
            server: &self.server,
            expires_at: self.expires_at,
            identity: &self.identity,
            renews: self.renews,
            secrets: Some(secrets),
            sealed: None,
        };
        if let Some(seal) = seal {
            let text = Zeroizing::new(serde_json::to_vec(secrets).map_err(std::io::Error::from)?);
            written.sealed = Some(hex::encode(seal.seal(&self.about(), &text).ok_or_else(damaged)?));
            written.secrets = None;
        }
        let bytes = Zeroizing::new(serde_json::to_vec(&written).map_err(std::io::Error::from)?);
        private::write(&file(site.folders.state()?, site), &bytes)
    }

    /// Takes it away, and whatever of one was left half written.
    pub(crate) fn forget(site: &Site) -> Result<(), Failure> {
        let folder = site.folders.state_of_ours()?;
        let file = file(folder, site);
        let gone = private::remove(&file).and(private::remove(&file.with_extension("lock")));
        gone.and(private::sweep(folder)).and(keyring::forget(&key_name(&site.server.origin())))
    }

    fn parse(bytes: &[u8], site: &Site) -> Result<Self, Failure> {
        let kept = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        let Kept { server, expires_at, identity, renews, secrets, sealed } = kept;
        // The name of the file is a digest: what is in it says whose it is.
        if server != site.server.origin() {
            return Err(damaged());
        }
        let (sealed, opened) = match (secrets, sealed) {
            (Some(secrets), None) => (None, Opened { secrets: secrets.parse()?, seal: None }.into()),
            (None, Some(sealed)) => (Some(hex::decode(sealed).map_err(|_| damaged())?), OnceLock::new()),
            (Some(_), Some(_)) | (None, None) => return Err(damaged()),
        };
        Ok(Self { server, expires_at, identity, renews, sealed, opened })
    }

    /// What is in it. The keyring is asked when that is wanted for the first time.
    fn opened(&self) -> Result<&Opened, Failure> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let seal = Seal::in_keyring(&key_name(&self.server))?.ok_or_else(|| {
            let said = "the key of your session is in the system's keyring no more";
            Failure::new(Next::SignIn, said, SIGN_IN)
        })?;
        let sealed = self.sealed.as_deref().unwrap_or_default();
        let text = seal.open(&self.about(), sealed).ok_or_else(damaged)?;
        let secrets = serde_json::from_slice::<KeptSecrets>(&text).map_err(|_| damaged())?.parse()?;
        Ok(self.opened.get_or_init(|| Opened { secrets, seal: Some(seal) }))
    }

    /// What its secrets are sealed to.
    fn about(&self) -> String {
        format!("session {} {}", self.server, self.identity)
    }
}

impl KeptSecrets {
    fn parse(self) -> Result<Secrets, Failure> {
        let token = |text| Token::parse(text).ok_or_else(damaged);
        let renewal =
            self.renewal.map(|KeptRenewal { registration: KeptRegistration { id, secret }, refresh_token }| {
                let registration = Registration { id: token(id)?, secret: token(secret)? };
                Ok::<_, Failure>(Renewal { registration, refresh_token: token(refresh_token)? })
            });
        Ok(Secrets { token: token(self.token)?, renewal: renewal.transpose()? })
    }
}

/// A key in the keyring; nothing where it has to be done without, which is said if there is a keyring.
fn new_seal(site: &Site) -> Option<Seal> {
    if !site.keyring {
        return None;
    }
    match Seal::new_in_keyring(&key_name(&site.server.origin())) {
        Ok(seal) => Some(seal),
        Err(Trouble::Absent) => None,
        Err(Trouble::Failed(why)) => {
            out::say(&format!(
                "Your session is kept in a file that only you can read, for the system's keyring says: {why}"
            ));
            None
        }
    }
}

/// What its key is called in the keyring.
fn key_name(origin: &str) -> String {
    format!("session {origin}")
}

fn file(folder: &Path, site: &Site) -> PathBuf {
    folder.join(format!("session-{}.json", short_name(&site.server.origin())))
}

fn damaged() -> Failure {
    Failure::mend("the session that is kept here is damaged", "run `broker logout`, then sign in")
}
