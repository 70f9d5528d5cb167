//! How much the daemon takes on at once, and from whom.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::fields::LimitsFields;
use super::load::Loader;

/// What nobody may have more of, so that something is left for everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub connections: usize,
    /// A network of IPv6 (64 bits) is one address.
    pub connections_per_address: usize,
    /// Answered at the same time; those that are still on their way do not count.
    pub requests: usize,
    pub requests_per_address: usize,
    /// For each person and each service token.
    pub vends_per_minute: NonZeroU32,
    /// Of one address, where AWS's own clients register and get tokens.
    pub token_requests_per_minute: NonZeroU32,
    /// For the head of a request, from when the connection is free for it.
    pub head: Duration,
    /// For the whole of a request's body.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&LimitsFields::default())
    }
}

impl From<&LimitsFields> for Limits {
    fn from(fields: &LimitsFields) -> Self {
        Self {
            connections: fields.connections.number(),
            connections_per_address: fields.connections_per_address.number(),
            requests: fields.requests.number(),
            requests_per_address: fields.requests_per_address.number(),
            vends_per_minute: fields.vends_per_minute.at_least_one(),
            token_requests_per_minute: fields.token_requests_per_minute.at_least_one(),
            head: fields.head_seconds.duration(),
            body: fields.body_seconds.duration(),
        }
    }
}

impl Loader<'_> {
    pub(super) fn limits(&mut self, fields: &LimitsFields) -> Limits {
        let LimitsFields { connections, connections_per_address, requests, requests_per_address, .. } = fields;
        for (key, share, all) in [
            ("connections_per_address", connections_per_address, connections),
            ("requests_per_address", requests_per_address, requests),
        ] {
            if share > all && !self.is_spoilt("limits") {
                self.error(&["limits", key], &format!("nobody can have more than all of them, which is {}", all.0));
            }
        }
        Limits::from(fields)
    }
}

/// A number of things, from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Count<const MIN: u32, const MAX: u32>(u32);

/// The number is out of bounds.
#[derive(Debug, thiserror::Error)]
#[error("{number} is out of bounds: write {min} to {max}")]
pub(super) struct OutOfBounds {
    number: u64,
    min: u32,
    max: u32,
}

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    /// For defaults: a number out of bounds does not compile where this is a constant.
    pub(super) const fn new(number: u32) -> Self {
        assert!(MIN <= number && number <= MAX, "a default keeps to its own bounds");
        Self(number)
    }

    pub(super) fn at_least_one(self) -> NonZeroU32 {
        NonZeroU32::new(self.0).unwrap_or(NonZeroU32::MIN)
    }

    fn number(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<u64> for Count<MIN, MAX> {
    type Error = OutOfBounds;

    fn try_from(number: u64) -> Result<Self, OutOfBounds> {
        let fits = u32::try_from(number).ok().filter(|number| (MIN..=MAX).contains(number));
        fits.map(Self).ok_or(OutOfBounds { number, min: MIN, max: MAX })
    }
}
