//! Whether an account is in use, as far as its entry says so: each kind of directory has its own way to say it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::answer::Entry;
use super::moment;
use super::person::Unusable;
use super::settings::Users;
use crate::directory::Refusal;

/// A way in which an entry says that its account is not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRule {
    /// `pwdAccountLockedTime`, `pwdStartTime` and `pwdEndTime` (draft-behera-ldap-password-policy-10, 5.3).
    PasswordPolicy,
    /// `shadowExpire` (RFC 2307).
    Shadow,
    /// `userAccountControl` and `accountExpires`.
    ActiveDirectory,
    /// `nsAccountLock`, `krbPrincipalExpiration` and `krbPasswordExpiration`.
    Freeipa,
}

/// Whether an account is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountState {
    InUse,
    /// Switched off, not yet in use, or no longer.
    Disabled,
    /// By an administrator, not by wrong passwords.
    Locked,
}

impl AccountState {
    /// Wrong passwords lock an account too, which is the directory's business when somebody signs in and must not let an attacker
    /// end the sessions of others: neither such a lock (`pwdAccountLockedTime` with a time, `lockoutTime`) nor a password that
    /// grew old counts here.
    pub(super) fn read(entry: &Entry, users: &Users, now: Timestamp) -> Result<Self, Unusable> {
        let marked = users.disabled.as_ref().is_some_and(|disabled| {
            let values = entry.bytes(&disabled.attribute);
            match &disabled.value {
                Some(value) => values.iter().any(|found| found.eq_ignore_ascii_case(value.as_bytes())),
                None => !values.is_empty(),
            }
        });
        let mut state = if marked { Self::Disabled } else { Self::InUse };
        for rule in &users.account_rules {
            // What is stronger stays: a disabled account is disabled, locked or not.
            state = match (state, rule.state(entry, now)?) {
                (Self::InUse, found) | (found @ Self::Disabled, _) => found,
                (_, Self::Disabled) => Self::Disabled,
                (state, _) => state,
            };
        }
        Ok(state)
    }

    /// Why somebody with such an account is not let in.
    pub(super) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::InUse => None,
            Self::Disabled => Some(Refusal::Disabled),
            Self::Locked => Some(Refusal::Locked),
        }
    }
}

/// Whether the password that the server has just found right must be changed first: `FreeIPA` lets an expired one bind.
pub(super) fn must_change(entry: &Entry, users: &Users, now: Timestamp) -> Result<bool, Unusable> {
    if !users.account_rules.contains(&AccountRule::Freeipa) {
        return Ok(false);
    }
    Ok(generalized(entry, KRB_PASSWORD_EXPIRATION)?.is_some_and(|end| end <= now))
}

impl AccountRule {
    /// The attributes that it reads; operational ones come only when they are asked for by name.
    pub(super) fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::PasswordPolicy => &[PWD_LOCKED, PWD_START, PWD_END],
            Self::Shadow => &[SHADOW_EXPIRE],
            Self::ActiveDirectory => &[USER_ACCOUNT_CONTROL, ACCOUNT_EXPIRES],
            Self::Freeipa => &[NS_ACCOUNT_LOCK, KRB_EXPIRATION, KRB_PASSWORD_EXPIRATION],
        }
    }

    fn state(self, entry: &Entry, now: Timestamp) -> Result<AccountState, Unusable> {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        let disabled = match self {
            Self::PasswordPolicy => {
                // The time `000001010000Z` means for good.
                if entry.bytes(PWD_LOCKED).iter().any(|value| value.starts_with(FOR_GOOD)) {
                    return Ok(AccountState::Locked);
                }
                let early = generalized(entry, PWD_START)?.is_some_and(|start| start > now);
                early || over(generalized(entry, PWD_END)?)
            }
            Self::Shadow => over(one(entry, SHADOW_EXPIRE, moment::days)?.flatten()),
            Self::ActiveDirectory => {
                let control = one(entry, USER_ACCOUNT_CONTROL, str::parse::<i64>)?;
                let off = control.ok_or(Unusable("it has no userAccountControl that our credential may read"))?
                    & ACCOUNT_DISABLE
                    != 0;
                off || over(one(entry, ACCOUNT_EXPIRES, moment::file_time)?.flatten())
            }
            Self::Freeipa => {
                let locked = entry.bytes(NS_ACCOUNT_LOCK).iter().any(|value| value.eq_ignore_ascii_case(b"TRUE"));
                locked || over(generalized(entry, KRB_EXPIRATION)?)
            }
        };
        Ok(if disabled { AccountState::Disabled } else { AccountState::InUse })
    }
}

/// The attributes that tell the state of accounts.
pub(super) fn attributes(users: &Users) -> BTreeSet<&str> {
    let of_rules = users.account_rules.iter().flat_map(|rule| rule.attributes().iter().copied());
    of_rules.chain(users.disabled.as_ref().map(|disabled| disabled.attribute.as_str())).collect()
}

