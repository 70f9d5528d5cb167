//! Proof that a caller may use a connector. No I/O: whoever asks brings what was read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::caller::{AdminRole, Caller, Person, ServiceCaller, WorkloadCaller};
use crate::connector::{Audience, Connector, ConnectorSpec};
use crate::name::Group;
use crate::permission::Administrator;

/// Holding one is the permission: only this room makes one, and asking AWS wants one.
#[derive(Clone, Debug)]
pub struct Entitlement {
    caller: Caller,
    connector: Arc<Connector>,
    grant: Grant,
}

/// What the permission rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Those of the connector's groups that the person is in.
    Groups(BTreeSet<Group>),
    /// Nothing but "administrators may use every connector".
    Administrator,
    /// The service token names the connector.
    ServiceToken,
    /// The mapping that the workload's claims fit names the connector.
    Workload,
    /// An administrator tries the connector out, whomever it is for; what AWS gives is given to nobody.
    Trial,
}

/// What the installation allows beyond the connectors' own groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub administrators_use_every_connector: bool,
}

/// Why there is no permission. For the trail; the caller hears the same as for a connector that is not there, unless all that is missing is a second
/// factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEntitled {
    #[error("none of the person's groups is granted this connector")]
    NoGroup,
    #[error("a system connector is not for people")]
    SystemScope,
    #[error("the service token does not name this connector")]
    NotNamed,
    #[error("the mapping that the workload's claims fit does not name this connector")]
    NotMapped,
    #[error("a job cannot use a connector of scope user")]
    UserScope,
    #[error("only administrators try connectors out")]
    NotAdministrator,
    #[error(
        "this needs a second factor, and this sign-in has none: enrol one on the broker's page My account (/account); if you have one, sign in again with it"
    )]
    SecondFactor,
}

impl Entitlement {
    /// The one way to get one for credentials that somebody is given: it is granted, and they have shown as much as is wanted.
    pub fn prove(caller: &Caller, connector: &Arc<Connector>, rules: Rules) -> Result<Self, NotEntitled> {
        let grant = granted(caller, connector, rules)?;
        // Only whoever is granted it may learn that it is there.
        if caller.assurance().falls_short_of(connector.spec.require_second_factor()) {
            return Err(NotEntitled::SecondFactor);
        }
        Ok(Self { caller: caller.clone(), connector: Arc::clone(connector), grant })
    }

    /// For an administrator's test alone, of any connector that is in service: whoever holds this gives nobody what AWS gave.
    pub(crate) fn trial(_: &Administrator, caller: &Caller, connector: &Arc<Connector>) -> Result<Self, NotEntitled> {
        match caller {
            Caller::Person(person) if person.is_administrator() => {
                Ok(Self { caller: caller.clone(), connector: Arc::clone(connector), grant: Grant::Trial })
            }
            Caller::Person(_) | Caller::Service(_) | Caller::Workload(_) => Err(NotEntitled::NotAdministrator),
        }
    }

    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    pub fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}

/// On what a permission of this caller rests, or would rest once they show a second factor; for those who look, and good for nothing else.
pub fn granted(caller: &Caller, connector: &Connector, rules: Rules) -> Result<Grant, NotEntitled> {
    match (caller, connector.spec.audience()) {
        (Caller::Person(caller), Audience::People(groups)) => of_person(&caller.person, caller.role, groups, rules),
        (Caller::Person(_), Audience::System) => Err(NotEntitled::SystemScope),
        (Caller::Service(service), Audience::System) => of_service(service, connector),
        (Caller::Workload(workload), Audience::System) => of_workload(workload, connector),
        (Caller::Service(_) | Caller::Workload(_), Audience::People(_)) => Err(NotEntitled::UserScope),
    }
}

/// On what a permission of this person would rest, if they were signed in; for those who look, and good for nothing else.
pub fn grant_of(person: &Person, role: Option<AdminRole>, connector: &ConnectorSpec, rules: Rules) -> Option<Grant> {
    match connector.audience() {
        Audience::People(groups) => of_person(person, role, groups, rules).ok(),
        Audience::System => None,
    }
}

