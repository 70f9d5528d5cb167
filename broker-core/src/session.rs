//! Somebody signed in, and a job with a token: what the store remembers of either.

use std::collections::BTreeSet;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::assurance::ProvedFactor;
use crate::caller::Person;
use crate::character::is_hidden;
use crate::epoch::Epoch;
use crate::id::{ConnectorId, ServiceTokenId, SessionId};
use crate::name::{DirectoryName, ServiceTokenName};
use crate::vault::Mac;

/// A person's session. The token itself is kept nowhere; the store has a keyed hash of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub id: SessionId,
    /// As the directory described them at `checked_at`.
    pub person: Person,
    pub created_at: Timestamp,
    /// The absolute end, whatever happens.
    pub expires_at: Timestamp,
    /// When the directory was last asked for account state and groups.
    pub checked_at: Timestamp,
    /// For the idle end; noted at most once a minute.
    pub last_seen_at: Timestamp,
    /// It ends with it.
    pub epoch: Epoch,
    /// What was shown beside the password, and when last.
    pub second_factor: Option<ProvedFactor>,
    /// The password by which it began, as their directory marks it, keyed: another one ends it. None where it began before there were marks; the
    /// first that the directory tells is not taken for it, since it may be of a password that was changed since.
    pub password_mark: Option<Mac>,
}

/// Whose sessions are meant, as lists and the trail name people; nothing means everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    pub directory: Option<DirectoryName>,
    pub person: Option<Username>,
}

/// A user name as a directory spells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Username(String);

/// No directory has such a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name is from 1 to 256 characters, and none of control")]
pub struct NotAUsername;

/// A token by which a CI job vends from named system connectors, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceToken {
    pub id: ServiceTokenId,
    pub name: ServiceTokenName,
    pub terms: TokenTerms,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// In which it was made or last confirmed.
    pub epoch: Epoch,
    /// A backup was restored since, so that it may have been revoked: it is good for nothing until an administrator says so.
    pub awaits_confirmation: bool,
}

impl Whose {
    pub fn is(&self, person: &Person) -> bool {
        self.directory.as_ref().is_none_or(|directory| person.subject.directory == *directory)
            && self.person.as_ref().is_none_or(|username| person.username == username.0)
    }
}

impl Username {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Username {
    type Error = NotAUsername;

    fn try_from(text: String) -> Result<Self, NotAUsername> {
        let fits = (1..=MAX_USERNAME).contains(&text.chars().count()) && !text.chars().any(is_hidden);
        if fits { Ok(Self(text)) } else { Err(NotAUsername) }
    }
}

/// What a service token may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenTerms {
    /// By id: a connector made again under an old name inherits nothing.
    pub connectors: BTreeSet<ConnectorId>,
    /// From where it may be used; empty means anywhere.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// Who made it, for the trail's readers.
    pub created_by: String,
    /// What stays of them when names change, where they have such an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_id: Option<String>,
}

/// As directories have it.
const MAX_USERNAME: usize = 256;
