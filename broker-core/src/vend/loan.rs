//! What is to be asked of AWS for a caller, and the credentials that came of it: what the record of them is made of.

use std::sync::Arc;

use serde_json::json;

use crate::access_key::KeyOwner;
use crate::entitlement::{Entitlement, Grant};
use crate::sts::{OpenKey, StsRequest};
use crate::trail::{Action, Actor, Entry, Outcome, VendedFacts};

use super::{Asking, VendRequest, Vended};

/// What would be asked of AWS, filled in.
pub(super) struct Wish {
    pub(super) entitlement: Entitlement,
    pub(super) key: Arc<OpenKey>,
    pub(super) owner: Option<KeyOwner>,
    /// The store has the key as refused by AWS.
    pub(super) marked: bool,
    pub(super) request: StsRequest,
    /// Two wishes with the same are the very same.
    pub(super) identity: [u8; 32],
}

impl Wish {
    /// Whether it is the same request, by the same connector and key as they were.
    pub(super) fn asks_as(&self, loan: &Loan) -> bool {
        let revision = |entitlement: &Entitlement| (entitlement.connector().id, entitlement.connector().revision);
        self.request == loan.request
            && revision(&self.entitlement) == revision(&loan.entitlement)
            && (self.key.id, self.key.generation) == (loan.key.id, loan.key.generation)
    }
}

/// Credentials, and all that they came from.
pub(super) struct Loan {
    pub(super) entitlement: Entitlement,
    pub(super) key: Arc<OpenKey>,
    pub(super) request: StsRequest,
    /// Of the wish that they were obtained for.
    pub(super) identity: [u8; 32],
    pub(super) vended: Vended,
    /// Something was waited for, so that the caller must be looked at once more.
    pub(super) has_waited: bool,
}

impl Loan {
    /// The record of it: of an action, which is another one where nothing but being an administrator permits it.
    pub(super) fn entry(
        &self,
        asking: &Asking<'_>,
        ask: &VendRequest,
        granted: Action,
        as_administrator: Action,
    ) -> Entry {
        let action = match self.entitlement.grant() {
            Grant::Administrator => as_administrator,
            Grant::Groups(_) | Grant::ServiceToken | Grant::Workload | Grant::Trial => granted,
        };
        let mut facts = VendedFacts {
            access_key_id: Some(self.vended.credentials.access_key_id.clone()),
            reused: Some(self.vended.reused),
            ..VendedFacts::default()
        };
        match &self.request {
            StsRequest::AssumeRole(role) => {
                facts.session_name = Some(role.session_name.as_str().to_owned());
                facts.role_arn = Some(role.role_arn.as_str().to_owned());
                facts.source_identity = role.source_identity.as_ref().map(|name| name.as_str().to_owned());
            }
            StsRequest::FederatedUser(user) => facts.session_name = Some(user.name.as_str().to_owned()),
            StsRequest::SessionToken(_) => {}
        }
        let entry = Entry::new(Actor::of(asking.caller), action, Outcome::Success, asking.origin.clone())
            .connector(&self.vended.connector.name)
            .vended(facts);
        // Which device, for whoever compares with CloudTrail; its code stands nowhere.
        let entry = match self.request.mfa() {
            Some(shown) => entry.changes(json!({ "mfa_serial": shown.serial })),
            None => entry,
        };
        ask.reason.iter().fold(entry, Entry::reason)
    }
}
