//! What an entry says of a person: who it is, under which name, and whether the account is in use.

use std::collections::BTreeSet;

use super::answer::Entry;
use super::dn::Dn;
use super::filter;
use super::settings::Users;
use crate::directory::Refusal;
use crate::directory::fit::{MAX_EMAIL, MAX_NAME, is_email, is_shown};

/// Somebody as their entry describes them, without groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
}

/// Whether an account is in use, as far as its entry says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountState {
    InUse,
    Disabled,
    /// By an administrator, not by wrong passwords.
    Locked,
}

/// What an entry lacks, or has in a form that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(pub(super) &'static str);

impl Profile {
    pub(super) fn read(entry: &Entry, users: &Users) -> Result<Self, Unusable> {
        Ok(Self {
            id: id(entry, users)?,
            username: username(entry, users)?,
            display_name: [users.display_name.as_str(), "cn"].iter().find_map(|name| first(entry, name, MAX_NAME)),
            email: first(entry, &users.email, MAX_EMAIL).filter(|email| is_email(email)),
        })
    }
}

impl AccountState {
    /// `pwdAccountLockedTime` holds the time at which wrong passwords locked an account, which is the directory's business when
    /// somebody signs in and must not let an attacker end the sessions of others. The time `000001010000Z` means for good
    /// (draft-behera-ldap-password-policy-10, 5.3.3).
    pub(super) fn read(entry: &Entry, users: &Users) -> Self {
        let locked = entry.bytes(LOCKED).iter().any(|value| value.starts_with(FOR_GOOD));
        let disabled = users.disabled.as_ref().is_some_and(|disabled| {
            let values = entry.bytes(&disabled.attribute);
            match &disabled.value {
                Some(value) => values.iter().any(|found| found.eq_ignore_ascii_case(value.as_bytes())),
                None => !values.is_empty(),
            }
        });
        match (disabled, locked) {
            (true, _) => Self::Disabled,
            (false, true) => Self::Locked,
            (false, false) => Self::InUse,
        }
    }
}

impl AccountState {
    /// Why somebody with such an account is not let in.
    pub(super) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::InUse => None,
            Self::Disabled => Some(Refusal::Disabled),
            Self::Locked => Some(Refusal::Locked),
        }
    }
}

/// The attributes that the above reads; operational ones come only when they are asked for by name.
pub(super) fn attributes(users: &Users) -> Vec<String> {
    let Users { username, id, display_name, email, .. } = users;
    let disabled = users.disabled.as_ref().map(|disabled| disabled.attribute.as_str());
    let asked: BTreeSet<_> = [username, id, display_name, email, "cn", LOCKED].into_iter().chain(disabled).collect();
    asked.into_iter().map(str::to_owned).collect()
}

/// The comparison that finds an id, or nothing if no entry can have that id.
pub(super) fn id_filter(users: &Users, id: &str) -> Option<String> {
    if is_binary(users) {
        Some(filter::equals(&users.id, &hex::decode(id).ok()?))
    } else {
        is_id(id).then(|| filter::equals(&users.id, id.as_bytes()))
    }
}

fn id(entry: &Entry, users: &Users) -> Result<String, Unusable> {
    let [value] = entry.bytes(&users.id) else { return Err(Unusable("it has no immutable id, or more than one")) };
    if is_binary(users) {
        if value.is_empty() || value.len() > MAX_ID { Err(NO_ID) } else { Ok(hex::encode(value)) }
    } else {
        str::from_utf8(value).ok().filter(|id| is_id(id)).map(str::to_owned).ok_or(NO_ID)
    }
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

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Active Directory's ids are sixteen bytes, shown here in hexadecimal as they come.
fn is_binary(users: &Users) -> bool {
    users.id.eq_ignore_ascii_case("objectGUID")
}

const LOCKED: &str = "pwdAccountLockedTime";
const FOR_GOOD: &[u8] = b"00000101";
const MAX_ID: usize = 128;
const NO_ID: Unusable = Unusable("its immutable id is not one");
const NO_NAME: Unusable = Unusable("it has no user name that can be used");
