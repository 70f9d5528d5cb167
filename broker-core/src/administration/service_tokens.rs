//! Tokens for CI jobs: made for named system connectors, shown once, and taken away at once.

use std::collections::BTreeSet;

use ipnet::IpNet;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::Administration;
use crate::clock::after;
use crate::connector::{Connector, Scope};
use crate::id::{ConnectorId, ServiceTokenId};
use crate::name::{ConnectorName, ServiceTokenName};
use crate::permission::{Administrator, Auditor, Operator};
use crate::session::{ServiceToken, TokenTerms};
use crate::sign_in::SERVICE_PREFIX;
use crate::store::{Store, StoreError};
use crate::trail::{Action, TakenAway, TrailError, Vec1};
use crate::vault::{Purpose, SealBroken, new_token};

/// A token that somebody wants.
#[derive(Clone, Debug)]
pub struct NewServiceToken {
    pub name: ServiceTokenName,
    pub connectors: BTreeSet<ConnectorName>,
    /// After [`DEFAULT_DAYS`], where nothing is said.
    pub expires_at: Option<Timestamp>,
    /// From where it may be used; empty means anywhere.
    pub networks: Vec<IpNet>,
}

/// Which token is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenIdentifier {
    Name(ServiceTokenName),
    Id(ServiceTokenId),
}

/// A token that is good for nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    pub id: ServiceTokenId,
    /// Unknown where the row was not ours.
    pub name: Option<ServiceTokenName>,
    /// Whether the trail says so already; it is told again and again until it does, or the process ends.
    pub recorded: bool,
}

/// Why a token was not made or not found. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum ServiceTokenError {
    #[error("there is no such service token")]
    Unknown,
    #[error("there is a service token called `{0}` already: take another name, or revoke that one")]
    Taken(ServiceTokenName),
    #[error("a service token is for one connector at least")]
    NoConnector,
    #[error("no connector is called `{0}`")]
    UnknownConnector(ConnectorName),
    #[error("connector `{0}` is for people: service tokens are for connectors with `scope = \"system\"`")]
    NotSystem(ConnectorName),
    #[error("a service token lives for 1 second to {MAX_DAYS} days from now")]
    Expiry,
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

impl Administration {
    /// Makes a token. Its text is known to whoever receives it here, and to nobody again.
    pub async fn create_service_token(
        &self,
        new: NewServiceToken,
        by: &Operator,
    ) -> Result<(SecretString, ServiceToken), ServiceTokenError> {
        let NewServiceToken { name, connectors, expires_at, networks } = new;
        let now = self.clock.now();
        let expires_at = expires_at.unwrap_or_else(|| after(now, DEFAULT_DAYS * SECONDS_A_DAY));
        if expires_at <= now || expires_at > after(now, MAX_DAYS * SECONDS_A_DAY) {
            return Err(ServiceTokenError::Expiry);
        }
        let ids = ids_of(&connectors, &self.store.connectors().await?)?;
        let (created_by, created_by_id) = (by.actor.word(), by.actor.id());
        let terms = TokenTerms { connectors: ids, networks, created_by, created_by_id };
        let id = ServiceTokenId::random();
        let epoch = self.store.epoch().await?;
        let token = ServiceToken {
            id,
            name,
            terms,
            created_at: now,
            expires_at,
            last_used_at: None,
            epoch,
            awaits_confirmation: false,
        };
        let text = new_token(SERVICE_PREFIX)?;
        let hash = self.store.seals().mac(Purpose::Token, &[text.expose_secret().as_bytes()]);
        let changes = json!({
            "service_token": token.name.as_str(),
            "service_token_id": id,
            "connectors": { "to": connectors },
            "connector_ids": { "to": token.terms.connectors },
            "networks": { "to": token.terms.networks },
            "expires_at": { "to": expires_at },
        });
        let entry = by.did(Action::ServiceTokenCreated).changes(changes);
        let change = self.store.add_service_token(&token, &hash)?;
        match self.trail.commit(vec![change], Vec1::new(entry)).await {
            Ok(()) => Ok((text, token)),
            Err(TrailError::Change(StoreError::Taken)) => Err(ServiceTokenError::Taken(token.name)),
            Err(TrailError::Change(error)) => Err(error.into()),
            Err(error @ (TrailError::Unwritten(_) | TrailError::Closed)) => Err(ServiceTokenError::Trail(error)),
        }
    }