fn of_person(
    person: &Person,
    role: Option<AdminRole>,
    granted: &BTreeSet<Group>,
    rules: Rules,
) -> Result<Grant, NotEntitled> {
    let shared: BTreeSet<Group> = person.groups.intersection(granted).cloned().collect();
    if !shared.is_empty() {
        return Ok(Grant::Groups(shared));
    }
    // No groups at all means administrators only, whatever the rule says.
    let is_administrator = role == Some(AdminRole::Administrator);
    if is_administrator && (rules.administrators_use_every_connector || granted.is_empty()) {
        return Ok(Grant::Administrator);
    }
    Err(NotEntitled::NoGroup)
}

fn of_service(caller: &ServiceCaller, connector: &Connector) -> Result<Grant, NotEntitled> {
    if caller.connectors.contains(&connector.id) { Ok(Grant::ServiceToken) } else { Err(NotEntitled::NotNamed) }
}

fn of_workload(caller: &WorkloadCaller, connector: &Connector) -> Result<Grant, NotEntitled> {
    if caller.connectors.contains(&connector.name) { Ok(Grant::Workload) } else { Err(NotEntitled::NotMapped) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::as_read::AsRead;
    use crate::assurance::{Assurance, FactorUsed, ProvedFactor};
    use crate::caller::{PersonCaller, Subject};
    use crate::connector::ManagedBy;
    use crate::epoch::Epoch;
    use crate::id::{ConnectorId, ServiceTokenId, SessionId};

    const RULES: Rules = Rules { administrators_use_every_connector: true };

    fn connector(audience: Value) -> Arc<Connector> {
        let mut fields = json!({ "access_key": "main", "principal": { "session_token": {} } });
        fields.as_object_mut().unwrap().append(&mut audience.as_object().unwrap().clone());
        let spec = serde_json::from_value(fields).unwrap();
        let name = "deploy".to_owned().try_into().unwrap();
        Arc::new(Connector { id: ConnectorId::random(), name, revision: 1, managed_by: ManagedBy::File, spec })
    }

    fn person(groups: &[&str], admin: bool) -> Caller {
        let subject = Subject { directory: "corp".to_owned().try_into().unwrap(), id: "1".to_owned() };
        let groups = groups.iter().map(|group| (*group).to_owned().try_into().unwrap()).collect();
        let person = Person {
            subject,
            username: "ada".to_owned(),
            display_name: None,
            email: None,
            email_trusted: false,
            groups,
        };
        let role = admin.then_some(AdminRole::Administrator);
        let (session, signed_in_at, expires_at) = (SessionId::random(), Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let as_read = AsRead::of_session(session, signed_in_at, Epoch::FIRST, signed_in_at..expires_at);
        Caller::Person(PersonCaller {
            session,
            signed_in_at,
            expires_at,
            person: person.into(),
            client: None,
            role,
            assurance: Assurance::default(),
            as_read,
        })
    }

    fn service(connectors: &[&Arc<Connector>]) -> Caller {
        let connectors = connectors.iter().map(|connector| connector.id).collect();
        let (token, expires_at) = (ServiceTokenId::random(), Timestamp::MAX);
        let as_read = AsRead::of_service_token(token, Epoch::FIRST, expires_at);
        let name = "ci".to_owned().try_into().unwrap();
        Caller::Service(ServiceCaller { token, name, expires_at, connectors, as_read })
    }

    fn grant(caller: &Caller, connector: &Arc<Connector>, rules: Rules) -> Result<Grant, NotEntitled> {
        Entitlement::prove(caller, connector, rules).map(|entitlement| entitlement.grant)
    }

    #[test]
    fn a_shared_group_grants_and_nothing_else_does() {
        let release = connector(json!({ "groups": ["corp/release", "corp/ops"] }));
        let granted = grant(&person(&["corp/release", "corp/staff"], false), &release, RULES).unwrap();
        assert_eq!(granted, Grant::Groups(BTreeSet::from(["corp/release".to_owned().try_into().unwrap()])));
        assert_eq!(grant(&person(&["corp/staff"], false), &release, RULES), Err(NotEntitled::NoGroup));
        assert_eq!(
            grant(&person(&["other/release"], false), &release, RULES),
            Err(NotEntitled::NoGroup),
            "another directory's"
        );
        assert_eq!(grant(&person(&["corp/Release"], false), &release, RULES), Err(NotEntitled::NoGroup));
        assert_eq!(grant(&person(&[], false), &release, RULES), Err(NotEntitled::NoGroup));
    }

    #[test]
    fn administrators_use_every_connector_while_the_rule_is_on() {
        let release = connector(json!({ "groups": ["corp/release"] }));
        let off = Rules { administrators_use_every_connector: false };
        assert_eq!(grant(&person(&[], true), &release, RULES), Ok(Grant::Administrator));
        assert_eq!(grant(&person(&[], true), &release, off), Err(NotEntitled::NoGroup));
        assert!(matches!(grant(&person(&["corp/release"], true), &release, off), Ok(Grant::Groups(_))));
    }

    #[test]
    fn no_groups_means_administrators_only() {
        let nobody = connector(json!({ "groups": [] }));
        let off = Rules { administrators_use_every_connector: false };
        assert_eq!(grant(&person(&[], true), &nobody, off), Ok(Grant::Administrator));
        assert_eq!(grant(&person(&["corp/release"], false), &nobody, RULES), Err(NotEntitled::NoGroup));
    }

    #[test]
    fn system_connectors_are_for_tokens_that_name_them() {
        let system = connector(json!({ "scope": "system" }));
        let user = connector(json!({ "groups": [] }));
        assert_eq!(grant(&person(&[], true), &system, RULES), Err(NotEntitled::SystemScope), "administrators neither");
        assert_eq!(grant(&service(&[&system]), &system, RULES), Ok(Grant::ServiceToken));
        assert_eq!(grant(&service(&[]), &system, RULES), Err(NotEntitled::NotNamed));
        assert_eq!(grant(&service(&[&user]), &user, RULES), Err(NotEntitled::UserScope), "scope is checked at use");
    }

    #[test]
    fn a_second_factor_is_wanted_of_whoever_is_granted_it_and_of_nobody_else() {
        let guarded = connector(json!({ "groups": ["corp/release"], "require_second_factor": true }));
        let open = connector(json!({ "groups": ["corp/release"] }));
        let with = |groups: &[&str], assurance| match person(groups, false) {
            Caller::Person(person) => Caller::Person(PersonCaller { assurance, ..person }),
            other => other,
        };
        let proved = Some(ProvedFactor { by: FactorUsed::Totp, at: Timestamp::UNIX_EPOCH });
        let (none, of_a_group) = (Assurance::default(), Assurance { proved: None, required: true });
        let (shown, shown_by_both) = (Assurance { proved, required: false }, Assurance { proved, required: true });
        let release = &["corp/release"];
        assert_eq!(grant(&with(release, none), &guarded, RULES), Err(NotEntitled::SecondFactor));
        assert!(grant(&with(release, shown), &guarded, RULES).is_ok());
        assert!(grant(&with(release, none), &open, RULES).is_ok());
        assert_eq!(grant(&with(release, of_a_group), &open, RULES), Err(NotEntitled::SecondFactor));
        assert!(grant(&with(release, shown_by_both), &open, RULES).is_ok());
        assert_eq!(
            grant(&with(&["corp/staff"], none), &guarded, RULES),
            Err(NotEntitled::NoGroup),
            "a stranger learns nothing"
        );
        assert!(granted(&with(release, none), &guarded, RULES).is_ok(), "it stands in their list");
        assert_eq!(
            grant(&person(&[], true), &guarded, RULES),
            Err(NotEntitled::SecondFactor),
            "administrators neither"
        );
    }
}
