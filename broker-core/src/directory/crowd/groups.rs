//! Which groups somebody is in, those within others included: all of them, or an error.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::client::Client;
use super::said::Said;
use super::trouble::Trouble;
use super::user::Unusable;
use crate::name::{DirectoryName, Group};

/// Why the groups are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum GroupsError {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

#[derive(Deserialize)]
struct Page {
    groups: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Page by page until one is not full, which is how Crowd says that it is the last.
pub(super) async fn of(
    client: &Client,
    username: &str,
    directory: &DirectoryName,
) -> Result<BTreeSet<Group>, GroupsError> {
    let mut groups = BTreeSet::new();
    let mut read = 0;
    loop {
        let (start, most) = (read.to_string(), PAGE.to_string());
        let query = [("username", username), ("start-index", start.as_str()), ("max-results", most.as_str())];
        let Page { groups: page } = match client.get(&["user", "group", "nested"], &query).await? {
            Said::Yes(page) => page,
            // Also where somebody was renamed or removed since they were read: the next question will tell.
            Said::No(no) => return Err(no.unexpected().into()),
        };
        let length = page.len();
        if length > PAGE {
            return Err(Trouble::Paging.into());
        }
        read += length;
        if read > MAX_GROUPS {
            return Err(Unusable("it is in too many groups").into());
        }
        let before = groups.len();
        for Named { name } in page {
            let group = Group::new(directory.clone(), &name)
                .map_err(|_| Unusable("one of its groups has a name that is too long or holds control characters"))?;
            groups.insert(group);
        }
        if length < PAGE {
            return Ok(groups);
        }
        // The same page once more: what comes after it would never be seen.
        if groups.len() == before {
            return Err(Trouble::Paging.into());
        }
    }
}

/// How many to ask for at a time: half of what Crowd gives of its own accord.
const PAGE: usize = 500;

/// Far above what people have, far below what would cost us memory.
const MAX_GROUPS: usize = 5_000;
