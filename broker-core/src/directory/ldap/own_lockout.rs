//! What a directory says of its own lockout, for an operator's test: the domain's rule in Active Directory, password policies in OpenLDAP.

use std::str::FromStr;

use super::answer::Entry;
use super::dn::Dn;
use super::filter::Filter;
use super::request::{Amount, Scope, Search};
use super::servers::ServerTrouble;
use super::service::Service;
use super::trouble::Trouble;
use super::{Failure, LdapDirectory};
use crate::directory::{Unavailable, Watch};

/// A rule by which the directory locks accounts, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLockout {
    /// The name of the entry that says so.
    pub entry: String,
    /// So many wrong passwords lock an account; nothing where none ever does.
    pub failures: Option<u32>,
    /// After so long without one it has forgotten them; nothing where only a right one makes it forget.
    pub window_seconds: Option<u64>,
}

impl LdapDirectory {
    /// The rules that the directory tells our credential: the domain's, or those of all password policies; none where it tells nothing.
    pub async fn own_lockouts(&self) -> Result<Vec<OwnLockout>, Unavailable> {
        // Nobody watches: that our credential may not read something here is no fault.
        let service = Service::new(self.service.settings().clone(), Watch::default());
        let read = async { read(&service).await.map_err(|trouble| self.unavailable(Failure::Trouble(trouble))) };
        self.in_time(read, |late| self.unavailable(late)).await
    }
}

async fn read(service: &Service) -> Result<Vec<OwnLockout>, ServerTrouble> {
    let root = ask(service, base("", &[NAMING_CONTEXTS])).await?;
    let Some(context) = root.first().and_then(|root| context(root, &service.settings().users.base)) else {
        return Ok(Vec::new());
    };
    let domain = ask(service, base(&context, &[LOCKOUT_THRESHOLD, LOCKOUT_WINDOW])).await?;
    if let Some(rule) = domain.first().and_then(of_domain) {
        return Ok(vec![rule]);
    }
    let Some(filter) = Filter::parse("(objectClass=pwdPolicy)") else { return Ok(Vec::new()) };
    let policies = Search {
        base: context,
        scope: Scope::Subtree,
        filter,
        attributes: [LOCKS, MAX_FAILURE, COUNT_INTERVAL].map(str::to_owned).into(),
        amount: Amount::All { page_size: MOST_POLICIES, most: MOST_POLICIES as usize },
    };
    Ok(ask(service, policies).await?.iter().map(of_policy).collect())
}

/// What is found; nothing where the server does not search for that, or not for us.
async fn ask(service: &Service, search: Search) -> Result<Vec<Entry>, ServerTrouble> {
    service.search(&search).await.or_else(|error| match error.trouble {
        Trouble::SearchRefused(_) | Trouble::Incomplete(_) | Trouble::TooManyEntries => Ok(Vec::new()),
        _ => Err(error),
    })
}

fn base(base: &str, attributes: &[&str]) -> Search {
    Search {
        base: base.to_owned(),
        scope: Scope::Base,
        filter: Filter::anything(),
        attributes: attributes.iter().map(|&attribute| attribute.to_owned()).collect(),
        amount: Amount::One,
    }
}

/// The part of the directory in which its people are (RFC 4512, 5.1); the innermost, where one is within another.
fn context(root: &Entry, users: &str) -> Option<String> {
    let users = Dn::parse(users).ok()?;
    let contexts = root.texts(NAMING_CONTEXTS).ok()?;
    let around = |context: &&str| Dn::parse(context).is_ok_and(|context| users.is_within(&context));
    contexts.into_iter().filter(around).max_by_key(|context| context.len()).map(str::to_owned)
}

/// Of Active Directory's domain ([MS-ADA1]): `lockoutThreshold`, where 0 is never, and `lockOutObservationWindow`, in steps of 100 ns below
/// zero.
fn of_domain(domain: &Entry) -> Option<OwnLockout> {
    let failures = number::<u32>(domain, LOCKOUT_THRESHOLD)?;
    let window = number::<i64>(domain, LOCKOUT_WINDOW).filter(|window| *window != i64::MIN);
    Some(OwnLockout {
        entry: domain.dn.clone(),
        failures: Some(failures).filter(|failures| *failures > 0),
        window_seconds: window.map(|window| window.unsigned_abs().div_ceil(TICKS_A_SECOND)),
    })
}