fn generalized(entry: &Entry, attribute: &str) -> Result<Option<Timestamp>, Unusable> {
    one(entry, attribute, moment::generalized)
}

/// The attribute's one value, if there is any. One that cannot be read must not pass for none.
fn one<T, E>(entry: &Entry, attribute: &str, read: impl Fn(&str) -> Result<T, E>) -> Result<Option<T>, Unusable> {
    match entry.bytes(attribute) {
        [] => Ok(None),
        [value] => str::from_utf8(value).ok().and_then(|text| read(text).ok()).map(Some).ok_or(UNREADABLE),
        [_, _, ..] => Err(UNREADABLE),
    }
}

const PWD_LOCKED: &str = "pwdAccountLockedTime";
const PWD_START: &str = "pwdStartTime";
const PWD_END: &str = "pwdEndTime";
const SHADOW_EXPIRE: &str = "shadowExpire";
const USER_ACCOUNT_CONTROL: &str = "userAccountControl";
const ACCOUNT_EXPIRES: &str = "accountExpires";
const NS_ACCOUNT_LOCK: &str = "nsAccountLock";
const KRB_EXPIRATION: &str = "krbPrincipalExpiration";
const KRB_PASSWORD_EXPIRATION: &str = "krbPasswordExpiration";

const FOR_GOOD: &[u8] = b"00000101";

/// `UF_ACCOUNTDISABLE` ([MS-ADTS], 2.2.16).
const ACCOUNT_DISABLE: i64 = 0x2;

const UNREADABLE: Unusable = Unusable("what it says of its account's state cannot be read");

#[cfg(test)]
mod tests {
    use super::*;

    fn state(rule: AccountRule, attributes: &[(&str, &str)]) -> Result<AccountState, Unusable> {
        let attributes = attributes.iter().map(|(name, value)| (*name, vec![value.as_bytes()]));
        let attributes: Vec<_> = attributes.collect();
        let entry = Entry::of("cn=ada", attributes.iter().map(|(name, values)| (*name, values.as_slice())));
        rule.state(&entry, "2026-06-01T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn each_directory_says_it_in_its_own_way() {
        use AccountRule::{ActiveDirectory, Freeipa, PasswordPolicy, Shadow};
        use AccountState::{Disabled, InUse, Locked};
        let normal = ("useraccountcontrol", "512");
        for (rule, attributes, expected) in [
            (PasswordPolicy, &[][..], InUse),
            (PasswordPolicy, &[("pwdaccountlockedtime", "20260601115959Z")], InUse),
            (PasswordPolicy, &[("pwdaccountlockedtime", "000001010000Z")], Locked),
            (PasswordPolicy, &[("pwdstarttime", "20260601120001Z")], Disabled),
            (PasswordPolicy, &[("pwdstarttime", "20260601120000Z")], InUse),
            (PasswordPolicy, &[("pwdendtime", "20260601120000Z")], Disabled),
            (PasswordPolicy, &[("pwdendtime", "20260601120001Z")], InUse),
            (Shadow, &[("shadowexpire", "20605")], Disabled),
            (Shadow, &[("shadowexpire", "20606")], InUse),
            (Shadow, &[("shadowexpire", "-1")], InUse),
            (ActiveDirectory, &[normal], InUse),
            (ActiveDirectory, &[("useraccountcontrol", "66050")], Disabled),
            // Locked by wrong passwords: not for those who are inside already.
            (ActiveDirectory, &[("useraccountcontrol", "528"), ("lockouttime", "133801632000000000")], InUse),
            (ActiveDirectory, &[normal, ("accountexpires", "116444736000000000")], Disabled),
            (ActiveDirectory, &[normal, ("accountexpires", "9223372036854775807")], InUse),
            (ActiveDirectory, &[normal, ("accountexpires", "0")], InUse),
            (Freeipa, &[("nsaccountlock", "TRUE")], Disabled),
            (Freeipa, &[("nsaccountlock", "FALSE")], InUse),
            (Freeipa, &[("krbprincipalexpiration", "20260601120000Z")], Disabled),
            (Freeipa, &[("krbpasswordexpiration", "20200101000000Z")], InUse),
        ] {
            assert_eq!(state(rule, attributes), Ok(expected), "{rule:?} {attributes:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_lets_nobody_in() {
        use AccountRule::{ActiveDirectory, Freeipa, PasswordPolicy, Shadow};
        for (rule, attributes) in [
            (PasswordPolicy, &[("pwdendtime", "some day")][..]),
            (Shadow, &[("shadowexpire", "soon")]),
            (ActiveDirectory, &[]),
            (ActiveDirectory, &[("useraccountcontrol", "normal")]),
            (ActiveDirectory, &[("useraccountcontrol", "512"), ("accountexpires", "never")]),
            (Freeipa, &[("krbprincipalexpiration", "0")]),
        ] {
            assert!(state(rule, attributes).is_err(), "{rule:?} {attributes:?}");
        }
    }
}