    /// Takes a token's rights away at once, on every node, whether or not that can be recorded at this moment.
    pub async fn revoke_service_token(
        &self,
        which: &TokenIdentifier,
        by: &Operator,
    ) -> Result<Revoked, ServiceTokenError> {
        let (id, name) = match which {
            TokenIdentifier::Id(id) => (*id, self.store.service_token_by_id(*id).await?.map(|token| token.name)),
            TokenIdentifier::Name(name) => {
                let tokens = self.store.service_tokens().await?;
                let found = tokens.into_iter().find(|token| token.name == *name).ok_or(ServiceTokenError::Unknown)?;
                (found.id, Some(found.name))
            }
        };
        let changes = json!({ "service_token": name.as_ref().map(ServiceTokenName::as_str), "service_token_id": id });
        let entry = by.did(Action::ServiceTokenRevoked).changes(changes);
        let recorded = match self.trail.take_away(vec![Store::revoke_service_token(id)], Vec1::new(entry)).await? {
            TakenAway::Recorded => true,
            TakenAway::Unrecorded => false,
            TakenAway::Nothing => return Err(ServiceTokenError::Unknown),
        };
        Ok(Revoked { id, name, recorded })
    }

    /// Lets tokens count again that wait since a backup was restored; those that do not wait are left out. All at once or none.
    pub async fn confirm_service_tokens(
        &self,
        ids: &[ServiceTokenId],
        by: &Administrator,
    ) -> Result<Vec<ServiceToken>, ServiceTokenError> {
        let (mut confirmed, mut changes, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            if !self.store.service_token_by_id(*id).await?.ok_or(ServiceTokenError::Unknown)?.awaits_confirmation {
                continue;
            }
            let (token, change) = self.store.confirm_service_token(*id).await?.ok_or(ServiceTokenError::Unknown)?;
            let what = json!({ "service_token": token.name.as_str(), "service_token_id": id });
            entries.push(by.did(Action::ServiceTokenConfirmed).changes(what));
            changes.push(change);
            confirmed.push(token);
        }
        let Ok(entries) = Vec1::try_from(entries) else { return Ok(confirmed) };
        match self.trail.commit(changes, entries).await {
            Ok(()) => Ok(confirmed),
            Err(TrailError::Change(error)) => Err(error.into()),
            Err(error @ (TrailError::Unwritten(_) | TrailError::Closed)) => Err(ServiceTokenError::Trail(error)),
        }
    }

    /// All tokens, in the order of names, expired ones too, for those who may look at them.
    pub async fn service_tokens(&self, _: &Auditor) -> Result<Vec<ServiceToken>, StoreError> {
        self.store.service_tokens().await
    }
}

fn ids_of(names: &BTreeSet<ConnectorName>, known: &[Connector]) -> Result<BTreeSet<ConnectorId>, ServiceTokenError> {
    if names.is_empty() {
        return Err(ServiceTokenError::NoConnector);
    }
    let id_of = |name: &ConnectorName| {
        let found = known.iter().find(|connector| connector.name == *name);
        let found = found.ok_or_else(|| ServiceTokenError::UnknownConnector(name.clone()))?;
        match found.spec.scope() {
            Scope::System => Ok(found.id),
            Scope::User => Err(ServiceTokenError::NotSystem(name.clone())),
        }
    };
    names.iter().map(id_of).collect()
}

/// How long a token lives when nobody says.
pub const DEFAULT_DAYS: u32 = 90;
/// How long a token lives at most.
pub const MAX_DAYS: u32 = 365;
const SECONDS_A_DAY: u32 = 86_400;
