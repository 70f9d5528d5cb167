//! Attributes of so many values that Active Directory gives them in parts: all of them, or an error ([MS-ADTS], 3.1.1.3.1.3.3).

use std::borrow::Cow;
use std::collections::HashSet;

use super::answer::{Entry, Part, Unreadable, Values};
use super::filter::Filter;
use super::groups::{GroupsError, MAX_GROUPS, TOO_MANY};
use super::person::Unusable;
use super::request::{Amount, Scope, Search};
use super::service::Service;

/// All values of an attribute that names groups. Where the entry has a part of them, the server is asked for the next ones until there are no more.
pub(super) async fn all_values<'a>(
    service: &Service,
    entry: &'a Entry,
    attribute: &str,
) -> Result<Cow<'a, [Vec<u8>]>, GroupsError> {
    let (mut values, mut last) = match entry.values(attribute).map_err(unreadable)? {
        Values::All(values) => return within_limit(values.len()).map(|()| values.into()),
        Values::Part(Part { first: 0, last, values }) => (values.to_vec(), last),
        Values::Part(_) => return Err(DISJOINT.into()),
    };
    for _ in 0..MAX_PARTS {
        within_limit(values.len())?;
        let Some(known) = last else { return once_each(values).map(Cow::Owned) };
        // The last one that is known is asked for again: whether it still stands there tells that none has gone before it, and thereby one after it unseen.
        let search = Search {
            base: entry.dn.clone(),
            scope: Scope::Base,
            filter: Filter::anything(),
            attributes: vec![format!("{attribute};range={known}-*")],
            amount: Amount::One,
        };
        let [found] = <[Entry; 1]>::try_from(service.search(&search).await?).map_err(|_| DISJOINT)?;
        let Values::Part(part) = found.values(attribute).map_err(unreadable)? else { return Err(DISJOINT.into()) };
        match part.values {
            [again, more @ ..] if part.first == known && values.last() == Some(again) => values.extend_from_slice(more),
            _ => return Err(DISJOINT.into()),
        }
        last = part.last;
    }
    Err(DISJOINT.into())
}

/// Another server may have the values in another order: then one of them comes twice where another is missing.
fn once_each(values: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, GroupsError> {
    let known: HashSet<&[u8]> = values.iter().map(Vec::as_slice).collect();
    if known.len() == values.len() { Ok(values) } else { Err(DISJOINT.into()) }
}

fn within_limit(count: usize) -> Result<(), GroupsError> {
    if count > MAX_GROUPS { Err(TOO_MANY.into()) } else { Ok(()) }
}

fn unreadable(Unreadable: Unreadable) -> GroupsError {
    DISJOINT.into()
}

/// Active Directory gives 1,500 at a time; an administrator may have it give as few as 30 (`MaxValRange`).
const MAX_PARTS: usize = 100;

const DISJOINT: Unusable =
    Unusable("its groups come in parts that do not fit together, or changed while they were read");