/// Of a password policy (draft-behera-ldap-password-policy-10, 5.2): 0, and what is not there, is never.
fn of_policy(policy: &Entry) -> OwnLockout {
    let locks = policy.texts(LOCKS).is_ok_and(|told| told.iter().any(|told| told.eq_ignore_ascii_case("TRUE")));
    let failures = number::<u32>(policy, MAX_FAILURE).filter(|failures| locks && *failures > 0);
    let window_seconds = number::<u64>(policy, COUNT_INTERVAL).filter(|seconds| *seconds > 0);
    OwnLockout { entry: policy.dn.clone(), failures, window_seconds }
}

fn number<T: FromStr>(entry: &Entry, attribute: &str) -> Option<T> {
    entry.texts(attribute).ok()?.first()?.parse().ok()
}

const NAMING_CONTEXTS: &str = "namingContexts";
const LOCKOUT_THRESHOLD: &str = "lockoutThreshold";
const LOCKOUT_WINDOW: &str = "lockOutObservationWindow";
const LOCKS: &str = "pwdLockout";
const MAX_FAILURE: &str = "pwdMaxFailure";
const COUNT_INTERVAL: &str = "pwdFailureCountInterval";
/// Nobody has more; where there are, none is told.
const MOST_POLICIES: u32 = 100;
const TICKS_A_SECOND: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        let values: Vec<_> = attributes.iter().map(|(name, value)| (*name, [value.as_bytes()])).collect();
        Entry::of("dc=corp", values.iter().map(|(name, value)| (*name, &value[..])))
    }

    #[test]
    fn a_domains_rule_is_read_and_rubbish_is_none() {
        let read = |threshold: &str, window: &str| {
            of_domain(&entry(&[(LOCKOUT_THRESHOLD, threshold), (LOCKOUT_WINDOW, window)]))
                .map(|rule| (rule.failures, rule.window_seconds))
        };
        assert_eq!(read("5", "-18000000000"), Some((Some(5), Some(1_800))));
        assert_eq!(read("0", "-18000000000"), Some((None, Some(1_800))), "never");
        assert_eq!(read("5", "-9223372036854775808"), Some((Some(5), None)), "for ever");
        assert_eq!(read("5", "soon"), Some((Some(5), None)));
        for rubbish in ["", "five", "-1", "99999999999"] {
            assert_eq!(read(rubbish, "-18000000000"), None, "{rubbish}");
        }
        assert_eq!(of_domain(&entry(&[(LOCKOUT_WINDOW, "-18000000000")])), None, "not told");
    }

    #[test]
    fn a_policy_locks_only_where_it_says_so() {
        let read = |attributes: &[(&str, &str)]| {
            let rule = of_policy(&entry(attributes));
            (rule.failures, rule.window_seconds)
        };
        let (locks, three) = ((LOCKS, "TRUE"), (MAX_FAILURE, "3"));
        assert_eq!(read(&[locks, three, (COUNT_INTERVAL, "900")]), (Some(3), Some(900)));
        assert_eq!(read(&[locks, three, (COUNT_INTERVAL, "0")]), (Some(3), None));
        assert_eq!(read(&[locks, three]), (Some(3), None));
        for never in [&[three][..], &[(LOCKS, "FALSE"), three], &[locks, (MAX_FAILURE, "0")], &[locks]] {
            assert_eq!(read(never).0, None, "{never:?}");
        }
    }

    #[test]
    fn the_part_in_which_the_people_are_is_asked() {
        let values: [&[u8]; 3] = [b"DC=corp,DC=example", b"CN=Configuration,DC=corp,DC=example", b"o=other"];
        let root = Entry::of("", [(NAMING_CONTEXTS, &values[..])]);
        assert_eq!(context(&root, "ou=people,dc=corp, dc=example").as_deref(), Some("DC=corp,DC=example"));
        assert_eq!(context(&root, "ou=people,dc=elsewhere"), None);
        assert_eq!(context(&Entry::of("", []), "ou=people,dc=corp,dc=example"), None);
    }
}
