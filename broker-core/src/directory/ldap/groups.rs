//! Which groups somebody is in: all of them, or an error.

use std::collections::BTreeSet;

use super::active_directory;
use super::answer::Entry;
use super::group_name::Naming;
use super::group_search::GroupSearch;
use super::parts;
use super::person::Unusable;
use super::servers::ServerTrouble;
use super::service::Service;
use super::settings::Groups;

/// Why the groups are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum GroupsError {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Trouble(#[from] ServerTrouble),
    #[error("the entry has no tokenGroups: our credential may not read them")]
    NoTokenGroups,
}

/// The attributes that must be read with a person's entry to know the groups.
pub(super) fn attributes(groups: &Groups) -> Vec<&str> {
    let (attribute, primary) = match groups {
        Groups::MemberOf { attribute, primary, .. } => (Some(attribute.as_str()), *primary),
        Groups::Search { primary, .. } => (None, *primary),
        Groups::InChain { .. } => (None, true),
        Groups::Token { .. } => (None, false),
    };
    let primary = if primary { active_directory::OF_PRIMARY_GROUP } else { &[] };
    attribute.into_iter().chain(primary.iter().copied()).collect()
}

/// In which way they are found, as the configuration calls it.
pub(super) fn way(groups: &Groups) -> &'static str {
    match groups {
        Groups::MemberOf { .. } => "member_of",
        Groups::Search { nested: true, .. } => "search, nested",
        Groups::Search { nested: false, .. } => "search",
        Groups::InChain { .. } => "in_chain",
        Groups::Token { .. } => "token_groups",
    }
}

/// The names of all groups of the person with this entry.
pub(super) async fn of(service: &Service, entry: &Entry, username: &str) -> Result<BTreeSet<String>, GroupsError> {
    match &service.settings().groups {
        Groups::MemberOf { attribute, naming, primary } => {
            let mut names = named_by_entry(&parts::all_values(service, entry, attribute).await?, naming)?;
            if *primary {
                let group = active_directory::primary_group(service, entry, naming).await?;
                names.extend(naming.of(&group)?.map(|(_, name)| name));
            }
            Ok(names)
        }
        Groups::Search { base, filter, naming, nested, page_size, primary } => {
            let primary =
                if *primary { Some(active_directory::primary_group(service, entry, naming).await?) } else { None };
            let search = GroupSearch { service, base, naming, page_size: *page_size };
            search.level_by_level(filter, (entry, username), primary.as_ref(), *nested).await
        }
        Groups::InChain { base, naming, page_size } => {
            let search = GroupSearch { service, base, naming, page_size: *page_size };
            active_directory::in_chain(&search, entry).await
        }
        Groups::Token { base, naming, page_size } => {
            let search = GroupSearch { service, base, naming, page_size: *page_size };
            active_directory::by_token(&search, entry).await
        }
    }
}

fn named_by_entry(values: &[Vec<u8>], naming: &Naming) -> Result<BTreeSet<String>, GroupsError> {
    let names = values.iter().map(|value| {
        let dn = str::from_utf8(value).map_err(|_| NOT_TEXT)?;
        Ok(naming.of_dn(dn)?.map(|(_, name)| name))
    });
    names.filter_map(Result::transpose).collect()
}

/// Far above what people have, far below what would cost us memory.
pub(super) const MAX_GROUPS: usize = 2_000;

pub(super) const TOO_MANY: Unusable = Unusable("it is in too many groups");

const NOT_TEXT: Unusable = Unusable("its groups are not text");
