//! From claims to connectors: which claims must be what, and what the job is called and tagged then.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::claim::{ClaimPath, Claims, NameTemplate};
use super::pattern::Pattern;
use super::{NotProved, Preset};
use crate::name::ConnectorName;
use crate::tag::{TagKey, TagValue};
use crate::vault::digest;

/// A mapping as the configuration says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingFields {
    /// By name; each of scope `system`, which is looked at when it is used.
    pub connectors: BTreeSet<ConnectorName>,
    /// What these claims must be, to the letter.
    #[serde(default)]
    pub claims: BTreeMap<ClaimPath, String>,
    #[serde(default)]
    pub patterns: BTreeMap<ClaimPath, Pattern>,
    #[serde(default)]
    pub name: NameTemplate,
    /// Session tags, each from a claim.
    #[serde(default)]
    pub tags: BTreeMap<TagKey, ClaimPath>,
    #[serde(default)]
    pub allow_pull_requests: bool,
}

/// A mapping that binds whose job it is.
#[derive(Clone, Debug)]
pub struct Mapping {
    fields: MappingFields,
    /// The claim that says what made the job run, and what it must not begin with.
    event: Option<(ClaimPath, &'static str)>,
    used: BTreeSet<ClaimPath>,
}

/// A mapping that would let in whoever else uses the same issuer, or nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    #[error("name at least one connector")]
    NoConnector,
    #[error("others use this issuer too: say whose jobs these are, by one of {0} in `claims`, to the letter")]
    NoTenant(String),
}

/// What a job may have.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) connectors: BTreeSet<ConnectorName>,
    pub(super) name: String,
    pub(super) tags: BTreeMap<TagKey, TagValue>,
    /// A digest of every claim that was looked at.
    pub(super) claims: [u8; 32],
}

impl Mapping {
    pub(super) fn new(fields: MappingFields, preset: &Preset) -> Result<Self, MappingError> {
        if fields.connectors.is_empty() {
            return Err(MappingError::NoConnector);
        }
        let tenants = preset.tenant_claims();
        let binds = |tenant: &ClaimPath| fields.claims.get(tenant).is_some_and(|value| !value.is_empty());
        if !tenants.iter().any(binds) {
            let names: Vec<String> = tenants.iter().map(|tenant| format!("`{}`", tenant.as_str())).collect();
            return Err(MappingError::NoTenant(names.join(" or ")));
        }
        let event = preset.event_claim().filter(|_| !fields.allow_pull_requests);
        let bound = fields.claims.keys().chain(fields.patterns.keys());
        let used = bound.chain(fields.name.claims()).chain(fields.tags.values());
        let used = used.chain(event.iter().map(|(claim, _)| claim)).cloned().collect();
        Ok(Self { fields, event, used })
    }

    pub(super) fn connectors(&self) -> impl Iterator<Item = &ConnectorName> {
        self.fields.connectors.iter()
    }

    /// Nothing where a claim is another one, or is missing.
    pub(super) fn granted(&self, claims: &Claims) -> Option<Result<Granted, NotProved>> {
        let exact = |(path, value): (&ClaimPath, &String)| claims.text(path).is_ok_and(|text| text == *value);
        let fits = |(path, pattern): (&ClaimPath, &Pattern)| claims.text(path).is_ok_and(|text| pattern.fits(&text));
        let is_kept_out = self
            .event
            .as_ref()
            .is_some_and(|(path, beginning)| claims.text(path).map_or(true, |event| event.starts_with(beginning)));
        let fits = self.fields.claims.iter().all(exact) && self.fields.patterns.iter().all(fits) && !is_kept_out;
        fits.then(|| self.made(claims))
    }

    fn made(&self, claims: &Claims) -> Result<Granted, NotProved> {
        let tags = self.fields.tags.iter().map(|(key, path)| {
            let value = claims.text(path)?.try_into().map_err(|_| NotProved::Claim(path.as_str().to_owned()))?;
            Ok((key.clone(), value))
        });
        let mut used = vec![claims.subject()?];
        for path in &self.used {
            used.extend([path.as_str().to_owned(), claims.text(path)?]);
        }
        let used: Vec<&[u8]> = used.iter().map(String::as_bytes).collect();
        Ok(Granted {
            connectors: self.fields.connectors.clone(),
            name: self.fields.name.render(claims)?,
            tags: tags.collect::<Result<_, NotProved>>()?,
            claims: digest(&used),
        })
    }
}
