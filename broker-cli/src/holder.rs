//! Who asks: a person who signed in here, or a job with a service token.

use crate::clock;
use crate::failure::{Failure, Next};
use crate::lent::Token;
use crate::refusal::SIGN_IN;
use crate::seal::{Place, short_name};
use crate::session::Signed;
use crate::site::{Site, variable};

#[derive(Debug)]
pub(crate) enum Holder {
    Person(Signed),
    Service(Token),
}

impl Holder {
    /// A service token in the environment counts before anybody's session. The session may want its next token first.
    pub(crate) fn find(site: &Site) -> Result<Self, Failure> {
        if let Some(token) = service_token()? {
            return Ok(Self::Service(token));
        }
        let nobody = || Failure::new(Next::SignIn, format!("nobody is signed in at {}", site.server), SIGN_IN);
        let signed = Signed::read(site)?.ok_or_else(nobody)?;
        if signed.seconds_left(clock::now()) <= 0 && !signed.renews() {
            return Err(Failure::new(Next::SignIn, format!("your session at {} is over", site.server), SIGN_IN));
        }
        Ok(Self::Person(signed))
    }

    pub(crate) fn token(&self) -> Result<&Token, Failure> {
        match self {
            Self::Person(signed) => signed.token(),
            Self::Service(token) => Ok(token),
        }
    }

    pub(crate) fn renews(&self) -> bool {
        matches!(self, Self::Person(signed) if signed.renews())
    }

    /// Where the key is of what is lent to them: a job comes with its own secret, and has no keyring as a rule.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Person(signed) => signed.place(),
            Self::Service(_) => Place::File,
        }
    }

    /// Whose credentials are whose: in the cache nobody finds another's.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Person(signed) => signed.identity().to_owned(),
            Self::Service(token) => format!("token {}", short_name(token.expose())),
        }
    }
}

/// By environment variable, or by a file that one names.
fn service_token() -> Result<Option<Token>, Failure> {
    let given = match (variable(TOKEN), variable(TOKEN_FILE)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Failure::mend(format!("{TOKEN} and {TOKEN_FILE} are both set"), "unset one of them"));
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

pub(crate) const TOKEN: &str = "BROKER_TOKEN";
pub(crate) const TOKEN_FILE: &str = "BROKER_TOKEN_FILE";
/// What becomes of a session that only the broker knows any more.
pub(crate) const ENDING: &str =
    "have an administrator end it (`/v1/admin/sessions`) or wait until it ends by itself, for it is kept here no more";
