//! What a group is called: a name that no other group of the directory can have as well.

use super::answer::Entry;
use super::dn::Dn;
use super::person::Unusable;
use super::request::NO_ATTRIBUTES;

/// How groups are named. Two groups with one name in two places never get one name here: what stands deeper than right below the
/// base, where a directory lets no two entries share their first part, is called by its whole distinguished name.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    by: By,
    /// Groups elsewhere do not count.
    base: Option<Dn>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    Dn,
    /// `sAMAccountName`, of which Active Directory itself sees to it that no domain has it twice.
    Account,
    /// The first part of the distinguished name, which must be this attribute.
    FirstPart(String),
}

/// Names by a first part are told apart only below some base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeedsBase;

impl Naming {
    /// By `dn`, `sAMAccountName`, or the attribute that the first parts of groups' names have.
    pub(super) fn new(attribute: String, base: Option<Dn>) -> Result<Self, NeedsBase> {
        let by = match attribute.to_ascii_lowercase().as_str() {
            "dn" => By::Dn,
            "samaccountname" => By::Account,
            _ => By::FirstPart(attribute),
        };
        if by != By::Dn && base.is_none() { Err(NeedsBase) } else { Ok(Self { by, base }) }
    }

    /// Whether the distinguished name alone tells it.
    pub(super) fn is_by_dn_alone(&self) -> bool {
        self.by != By::Account
    }

    /// The attribute to be read of a group.
    pub(super) fn attribute(&self) -> &str {
        match self.by {
            By::Account => ACCOUNT_NAME,
            By::Dn | By::FirstPart(_) => NO_ATTRIBUTES,
        }
    }

    /// What a group is called, if it counts.
    pub(super) fn of(&self, group: &Entry) -> Result<Option<(Dn, String)>, Unusable> {
        let account = || match group.texts(ACCOUNT_NAME).as_deref() {
            Ok([name]) => Ok((*name).to_owned()),
            _ => Err(Unusable("one of its groups has no sAMAccountName that our credential may read")),
        };
        self.named(&group.dn, account)
    }

    /// The same where nothing else is known of it.
    pub(super) fn of_dn(&self, dn: &str) -> Result<Option<(Dn, String)>, Unusable> {
        self.named(dn, || Err(Unusable("one of its groups has no sAMAccountName that our credential may read")))
    }

    fn named(
        &self,
        dn: &str,
        account: impl Fn() -> Result<String, Unusable>,
    ) -> Result<Option<(Dn, String)>, Unusable> {
        let dn = Dn::parse(dn).map_err(|_| Unusable("the name of one of its groups cannot be read"))?;
        let base = self.base.as_ref();
        if base.is_some_and(|base| !dn.is_within(base)) {
            return Ok(None);
        }
        let short = match &self.by {
            // One server may answer for several domains.
            By::Account if base.is_some_and(|base| base.domain() == dn.domain()) => Some(account()?),
            By::FirstPart(attribute) => {
                let name = dn
                    .named_by(attribute)
                    .ok_or(Unusable("one of its groups is not named by the configured attribute"))?;
                base.filter(|base| dn.is_right_below(base)).map(|_| name.to_owned())
            }
            By::Dn | By::Account => None,
        };
        // A short name that looks like a long one would be another group's.
        let name = short.filter(|name| Dn::parse(name).is_err()).unwrap_or_else(|| dn.normal());
        Ok(Some((dn, name)))
    }
}

const ACCOUNT_NAME: &str = "sAMAccountName";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{DirectoryName, Group};

    fn naming(by: &str, base: &str) -> Naming {
        Naming::new(by.to_owned(), Some(Dn::parse(base).unwrap())).unwrap()
    }

    fn name(naming: &Naming, dn: &str) -> Option<String> {
        naming.of_dn(dn).unwrap().map(|(_, name)| name)
    }

    #[test]
    fn two_groups_with_one_name_in_two_places_have_two_names() {
        let naming = naming("cn", "ou=groups,dc=corp");
        let called = |dn: &str| name(&naming, dn);
        assert_eq!(called("cn=Admins,OU=Groups,dc=corp").as_deref(), Some("Admins"));
        assert_eq!(called("cn=Admins,ou=EU,ou=groups,dc=corp").as_deref(), Some("cn=admins,ou=eu,ou=groups,dc=corp"));
        assert_eq!(called("cn=Admins,ou=clubs,dc=corp"), None);
    }

    #[test]
    fn a_group_that_calls_itself_like_another_ones_long_name_is_not_that_one() {
        let naming = naming("cn", "ou=groups,dc=corp");
        let honest = name(&naming, "cn=admins,ou=eu,ou=groups,dc=corp").unwrap();
        let liar = name(&naming, "cn=cn\\=admins\\,ou\\=eu\\,ou\\=groups\\,dc\\=corp,ou=groups,dc=corp").unwrap();
        assert_ne!(honest, liar);
        assert_eq!(liar, "cn=cn\\=admins\\,ou\\=eu\\,ou\\=groups\\,dc\\=corp,ou=groups,dc=corp");
        let directory: DirectoryName = "corp".to_owned().try_into().unwrap();
        let group = |name: &str| Group::new(directory.clone(), name).ok();
        for unseen in ["\\0A", "\\C2\\A0", "\\E2\\80\\83"] {
            let dn = format!("cn={unseen}cn\\=admins\\,ou\\=eu\\,ou\\=groups\\,dc\\=corp,ou=groups,dc=corp");
            assert_ne!(group(&name(&naming, &dn).unwrap()), group(&honest), "{dn}");
        }
    }

    #[test]
    fn by_dn_all_spellings_are_one_name() {
        let naming = Naming::new("DN".to_owned(), None).unwrap();
        for dn in ["CN=Release  Team,OU=Groups, DC=corp", "cn=release team,ou=groups,dc=corp"] {
            assert_eq!(name(&naming, dn).as_deref(), Some("cn=release team,ou=groups,dc=corp"), "{dn}");
        }
        assert_eq!(Naming::new("cn".to_owned(), None).unwrap_err(), NeedsBase);
    }

    #[test]
    fn an_account_name_counts_within_its_domain_only() {
        let naming = naming("sAMAccountName", "dc=corp,dc=example");
        let group = |dn: &str| Entry::of(dn, [("samaccountname", &[&b"admins"[..]][..])]);
        let called = |dn: &str| naming.of(&group(dn)).unwrap().map(|(_, name)| name);
        assert_eq!(called("cn=x,ou=groups,dc=corp,dc=example").as_deref(), Some("admins"));
        assert_eq!(called("cn=x,dc=eu,dc=corp,dc=example").as_deref(), Some("cn=x,dc=eu,dc=corp,dc=example"));
        assert!(naming.of_dn("cn=x,ou=groups,dc=corp,dc=example").is_err(), "it is not in the name");
    }
}
