//! What Active Directory knows of groups that no list has: the primary one, and groups in groups to the end.

use std::collections::BTreeSet;

use ldap3::ldap_escape;

use super::answer::Entry;
use super::filter::{self, Filter};
use super::group_name::Naming;
use super::group_search::{CHUNK, Found, GroupSearch};
use super::groups::GroupsError;
use super::parts;
use super::person::Unusable;
use super::request::{Amount, Scope, Search};
use super::service::Service;
use super::sid::Sid;
use super::trouble::{NO_SUCH_OBJECT, Trouble};

/// The attributes of a person that name the primary group, which is neither in `memberOf` nor in the group's `member`.
pub(super) const OF_PRIMARY_GROUP: &[&str] = &[OBJECT_SID, PRIMARY_GROUP_ID];

/// Reads the primary group, wherever it stands.
pub(super) async fn primary_group(service: &Service, person: &Entry, naming: &Naming) -> Result<Entry, GroupsError> {
    let ([sid], [relative]) = (person.bytes(OBJECT_SID), person.bytes(PRIMARY_GROUP_ID)) else {
        return Err(NO_PRIMARY.into());
    };
    let sid = Sid::from_bytes(sid).map_err(|_| NO_PRIMARY)?;
    let relative = str::from_utf8(relative).ok().and_then(|number| number.parse().ok()).ok_or(NO_PRIMARY)?;
    let search = Search {
        // An entry by its identifier ([MS-ADTS], 3.1.1.3.1.2.4).
        base: format!("<SID={}>", sid.neighbour(relative)),
        scope: Scope::Base,
        filter: Filter::anything(),
        attributes: vec![naming.attribute().to_owned()],
        amount: Amount::One,
    };
    let found = service.search(&search).await.or_else(|error| match &error.trouble {
        Trouble::SearchRefused(outcome) if outcome.code == NO_SUCH_OBJECT => Ok(Vec::new()),
        _ => Err(error),
    })?;
    let [group] = <[Entry; 1]>::try_from(found).map_err(|_| UNREADABLE_PRIMARY)?;
    Ok(group)
}

/// All groups by the rule for chains: those of the person and those of the primary group.
pub(super) async fn in_chain(search: &GroupSearch<'_>, person: &Entry) -> Result<BTreeSet<String>, GroupsError> {
    let primary = primary_group(search.service, person, search.naming).await?;
    let around = |dn: &str| format!("(member:{IN_CHAIN}:={})", ldap_escape(dn));
    let groups = search.matching(&[around(&person.dn), around(&primary.dn)]).await?;
    let mut found = Found::default();
    for group in groups.iter().chain([&primary]) {
        if let Some(named) = search.naming.of(group)? {
            found.add(named)?;
        }
    }
    Ok(found.names())
}

/// All groups by which the server itself gives this person rights.
pub(super) async fn by_token(search: &GroupSearch<'_>, person: &Entry) -> Result<BTreeSet<String>, GroupsError> {
    // Computed when asked for, and only of an entry that is named.
    let own = Search {
        base: person.dn.clone(),
        scope: Scope::Base,
        filter: Filter::anything(),
        attributes: vec![TOKEN_GROUPS.to_owned()],
        amount: Amount::One,
    };
    let [own] = <[Entry; 1]>::try_from(search.service.search(&own).await?).map_err(|_| GroupsError::NoTokenGroups)?;
    let sids = parts::all_values(search.service, &own, TOKEN_GROUPS).await?;
    // Everybody has one at least, the primary group.
    if sids.is_empty() {
        return Err(GroupsError::NoTokenGroups);
    }
    let mut found = Found::default();
    let filters = sids.iter().map(|sid| filter::equals(OBJECT_SID, sid)).collect::<Vec<_>>();
    for chunk in filters.chunks(CHUNK) {
        for group in search.matching(chunk).await? {
            if let Some(named) = search.naming.of(&group)? {
                found.add(named)?;
            }
        }
    }
    Ok(found.names())
}

const OBJECT_SID: &str = "objectSid";
const PRIMARY_GROUP_ID: &str = "primaryGroupID";
const TOKEN_GROUPS: &str = "tokenGroups";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

const NO_PRIMARY: Unusable = Unusable("it has no objectSid and primaryGroupID that our credential may read");
const UNREADABLE_PRIMARY: Unusable = Unusable("its primary group is not there, or our credential may not read it");
