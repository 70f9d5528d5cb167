//! Which user somebody means, by name or by id; and what may be said of one.

use anyhow::Context;
use broker_core::administration::{ListedUser, LocalUserError};
use broker_core::local_user::{DisplayName, Email, LocalUser};
use broker_core::permission::Administrator;

use crate::cli::operator;
use crate::cli::site::Opened;

/// Somebody of either: the store's or the configuration's.
pub(super) async fn listed(opened: &Opened, text: &str) -> anyhow::Result<ListedUser> {
    let found = opened.users()?.user(text, &operator::may::<Administrator>()).await;
    found.with_context(|| {
        let shown: String = text.chars().take(80).collect();
        format!(
            "no local user has the name or the id `{}`: `brokerd user list` shows which there are",
            shown.escape_debug()
        )
    })
}

/// One of the store's.
pub(super) async fn stored(opened: &Opened, text: &str) -> anyhow::Result<LocalUser> {
    let listed = listed(opened, text).await?;
    Ok(listed.stored.ok_or(LocalUserError::ReadOnly(listed.person.username))?)
}

pub(super) fn display_name(text: &str) -> Result<DisplayName, String> {
    DisplayName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn email(text: &str) -> Result<Email, String> {
    Email::try_from(text.to_owned()).map_err(|error| error.to_string())
}
