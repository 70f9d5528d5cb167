//! `brokerd token revoke`: a token is good for nothing from this moment on.

use anyhow::bail;
use broker_core::administration::TokenIdentifier;
use broker_core::id::ServiceTokenId;
use broker_core::name::ServiceTokenName;
use broker_core::sign_in::SERVICE_PREFIX;
use clap::Args;

use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{operator, terminal};

/// Take a token's rights away, at once
#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The token's name or id, as `brokerd token list` shows them; never the token itself
    #[arg(value_name = "NAME|ID")]
    token: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Revoke {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let which = self.which(opened).await?;
        let shown = match &which {
            TokenIdentifier::Name(name) => format!("`{name}`"),
            TokenIdentifier::Id(id) => id.to_string(),
        };
        terminal::agrees_if_attended(&format!("Revoke service token {shown}?"), self.yes)?;
        let revoked = opened.administration.revoke_service_token(&which, &operator::by()).await?;
        say(&format!("service token {shown} is revoked ({})", revoked.id));
        if !revoked.recorded {
            bail!("the token is revoked, but the audit trail could not be written: note it down by hand");
        }
        Ok(())
    }

    /// A name may look like an id, and then it is meant as one.
    async fn which(&self, opened: &Opened) -> anyhow::Result<TokenIdentifier> {
        let tokens = opened.administration.service_tokens().await?;
        if let Some(token) = tokens.into_iter().find(|token| token.name.as_str() == self.token) {
            return Ok(TokenIdentifier::Name(token.name));
        }
        if let Ok(id) = self.token.parse::<ServiceTokenId>() {
            return Ok(TokenIdentifier::Id(id));
        }
        // What is neither may be the token itself, and is not repeated.
        match ServiceTokenName::try_from(self.token.clone()) {
            Ok(name) if !name.as_str().starts_with(SERVICE_PREFIX) => {
                bail!("no service token is called `{name}`: `brokerd token list` shows which there are")
            }
            Ok(_) | Err(_) => {
                bail!("this is neither a service token's name nor its id: `brokerd token list` shows them")
            }
        }
    }
}
