//! One type for each kind of id, so that a session's cannot be taken for a connector's.

use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A UUID of version 7 that belongs to one kind of thing. Sorts by the time it was made.
pub struct Id<Kind>(Uuid, PhantomData<fn() -> Kind>);

/// Names the kinds; none of them is ever built.
pub mod kind {
    /// A stored connector.
    #[derive(Debug)]
    pub enum Connector {}
    /// A stored long-term access key.
    #[derive(Debug)]
    pub enum AccessKey {}
    /// Somebody signed in.
    #[derive(Debug)]
    pub enum Session {}
    /// What somebody allowed one of AWS's own clients.
    #[derive(Debug)]
    pub enum Authorization {}
    /// What somebody has enrolled to show beside their password.
    #[derive(Debug)]
    pub enum SecondFactor {}
    /// A token for a CI job.
    #[derive(Debug)]
    pub enum ServiceToken {}
    /// A user of a local directory that the store keeps.
    #[derive(Debug)]
    pub enum LocalUser {}
    /// A group of a local directory that the store keeps.
    #[derive(Debug)]
    pub enum LocalGroup {}
    /// One line of the audit trail; `vend_id` for those who received credentials.
    #[derive(Debug)]
    pub enum Record {}
    /// One unbroken run of the audit trail, from a process's start to its end.
    #[derive(Debug)]
    pub enum Chain {}
    /// One HTTP request, or one run of a subcommand.
    #[derive(Debug)]
    pub enum Request {}
    /// This installation: everything sealed is bound to it.
    #[derive(Debug)]
    pub enum Installation {}
}

pub type ConnectorId = Id<kind::Connector>;
pub type AccessKeyId = Id<kind::AccessKey>;
pub type SessionId = Id<kind::Session>;
pub type AuthorizationId = Id<kind::Authorization>;
pub type SecondFactorId = Id<kind::SecondFactor>;
pub type ServiceTokenId = Id<kind::ServiceToken>;
pub type LocalUserId = Id<kind::LocalUser>;
pub type LocalGroupId = Id<kind::LocalGroup>;
pub type RecordId = Id<kind::Record>;
pub type ChainId = Id<kind::Chain>;
pub type RequestId = Id<kind::Request>;
pub type InstallationId = Id<kind::Installation>;

impl<Kind> Id<Kind> {
    /// A new id, unlike every other.
    pub fn random() -> Self {
        Self(Uuid::now_v7(), PhantomData)
    }

    /// Comes before all that were made since that time.
    pub fn earliest_at(time: jiff::Timestamp) -> Self {
        let millis = u64::try_from(time.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid(), PhantomData)
    }

    /// What [`Id::as_bytes`] gave.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes), PhantomData)
    }

    /// The sixteen bytes, for sealing and hashing.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl<Kind> FromStr for Id<Kind> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Uuid::try_parse(text).map(|id| Self(id, PhantomData)).map_err(|_| NotAnId)
    }
}

/// The text is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected a UUID such as 0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d")]
pub struct NotAnId;

impl<Kind> Display for Id<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<Kind> Debug for Id<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<Kind> Clone for Id<Kind> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Kind> Copy for Id<Kind> {}

impl<Kind> PartialEq for Id<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<Kind> Eq for Id<Kind> {}

impl<Kind> PartialOrd for Id<Kind> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Kind> Ord for Id<Kind> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<Kind> std::hash::Hash for Id<Kind> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<Kind> Serialize for Id<Kind> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, Kind> Deserialize<'de> for Id<Kind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
