//! Who asks: a person whom a directory vouches for, a job with a service token, or one that an issuer vouches for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::as_read::AsRead;
use crate::assurance::Assurance;
use crate::id::{AuthorizationId, ConnectorId, ServiceTokenId, SessionId};
use crate::name::{ConnectorName, DirectoryName, Group, ServiceTokenName};
use crate::tag::{TagKey, TagValue};

/// Who somebody is, for good: names change and are given again, this does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    pub directory: DirectoryName,
    /// The directory's immutable id: `entryUUID`, `objectGUID`, or the name where a directory has nothing better.
    pub id: String,
}

/// Somebody a directory vouched for, as they were when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub subject: Subject,
    /// As the directory spells it, never as it was typed.
    pub username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The administrator says that people cannot change their own mail address there; only then may it name a session or a tag.
    #[serde(default)]
    pub email_trusted: bool,
    pub groups: BTreeSet<Group>,
}

/// The one who makes a request, proved.
#[derive(Clone, Debug)]
pub enum Caller {
    Person(PersonCaller),
    Service(ServiceCaller),
    Workload(WorkloadCaller),
}

/// A person with a live session.
#[derive(Clone, Debug)]
pub struct PersonCaller {
    pub session: SessionId,
    pub expires_at: Timestamp,
    /// When the person proved who they are.
    pub signed_in_at: Timestamp,
    /// Shared: somebody may be in a thousand groups.
    pub person: Arc<Person>,
    /// One of AWS's own clients asks in their place, whom they allowed to.
    pub client: Option<AuthorizationId>,
    /// By a group of a directory that may grant it. A client has none.
    pub role: Option<AdminRole>,
    /// What was shown beside the password.
    pub assurance: Assurance,
    pub as_read: AsRead,
}

/// What somebody may do to the installation itself; each may what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdminRole {
    /// Reads.
    Auditor,
    /// Ends sessions, makes and revokes service tokens.
    Operator,
    /// Changes access keys and connectors.
    Administrator,
}

/// Whose members have which role. Only of directories that may grant administration; the configuration sees to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminGroups {
    pub administrators: BTreeSet<Group>,
    pub operators: BTreeSet<Group>,
    pub auditors: BTreeSet<Group>,
}

/// A job with a live service token.
#[derive(Clone, Debug)]
pub struct ServiceCaller {
    pub token: ServiceTokenId,
    pub name: ServiceTokenName,
    pub expires_at: Timestamp,
    /// Ids, not names: a connector that is made again under an old name is another one.
    pub connectors: BTreeSet<ConnectorId>,
    pub as_read: AsRead,
}

impl Caller {
    /// Nothing in the store says who a workload is.
    pub(crate) fn as_read(&self) -> Option<&AsRead> {
        match self {
            Self::Person(person) => Some(&person.as_read),
            Self::Service(service) => Some(&service.as_read),
            Self::Workload(_) => None,
        }
    }

    /// Whether what was read of them, or the token that they showed, counts at this moment.
    pub(crate) fn counts_at(&self, now: Timestamp) -> bool {
        match self {
            Self::Person(person) => person.as_read.counts_at(now),
            Self::Service(service) => service.as_read.counts_at(now),
            Self::Workload(workload) => now < workload.expires_at,
        }
    }

    /// Whether the store says nothing else of them that decides than it said before.
    pub(crate) fn is_as_read_before(&self, before: &Self) -> bool {
        matches!((self.as_read(), before.as_read()), (Some(now), Some(before)) if now.is_the_same_as(before))
            && self.assurance() == before.assurance()
    }

    /// Jobs show a token and nothing else.
    pub(crate) fn assurance(&self) -> Assurance {
        match self {
            Self::Person(person) => person.assurance,
            Self::Service(_) | Self::Workload(_) => Assurance::default(),
        }
    }
}

/// A job that an issuer vouches for, and the mapping that its claims fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadCaller {
    /// As it stands in the token: entries may be renamed.
    pub issuer_url: String,
    /// The token's `sub`.
    pub subject: String,
    /// `ISSUER:NAME`, by the mapping's name; no service token can be called so.
    pub name: String,
    /// A digest of all claims that were looked at: two jobs that differ in one share nothing.
    pub claims: [u8; 32],
    /// The token's own end, with the minute by which clocks may differ.
    pub expires_at: Timestamp,
    /// By name, as the configuration says them.
    pub connectors: BTreeSet<ConnectorName>,
    /// Session tags beside the connector's own.
    pub tags: BTreeMap<TagKey, TagValue>,
}

impl PersonCaller {
    pub fn is_administrator(&self) -> bool {
        self.role == Some(AdminRole::Administrator)
    }
}

impl AdminGroups {
    /// The highest role that the groups give.
    pub fn role_of(&self, groups: &BTreeSet<Group>) -> Option<AdminRole> {
        let roles = [
            (AdminRole::Administrator, &self.administrators),
            (AdminRole::Operator, &self.operators),
            (AdminRole::Auditor, &self.auditors),
        ];
        roles.into_iter().find(|(_, granting)| !granting.is_disjoint(groups)).map(|(role, _)| role)
    }
}

impl std::fmt::Display for AdminRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        })
    }
}

impl Person {
    /// The mail address, where it is fit to stand in a session name or a tag.
    pub fn trusted_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.email_trusted)
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.directory, self.id)
    }
}
