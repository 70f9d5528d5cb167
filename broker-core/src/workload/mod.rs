//! Jobs that prove themselves by a token of where they run (OIDC): no secret of ours lies in the CI system at all.

mod address;
mod claim;
mod fetch;
mod issuer;
mod keys;
mod mapping;
mod pattern;
mod token;

use std::sync::Arc;

use crate::caller::WorkloadCaller;
use crate::clock::Clock;
use crate::name::WorkloadIssuerName;
use crate::sts::Outbound;

pub use claim::{ClaimError, ClaimPath, NameTemplate};
pub use fetch::Hindrance;
pub use issuer::{
    ClientError, Custom, Hosted, IssuerFields, IssuerSettings, IssuerUrl, IssuerUrlError, Own, Preset, SettingsError,
    twice,
};
pub use keys::{KeySet, KeySetError};
pub use mapping::{Mapping, MappingError, MappingFields};
pub use pattern::Pattern;

use issuer::Issuer;
use token::Unproved;

/// The issuers whose word counts. Clones share everything.
#[derive(Clone, Debug)]
pub struct Workloads(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuers: Vec<Issuer>,
    clock: Arc<dyn Clock>,
}

/// A token that proves nothing, and as whose it was proved before that was seen.
#[derive(Debug, thiserror::Error)]
#[error("a workload's token: {why}")]
pub struct Refused {
    /// The issuer and the token's subject, where the signature is the issuer's own.
    pub proved: Option<(WorkloadIssuerName, String)>,
    #[source]
    pub why: NotProved,
}

/// Why it proves nothing. For the trail: whoever shows the token hears no more than that it is not good.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
    #[error("it is no token: {0}")]
    Unreadable(&'static str),
    #[error("its algorithm is neither RS256 nor ES256")]
    Algorithm,
    #[error("it is of an issuer that is not configured")]
    Issuer,
    #[error("it is not for this installation alone: its audience is another one, or has others")]
    Audience,
    #[error("the issuer has no key by which it says it is signed")]
    Key,
    #[error("its signature is not the issuer's")]
    Signature,
    #[error("{0}")]
    Time(&'static str),
    #[error("its claim `{0}` is missing or cannot be used")]
    Claim(String),
    #[error("the name that its mapping makes of its claims is longer than 512 characters")]
    Name,
    #[error("no mapping is for these claims")]
    NoMapping,
    /// Not the token's fault: nobody can say whether it is good.
    #[error("the issuer `{issuer}` does not say its keys: {hindrance}")]
    Unavailable { issuer: WorkloadIssuerName, hindrance: Hindrance },
}

impl Workloads {
    /// Asks nobody: keys are fetched when the first token comes.
    pub fn new(issuers: Vec<IssuerSettings>, outbound: &Outbound, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let issuers = issuers.into_iter().map(|settings| Issuer::new(settings, outbound, &clock));
        Ok(Self(Arc::new(Inner { issuers: issuers.collect::<Result<_, _>>()?, clock })))
    }

    /// Nobody's word counts.
    pub fn none(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { issuers: Vec::new(), clock }))
    }

    /// Whether a text has the looks of a token of an issuer, and there are issuers at all.
    pub fn is_token(&self, text: &str) -> bool {
        !self.0.issuers.is_empty() && text.starts_with("ey") && text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Whom a token proves. The signature comes before everything that it says is believed.
    pub async fn prove(&self, text: &str) -> Result<WorkloadCaller, Refused> {
        let unproved = |why| Refused { proved: None, why };
        let token = Unproved::read(text).map_err(unproved)?;
        let now = self.0.clock.now();
        let said = self.0.issuers.iter().filter(|issuer| token.claims.says("iss", issuer.settings.url.as_str()));
        let said: Vec<&Issuer> = said.collect();
        if said.is_empty() {
            return Err(unproved(NotProved::Issuer));
        }
        let issuer = said.into_iter().find(|issuer| token.claims.is_for(&issuer.settings.audience));
        let issuer = issuer.ok_or_else(|| unproved(NotProved::Audience))?;
        let claims = issuer.verify(&token).await.map_err(unproved)?;
        let subject = claims.subject().map_err(unproved)?;
        let proved = |why| Refused { proved: Some((issuer.settings.name.clone(), subject.clone())), why };
        let expires_at = claims.must_be_current(now).map_err(proved)?;
        let granted = issuer.settings.granted(&claims).map_err(proved)?;
        Ok(WorkloadCaller {
            issuer_url: issuer.settings.url.as_str().to_owned(),
            name: format!("{}:{}", issuer.settings.name, granted.name),
            claims: granted.claims,
            connectors: granted.connectors,
            tags: granted.tags,
            subject,
            expires_at,
        })
    }
}
