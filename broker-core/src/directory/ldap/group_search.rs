//! Groups that are looked for: page by page, and where groups are in groups, level by level.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Entry;
use super::dn::Dn;
use super::filter::{Filter, Template};
use super::group_name::Naming;
use super::groups::{GroupsError, MAX_GROUPS, TOO_MANY};
use super::person::Unusable;
use super::request::{Amount, Scope, Search};
use super::service::Service;
use super::trouble::Trouble;

/// Where groups are looked for, and what they are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupSearch<'a> {
    pub(super) service: &'a Service,
    pub(super) base: &'a str,
    pub(super) naming: &'a Naming,
    pub(super) page_size: u32,
}

/// Groups by their distinguished names, each once, with what they are called.
#[derive(Debug, Default)]
pub(super) struct Found(BTreeMap<Vec<Vec<(String, String)>>, String>);

impl Found {
    /// Whether it counts and was not known yet.
    pub(super) fn add(&mut self, (dn, name): (Dn, String)) -> Result<bool, Unusable> {
        let new = self.0.insert(dn.folded(), name).is_none();
        if self.0.len() > MAX_GROUPS { Err(TOO_MANY) } else { Ok(new) }
    }

    pub(super) fn names(self) -> BTreeSet<String> {
        self.0.into_values().collect()
    }
}

impl GroupSearch<'_> {
    /// First the groups with the person in them, then those with these groups in them, each group once.
    pub(super) async fn level_by_level(
        &self,
        filter: &Template,
        (entry, username): (&Entry, &str),
        primary: Option<&Entry>,
        nested: bool,
    ) -> Result<BTreeSet<String>, GroupsError> {
        let mut found = Found::default();
        let mut level = vec![filter.filled(username, &entry.dn)];
        if let Some(group) = primary {
            if let Some(named) = self.naming.of(group)? {
                found.add(named)?;
            }
            if nested {
                level.push(filter.filled(NOBODY, &group.dn));
            }
        }
        for _ in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for chunk in level.chunks(CHUNK) {
                for group in self.matching(chunk).await? {
                    let Some(named) = self.naming.of(&group)? else { continue };
                    if found.add(named)? {
                        next.push(filter.filled(NOBODY, &group.dn));
                    }
                }
            }
            if !nested || next.is_empty() {
                return Ok(found.names());
            }
            level = next;
        }
        Err(Unusable("its groups are nested too deep").into())
    }

    /// All groups that one of these filters finds.
    pub(super) async fn matching(&self, filters: &[String]) -> Result<Vec<Entry>, GroupsError> {
        let text = match filters {
            [one] => one.clone(),
            many => format!("(|{})", many.concat()),
        };
        let search = Search {
            base: self.base.to_owned(),
            scope: Scope::Subtree,
            filter: Filter::parse(&text).ok_or(Unusable("its name does not fit into the filter for groups"))?,
            attributes: vec![self.naming.attribute().to_owned()],
            amount: Amount::All { page_size: self.page_size, most: MAX_GROUPS },
        };
        self.service.search(&search).await.map_err(|error| match error.trouble {
            Trouble::TooManyEntries => TOO_MANY.into(),
            _ => error.into(),
        })
    }
}

/// Levels of groups in groups.
const MAX_DEPTH: usize = 10;

/// How many groups to ask about in one search: so many hundred people are in, and a request of some ten kilobytes.
pub(super) const CHUNK: usize = 400;

/// In a filter with both places, what stands for the user's name when groups are asked about: a name that nobody can have.
const NOBODY: &str = "\0";
