//! What an entry says of a person: who it is, and under which name.

use std::collections::BTreeSet;

use super::answer::Entry;
use super::dn::Dn;
use super::settings::Users;
use crate::directory::PasswordMark;
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
    [username.as_str(), id.attribute(), "cn"].into_iter().chain(optional).chain(PASSWORD_CHANGED).collect()
}

/// When the password was last changed, as the server writes it: never read as a time, since each writes another kind and a replica may lag. Active
/// Directory says 0 of one that must be changed, which is another mark as well.
pub(super) fn password_mark(entry: &Entry) -> PasswordMark {
    let told = PASSWORD_CHANGED.into_iter().filter(|name| !entry.bytes(name).is_empty());
    let parts: Vec<&[u8]> = told
        .flat_map(|name| std::iter::once(name.as_bytes()).chain(entry.bytes(name).iter().map(Vec::as_slice)))
        .collect();
    if parts.is_empty() { PasswordMark::untold() } else { PasswordMark::of(&parts) }
}

/// Where an entry has several names, the one that names the entry, or else always the same one.
fn username(entry: &Entry, users: &Users) -> Result<String, Unusable> {
    let names = entry.texts(&users.username).map_err(|_| NO_NAME)?;
    let dn = Dn::parse(&entry.dn).ok();
    let in_dn = dn.as_ref().and_then(|dn| dn.named_by(&users.username));
    let preferred = in_dn.and_then(|name| names.iter().find(|other| other.eq_ignore_ascii_case(name)));
    let name = preferred.or_else(|| names.iter().min()).ok_or(NO_NAME)?;
    // Cut to what is seen of it, it would be somebody else's.
    let fits = *name == name.trim() && is_shown(name, MAX_NAME);
    if fits { Ok((*name).to_owned()) } else { Err(NO_NAME) }
}

/// The first value, if it is fit to be shown.
fn first(entry: &Entry, attribute: &str, most: usize) -> Option<String> {
    let value = str::from_utf8(entry.bytes(attribute).first()?).ok()?.trim();
    is_shown(value, most).then(|| value.to_owned())
}

/// `OpenLDAP`'s policies (draft-behera-ldap-password-policy-10, 5.3.2), Active Directory (MS-ADA3, 2.175) and `FreeIPA`; each has one value.
const PASSWORD_CHANGED: [&str; 3] = ["pwdChangedTime", "pwdLastSet", "krbLastPwdChange"];
const NO_NAME: Unusable = Unusable("it has no user name that can be used");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_another_mark_once_it_was_changed_must_be_changed_or_is_told_of() {
        let mark = |attributes: &[(&str, &[u8])]| {
            let values: Vec<_> = attributes.iter().map(|(name, value)| (*name, [*value])).collect();
            password_mark(&Entry::of("cn=ada", values.iter().map(|(name, values)| (*name, values.as_slice()))))
        };
        let ad = mark(&[("pwdlastset", b"133801632000000000"), ("cn", b"Ada")]);
        assert_eq!(ad, mark(&[("pwdlastset", b"133801632000000000"), ("cn", b"Ada King")]));
        for other in [
            mark(&[("pwdlastset", b"0")]),
            mark(&[("pwdlastset", b"133801632000000001")]),
            mark(&[("pwdchangedtime", b"133801632000000000")]),
            mark(&[]),
        ] {
            assert_ne!(ad, other);
        }
        assert_eq!(mark(&[("cn", b"Ada")]), PasswordMark::untold());
    }
}
