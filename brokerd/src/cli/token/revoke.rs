//! `brokerd token revoke`: a token is good for nothing from this moment on.

use anyhow::Context;
use broker_core::administration::TokenIdentifier;
use broker_core::store::Table;
use clap::Args;

use super::named::named;
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{damaged, operator, terminal};

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
        if let Some(row) = damaged::find(opened, Table::ServiceTokens, &self.token).await? {
            return damaged::remove(opened, &row, self.yes).await;
        }
        let tokens = opened.administration.service_tokens(&operator::may()).await?;
        let id = named(&tokens, &self.token)?;
        let shown = match tokens.iter().find(|token| token.id == id) {
            Some(token) if token.name.as_str() == self.token => format!("`{}`", token.name),
            Some(_) | None => id.to_string(),
        };
        let which = TokenIdentifier::Id(id);
        terminal::agrees_if_attended(&format!("Revoke service token {shown}?"), self.yes)?;
        let revoked = opened.administration.revoke_service_token(&which, &operator::may()).await;
        let revoked = revoked.with_context(|| format!("service token {shown} is NOT revoked, and still good"))?;
        say(&format!("service token {shown} is revoked ({})", revoked.id));
        operator::recorded("the token is revoked", revoked.recorded)
    }
}
