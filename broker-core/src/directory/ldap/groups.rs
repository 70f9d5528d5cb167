//! Which groups somebody is in: all of them, or an error.

use std::collections::BTreeSet;

use super::answer::Entry;
use super::dn::Dn;
use super::filter::{Filter, Template};
use super::person::Unusable;
use super::request::{Amount, Scope, Search};
use super::service::{ServerTrouble, Service};
use super::settings::Groups;
use super::trouble::Trouble;

/// Why the groups are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum GroupsError {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Trouble(#[from] ServerTrouble),
    #[error("the entry's groups come in parts, or are not text")]
    Unreadable,
}

/// The attribute that must be read with a person's entry to know the groups.
pub(super) fn attribute(groups: &Groups) -> Option<&str> {
    match groups {
        Groups::MemberOf { attribute, .. } => Some(attribute),
        Groups::Search { .. } => None,
    }
}

/// The names of all groups of the person with this entry.
pub(super) async fn of(service: &Service, entry: &Entry, username: &str) -> Result<BTreeSet<String>, GroupsError> {
    match &service.settings().groups {
        Groups::MemberOf { attribute, name, base } => named_by_entry(entry, attribute, name, base.as_ref()),
        Groups::Search { base, filter, name, nested, page_size } => {
            let found = GroupSearch { service, base, filter, name, page_size: *page_size };
            found.all(&entry.dn, username, *nested).await
        }
    }
}

fn named_by_entry(
    entry: &Entry,
    attribute: &str,
    name: &str,
    base: Option<&Dn>,
) -> Result<BTreeSet<String>, GroupsError> {
    let values = entry.texts(attribute).map_err(|_| GroupsError::Unreadable)?;
    if values.len() > MAX_GROUPS {
        return Err(TOO_MANY.into());
    }
    let mut names = BTreeSet::new();
    for value in values {
        let dn = Dn::parse(value).map_err(|_| Unusable("the name of one of its groups cannot be read"))?;
        if base.is_none_or(|base| dn.is_within(base)) {
            let name =
                dn.named_by(name).ok_or(Unusable("one of its groups is not named by the configured attribute"))?;
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

struct GroupSearch<'a> {
    service: &'a Service,
    base: &'a str,
    filter: &'a Template,
    name: &'a str,
    page_size: u32,
}

impl GroupSearch<'_> {
    /// Level by level: first the groups with the person in them, then those with these groups in them, each group once.
    async fn all(&self, dn: &str, username: &str, nested: bool) -> Result<BTreeSet<String>, GroupsError> {
        let mut names = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut level = vec![self.filter.filled(username, dn)];
        for _ in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for chunk in level.chunks(CHUNK) {
                for group in self.matching(chunk).await? {
                    let dn =
                        Dn::parse(&group.dn).map_err(|_| Unusable("the name of one of its groups cannot be read"))?;
                    if seen.insert(dn.folded()) {
                        names.insert(self.name_of(&group, &dn)?);
                        next.push(self.filter.filled(NOBODY, &group.dn));
                    }
                }
                if seen.len() > MAX_GROUPS {
                    return Err(TOO_MANY.into());
                }
            }
            if !nested || next.is_empty() {
                return Ok(names);
            }
            level = next;
        }
        Err(Unusable("its groups are nested too deep").into())
    }

    async fn matching(&self, filters: &[String]) -> Result<Vec<Entry>, GroupsError> {
        let text = match filters {
            [one] => one.clone(),
            many => format!("(|{})", many.concat()),
        };
        let search = Search {
            base: self.base.to_owned(),
            scope: Scope::Subtree,
            filter: Filter::parse(&text).ok_or(Unusable("its name does not fit into the filter for groups"))?,
            attributes: vec![self.name.to_owned()],
            amount: Amount::All { page_size: self.page_size, most: MAX_GROUPS },
        };
        self.service.search(&search).await.map_err(|error| match error.trouble {
            Trouble::TooManyEntries => TOO_MANY.into(),
            _ => error.into(),
        })
    }

    /// A group with two names is one group, and which of them was granted something must not depend on the order of values.
    fn name_of(&self, group: &Entry, dn: &Dn) -> Result<String, GroupsError> {
        let names = group.texts(self.name).map_err(|_| GroupsError::Unreadable)?;
        match (names.as_slice(), dn.named_by(self.name)) {
            ([name], _) => Ok((*name).to_owned()),
            ([_, _, ..], Some(name)) => Ok(name.to_owned()),
            ([], _) | (_, None) => Err(Unusable("one of its groups has no name, or several").into()),
        }
    }
}

/// Far above what people have, far below what would cost us memory.
const MAX_GROUPS: usize = 2_000;

/// Levels of groups in groups.
const MAX_DEPTH: usize = 10;

/// How many groups to ask about in one search.
const CHUNK: usize = 50;

/// In a filter with both places, what stands for the user's name when groups are asked about: a name that nobody can have.
const NOBODY: &str = "\0";

const TOO_MANY: Unusable = Unusable("it is in too many groups");
