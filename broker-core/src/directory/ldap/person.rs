//! What an entry says of a person: who it is, and under which name.

use std::collections::BTreeSet;

use super::answer::Entry;
use super::dn::Dn;
use super::settings::Users;
use crate::directory::fit::{MAX_EMAIL, MAX_NAME, is_email, is_shown};

/// Somebody as their entry describes them, without groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
}

/// What an entry lacks, or has in a form that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(pub(super) &'static str);

impl Profile {
    pub(super) fn read(entry: &Entry, users: &Users) -> Result<Self, Unusable> {
        Ok(Self {
            id: users.id.read(entry)?,
            username: username(entry, users)?,
            display_name: users
                .display_name
                .iter()
                .map(String::as_str)
                .chain(["cn"])
                .find_map(|name| first(entry, name, MAX_NAME)),
            email: users
                .email
                .as_ref()
                .and_then(|email| first(entry, email, MAX_EMAIL))
                .filter(|email| is_email(email)),
        })
    }
}

/// The attributes that the above reads.
pub(super) fn attributes(users: &Users) -> BTreeSet<&str> {
    let Users { username, id, display_name, email, .. } = users;
    let optional = [display_name, email].into_iter().flatten().map(String::as_str);
    [username.as_str(), id.attribute(), "cn"].into_iter().chain(optional).collect()
}

/// Where an entry has several names, the one that names the entry, or else always the same one.
fn username(entry: &Entry, users: &Users) -> Result<String, Unusable> {
    let names = entry.texts(&users.username).map_err(|_| NO_NAME)?;
    let dn = Dn::parse(&entry.dn).ok();
    let in_dn = dn.as_ref().and_then(|dn| dn.named_by(&users.username));
    let preferred = in_dn.and_then(|name| names.iter().find(|other| other.eq_ignore_ascii_case(name)));
    let name = preferred.or_else(|| names.iter().min()).map(|name| name.trim()).ok_or(NO_NAME)?;
    if is_shown(name, MAX_NAME) { Ok(name.to_owned()) } else { Err(NO_NAME) }
}

/// The first value, if it is fit to be shown.
fn first(entry: &Entry, attribute: &str, most: usize) -> Option<String> {
    let value = str::from_utf8(entry.bytes(attribute).first()?).ok()?.trim();
    is_shown(value, most).then(|| value.to_owned())
}

const NO_NAME: Unusable = Unusable("it has no user name that can be used");
