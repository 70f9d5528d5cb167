//! Which token somebody means: by its name or its id, and never by repeating the token itself.

use anyhow::bail;
use broker_core::id::ServiceTokenId;
use broker_core::name::ServiceTokenName;
use broker_core::session::ServiceToken;
use broker_core::sign_in::SERVICE_PREFIX;

/// A name may look like an id, and then it is meant as one. An id need not be among those that can be read.
pub(super) fn named(tokens: &[ServiceToken], text: &str) -> anyhow::Result<ServiceTokenId> {
    if let Some(token) = tokens.iter().find(|token| token.name.as_str() == text) {
        return Ok(token.id);
    }
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    // What is neither may be the token itself, and is not repeated.
    match ServiceTokenName::try_from(text.to_owned()) {
        Ok(name) if !name.as_str().starts_with(SERVICE_PREFIX) => {
            bail!("no service token is called `{name}`: `brokerd token list` shows which there are")
        }
        Ok(_) | Err(_) => bail!("this is neither a service token's name nor its id: `brokerd token list` shows them"),
    }
}
