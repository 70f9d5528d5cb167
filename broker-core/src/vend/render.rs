//! Fills in a connector for one caller: the request that STS will see, within the connector's limits and never wider.

use std::collections::BTreeMap;

use crate::arn::AccountId;
use crate::caller::Caller;
use crate::connector::Connector;
use crate::entitlement::{Entitlement, Grant};
use crate::lifetime::MIN_SECONDS;
use crate::mfa::{MfaCode, MfaSerial};
use crate::name::Group;
use crate::policy::{PolicyError, SessionPolicy};
use crate::principal::{AssumeRole, FederatedRights, FederatedUser, Principal};
use crate::reason::Reason;
use crate::session_name::{NameLimit, SessionNameError, Subject, SubjectKind};
use crate::sts::{MfaShown, RoleRequest, StsRequest, TokenRequest, UserRequest};
use crate::tag::{TagError, TagKey, TagSource, TagValue};

/// What a caller may ask for beyond the connector's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VendRequest {
    pub duration_seconds: Option<u32>,
    /// Can only narrow what the connector gives.
    pub policy: Option<SessionPolicy>,
    /// In the caller's own words, for the trail; no part of what AWS is sent.
    pub reason: Option<Reason>,
    /// What the connector's MFA device shows, where it names one.
    pub mfa_code: Option<MfaCode>,
    /// Never earlier credentials.
    pub fresh: bool,
    /// Credentials of this account or none: somebody named it beside the connector. No part of what AWS is sent.
    pub account: Option<AccountId>,
}

/// Why no request can be made of it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// The connector lends nothing to those who do not say why.
    #[error("this connector wants to know why: give a `reason`, such as a ticket's number")]
    ReasonRequired,
    /// The connector lends nothing without the code of a device that AWS knows of its access key's owner.
    #[error("this connector wants the code that the MFA device {} shows now", .0.as_str())]
    MfaCodeRequired(MfaSerial),
    #[error("this connector has no MFA device: leave `mfa_code` out")]
    MfaCodeNotTaken,
    #[error("duration_seconds must be from {minimum} to {maximum}")]
    DurationOutOfRange { minimum: u32, maximum: u32 },
    #[error("{0}")]
    Policy(PolicyError),
    #[error("AWS takes no policy for a session token")]
    PolicyOfSessionToken,
    #[error(transparent)]
    SessionName(#[from] SessionNameError),
    #[error(transparent)]
    Tag(#[from] TagError),
}

/// Fills in everything.
pub(super) fn render(entitlement: &Entitlement, ask: &VendRequest) -> Result<StsRequest, RenderError> {
    let connector = entitlement.connector();
    if connector.spec.require_reason() && ask.reason.is_none() {
        return Err(RenderError::ReasonRequired);
    }
    let duration_seconds = duration(connector.spec.principal(), ask.duration_seconds)?;
    let mfa = shown_of(connector.spec.mfa_serial(), ask.mfa_code.as_ref())?;
    let id = id_of(entitlement.caller());
    let subject = Named::of(entitlement, &id);
    match connector.spec.principal() {
        Principal::FederatedUser(user) => subject.federated_user(user, duration_seconds, ask.policy.as_ref()),
        Principal::AssumeRole(role) => subject.assume_role(role, (duration_seconds, mfa), ask.policy.as_ref()),
        Principal::SessionToken(_) if ask.policy.is_some() => Err(RenderError::PolicyOfSessionToken),
        Principal::SessionToken(_) => match subject.own_tags {
            Some(tags) if !tags.is_empty() => Err(TagError::NotTaken.into()),
            Some(_) | None => Ok(StsRequest::SessionToken(TokenRequest { duration_seconds, mfa })),
        },
    }
}

/// Never one without the other: what a code is given for must want it, or it would be thought to protect something.
fn shown_of(serial: Option<&MfaSerial>, code: Option<&MfaCode>) -> Result<Option<MfaShown>, RenderError> {
    match (serial, code) {
        (None, None) => Ok(None),
        (Some(serial), Some(code)) => Ok(Some(MfaShown { serial: serial.clone(), code: code.clone() })),
        (Some(serial), None) => Err(RenderError::MfaCodeRequired(serial.clone())),
        (None, Some(_)) => Err(RenderError::MfaCodeNotTaken),
    }
}

fn duration(principal: &Principal, asked: Option<u32>) -> Result<u32, RenderError> {
    let (default, maximum) = principal.durations();
    match asked {
        None => Ok(default),
        Some(seconds) if (MIN_SECONDS..=maximum).contains(&seconds) => Ok(seconds),
        Some(_) => Err(RenderError::DurationOutOfRange { minimum: MIN_SECONDS, maximum }),
    }
}

/// What is never given to anybody else: a token that is made anew under the same name is another one.
fn id_of(caller: &Caller) -> String {
    match caller {
        Caller::Person(caller) => caller.person.subject.id.clone(),
        Caller::Service(caller) => caller.token.to_string(),
        Caller::Workload(caller) => format!("{} {}", caller.issuer_url, caller.subject),
    }
}

/// The caller, as templates and tags name them.
struct Named<'a> {
    subject: Subject<'a>,
    directory: &'a str,
    username: String,
    email: Option<&'a str>,
    granting: Vec<&'a Group>,
    /// Of a workload, from its claims.
    own_tags: Option<&'a BTreeMap<TagKey, TagValue>>,
}

impl<'a> Named<'a> {
    /// `id` is the one of [`id_of`].
    fn of(entitlement: &'a Entitlement, id: &'a str) -> Self {
        let connector: &'a Connector = entitlement.connector();
        let granting = match entitlement.grant() {
            Grant::Groups(groups) => groups.iter().collect(),
            Grant::Administrator | Grant::ServiceToken | Grant::Workload | Grant::Trial => Vec::new(),
        };
        match entitlement.caller() {
            Caller::Person(caller) => {
                let person = &caller.person;
                let subject = Subject {
                    kind: SubjectKind::Person,
                    directory: person.subject.directory.as_str(),
                    id,
                    username: &person.username,
                    email: person.trusted_email(),
                    connector: connector.name.as_str(),
                };
                Self {
                    subject,
                    directory: person.subject.directory.as_str(),
                    username: no_jobs_name(&person.username),
                    email: person.trusted_email(),
                    granting,
                    own_tags: None,
                }
            }
            Caller::Service(caller) => {
                let subject = Subject {
                    kind: SubjectKind::Service,
                    directory: SERVICE_DIRECTORY,
                    id,
                    username: caller.name.as_str(),
                    email: None,
                    connector: connector.name.as_str(),
                };
                // The same prefix as in session names: no person's tag can pass for a job's.
                let username = format!("{SERVICE_PREFIX}{}", caller.name);
                Self { subject, directory: SERVICE_TAG, username, email: None, granting, own_tags: None }
            }
            Caller::Workload(caller) => {
                let subject = Subject {
                    kind: SubjectKind::Service,
                    directory: WORKLOAD_DIRECTORY,
                    id,
                    // Its colon is no character of a session name: so the name always ends with a fingerprint.
                    username: &caller.name,
                    email: None,
                    connector: connector.name.as_str(),
                };
                let username = format!("{SERVICE_PREFIX}{}", caller.name);
                let own_tags = Some(&caller.tags);
                Self { subject, directory: WORKLOAD_TAG, username, email: None, granting, own_tags }
            }
        }
    }

    fn federated_user(
        &self,
        user: &FederatedUser,
        duration_seconds: u32,
        narrowing: Option<&SessionPolicy>,
    ) -> Result<StsRequest, RenderError> {
        let (own, policy_arns) = match &user.rights {
            FederatedRights::SessionPolicies { policy, policy_arns } => {
                (policy.as_ref(), policy_arns.iter().cloned().collect())
            }
            FederatedRights::ResourcePolicies => (None, Vec::new()),
        };
        Ok(StsRequest::FederatedUser(UserRequest {
            name: user.session_name.render(&self.subject, NameLimit::Federated)?,
            duration_seconds,
            policy: narrowed(own, narrowing)?,
            policy_arns,
            tags: self.tags(user.tags.iter())?,
        }))
    }

    fn assume_role(
        &self,
        role: &AssumeRole,
        (duration_seconds, mfa): (u32, Option<MfaShown>),
        narrowing: Option<&SessionPolicy>,
    ) -> Result<StsRequest, RenderError> {
        // Session policies are a union: only where there is none at all may the caller's own say Allow.
        let policy = match (&role.policy, role.policy_arns.is_empty(), narrowing) {
            (None, true, Some(policy)) => Some(policy.clone()),
            (own, _, narrowing) => narrowed(own.as_ref(), narrowing)?,
        };
        let tags = role.tags.iter().map(|(key, tag)| (key, &tag.source));
        let transitive = role.tags.iter().filter(|(_, tag)| tag.transitive).map(|(key, _)| key.clone());
        let source_identity =
            role.source_identity.as_ref().map(|template| template.render(&self.subject, NameLimit::SourceIdentity));
        Ok(StsRequest::AssumeRole(RoleRequest {
            role_arn: role.role_arn.clone(),
            session_name: role.session_name.render(&self.subject, NameLimit::Role)?,
            duration_seconds,
            external_id: role.external_id.clone(),
            mfa,
            policy,
            policy_arns: role.policy_arns.iter().cloned().collect(),
            source_identity: source_identity.transpose()?,
            tags: self.tags(tags)?,
            transitive_tag_keys: transitive.collect(),
        }))
    }

    /// The connector's own, and the workload's beside them: AWS compares keys without regard to case.
    fn tags<'t>(
        &self,
        own: impl Iterator<Item = (&'t TagKey, &'t TagSource)>,
    ) -> Result<Vec<(TagKey, TagValue)>, TagError> {
        let tags = own.map(|(key, source)| Ok((key.clone(), self.value(source)?)));
        let mut tags: Vec<(TagKey, TagValue)> = tags.collect::<Result<_, TagError>>()?;
        for (key, value) in self.own_tags.into_iter().flatten() {
            if tags.iter().any(|(taken, _)| taken.folded() == key.folded()) {
                return Err(TagError::Twice(key.as_str().to_owned()));
            }
            tags.push((key.clone(), value.clone()));
        }
        Ok(tags)
    }

    fn value(&self, source: &TagSource) -> Result<TagValue, TagError> {
        source.value_for(self.directory, &self.username, self.email, &self.granting)
    }
}

/// The connector's own policy with the caller's denials appended. An Allow of the caller's would widen it, and is refused.
fn narrowed(
    own: Option<&SessionPolicy>,
    request: Option<&SessionPolicy>,
) -> Result<Option<SessionPolicy>, RenderError> {
    match (own, request) {
        (own, None) => Ok(own.cloned()),
        (Some(own), Some(request)) => own.narrowed_by(request).map(Some).map_err(RenderError::Policy),
        (None, Some(request)) => request.must_only_deny().map(|()| Some(request.clone())).map_err(RenderError::Policy),
    }
}

/// A person's name as a tag says it: marked where it would look like a job's, and where it looks like one that was marked.
fn no_jobs_name(username: &str) -> String {
    let unmarked = username.trim_start_matches(MARK);
    let like_a_jobs = unmarked.get(..SERVICE_PREFIX.len()).is_some_and(|it| it.eq_ignore_ascii_case(SERVICE_PREFIX));
    if like_a_jobs { format!("{MARK}{username}") } else { username.to_owned() }
}

/// The place of a directory's name for those whom no directory knows; no directory can be called so.
const SERVICE_DIRECTORY: &str = "(service)";
/// The same for those whom an issuer vouches for.
const WORKLOAD_DIRECTORY: &str = "(workload)";
const WORKLOAD_TAG: &str = ":workload";
/// The same in a tag, whose characters are fewer.
const SERVICE_TAG: &str = ":service";
/// In front of a person's name that would look like a job's.
const MARK: char = '_';

/// In front of every job's name, and of no person's.
const SERVICE_PREFIX: &str = "svc.";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::as_read::AsRead;
    use crate::assurance::Assurance;
    use crate::caller::{Person, PersonCaller, ServiceCaller, Subject as PersonSubject};
    use crate::connector::ManagedBy;
    use crate::entitlement::Rules;
    use crate::epoch::Epoch;
    use crate::id::{ConnectorId, ServiceTokenId, SessionId};

    const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;

    fn entitled(principal: Value) -> Entitlement {
        let fields = json!({ "access_key": "main", "groups": ["corp/b", "corp/a"], "principal": principal });
        let connector = connector(fields);
        let groups: BTreeSet<Group> =
            ["corp/a", "corp/b", "corp/c"].map(|group| group.to_owned().try_into().unwrap()).into();
        let person = Person {
            subject: PersonSubject { directory: "corp".to_owned().try_into().unwrap(), id: "1".to_owned() },
            username: "ada".to_owned(),
            display_name: None,
            email: Some("ada@corp.example".to_owned()),
            email_trusted: false,
            groups,
        };
        let (session, signed_in_at, expires_at) = (SessionId::random(), Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let as_read = AsRead::of_session(session, signed_in_at, Epoch::FIRST, signed_in_at..expires_at);
        let person = person.into();
        let caller = Caller::Person(PersonCaller {
            session,
            signed_in_at,
            expires_at,
            person,
            client: None,
            role: None,
            assurance: Assurance::default(),
            as_read,
        });
        prove(&caller, &connector)
    }

    fn job(name: &str, connector: &Connector) -> Caller {
        let (token, expires_at) = (ServiceTokenId::random(), Timestamp::MAX);
        let as_read = AsRead::of_service_token(token, Epoch::FIRST, expires_at);
        let (name, connectors) = (name.to_owned().try_into().unwrap(), BTreeSet::from([connector.id]));
        Caller::Service(ServiceCaller { token, name, expires_at, connectors, as_read })
    }

    fn connector(fields: Value) -> Arc<Connector> {
        let spec = serde_json::from_value(fields).unwrap();
        let name = "deploy".to_owned().try_into().unwrap();
        Arc::new(Connector { id: ConnectorId::random(), name, revision: 1, managed_by: ManagedBy::File, spec })
    }

    fn prove(caller: &Caller, connector: &Arc<Connector>) -> Entitlement {
        Entitlement::prove(caller, connector, Rules { administrators_use_every_connector: true }).unwrap()
    }

    fn role(more: Value) -> Value {
        let mut fields = json!({ "role_arn": "arn:aws:iam::123456789012:role/deploy" });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "assume_role": fields })
    }

    fn ask(policy: &str) -> VendRequest {
        VendRequest { policy: Some(SessionPolicy::parse(policy).unwrap()), ..VendRequest::default() }
    }

    fn policy_of(request: Result<StsRequest, RenderError>) -> Result<Option<String>, RenderError> {
        request.map(|request| match request {
            StsRequest::AssumeRole(role) => role.policy.map(|policy| policy.as_str().to_owned()),
            StsRequest::FederatedUser(user) => user.policy.map(|policy| policy.as_str().to_owned()),
            StsRequest::SessionToken(_) => None,
        })
    }

    #[test]
    fn a_callers_allow_is_taken_only_where_there_is_no_session_policy_at_all() {
        let bare = role(json!({}));
        assert_eq!(policy_of(render(&entitled(bare), &ask(ALLOW))).unwrap().as_deref(), Some(ALLOW));
        for limited in [
            role(json!({ "policy": ALLOW })),
            role(json!({ "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] })),
            json!({ "federated_user": { "policy": ALLOW } }),
            json!({ "federated_user": { "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] } }),
            json!({ "federated_user": { "resource_policies_grant_access": true } }),
        ] {
            let widened = render(&entitled(limited.clone()), &ask(ALLOW));
            assert!(matches!(widened, Err(RenderError::Policy(_))), "{limited}: {widened:?}");
            let narrowed = policy_of(render(&entitled(limited.clone()), &ask(DENY))).unwrap().unwrap();
            assert!(narrowed.contains("Deny"), "{limited}: {narrowed}");
        }
    }

    #[test]
    fn a_session_token_takes_no_policy() {
        let request = render(&entitled(json!({ "session_token": {} })), &ask(DENY));
        assert_eq!(request, Err(RenderError::PolicyOfSessionToken));
    }

    #[test]
    fn durations_stay_within_the_connectors_own() {
        let duration = |seconds| {
            let ask = VendRequest { duration_seconds: seconds, ..VendRequest::default() };
            render(&entitled(role(json!({ "max_duration_seconds": 7_200 }))), &ask).map(|ok| ok.duration_seconds())
        };
        assert_eq!(duration(None), Ok(3_600));
        assert_eq!(duration(Some(7_200)), Ok(7_200));
        assert_eq!(duration(Some(900)), Ok(900));
        let refusal = Err(RenderError::DurationOutOfRange { minimum: 900, maximum: 7_200 });
        assert_eq!(duration(Some(7_201)), refusal);
        assert_eq!(duration(Some(899)), refusal);
    }

    #[test]
    fn a_reason_is_required_where_the_connector_says_so_and_is_no_part_of_the_request() {
        let entitled = |require_reason: bool| {
            let connector = connector(json!({
                "access_key": "main", "scope": "system", "require_reason": require_reason, "principal": role(json!({})),
            }));
            prove(&job("ci", &connector), &connector)
        };
        let because = VendRequest { reason: Reason::parse("ticket 4711").unwrap(), ..VendRequest::default() };
        assert_eq!(render(&entitled(true), &VendRequest::default()), Err(RenderError::ReasonRequired));
        let with = render(&entitled(true), &because).unwrap();
        assert_eq!(with.digest(), render(&entitled(false), &VendRequest::default()).unwrap().digest());
    }

    #[test]
    fn a_code_is_wanted_where_there_is_a_device_and_refused_where_there_is_none() {
        let code = |text: &str| Some(MfaCode::parse(&text.into()).unwrap());
        let with = |text: &str| VendRequest { mfa_code: code(text), ..VendRequest::default() };
        for device in [
            role(json!({ "mfa_serial": "GAHT12345678" })),
            json!({ "session_token": { "mfa_serial": "GAHT12345678" } }),
        ] {
            let entitled = entitled(device);
            let refused = render(&entitled, &VendRequest::default()).unwrap_err();
            assert!(matches!(&refused, RenderError::MfaCodeRequired(serial) if serial.as_str() == "GAHT12345678"));
            let request = render(&entitled, &with("271828")).unwrap();
            let shown = request.mfa().unwrap();
            assert_eq!((shown.serial.as_str(), Some(shown.code.clone())), ("GAHT12345678", code("271828")));
            assert!(!format!("{request:?}").contains("271828"), "{request:?}");
        }
        for bare in [role(json!({})), json!({ "session_token": {} }), json!({ "federated_user": { "policy": ALLOW } })]
        {
            assert_eq!(render(&entitled(bare), &with("271828")), Err(RenderError::MfaCodeNotTaken));
        }
    }

    #[test]
    fn tags_name_the_granting_groups_and_no_others() {
        let tagged = role(json!({ "tags": {
                "groups": { "from": "groups", "transitive": true }, "who": { "from": "username" }, "where": { "from": "directory" },
            } }));
        let StsRequest::AssumeRole(request) = render(&entitled(tagged), &VendRequest::default()).unwrap() else {
            panic!("a role")
        };
        let tags: Vec<(&str, &str)> = request.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(tags, [("groups", "corp/a:corp/b"), ("where", "corp"), ("who", "ada")]);
        assert_eq!(request.transitive_tag_keys.iter().map(crate::tag::TagKey::as_str).collect::<Vec<_>>(), ["groups"]);
    }

    #[test]
    fn no_two_names_become_the_same_tag() {
        let names = ["svc.x", "_svc.x", "__svc.x", "SVC.x", "_SVC.x", "svcx", "_x", "x", "sv\u{e9}.x"];
        let tags: BTreeSet<String> = names.into_iter().map(no_jobs_name).collect();
        assert_eq!(tags.len(), names.len(), "{tags:?}");
        assert!(tags.iter().all(|tag| !tag.to_lowercase().starts_with(SERVICE_PREFIX)), "{tags:?}");
        assert_eq!(no_jobs_name("ada_svc.x"), "ada_svc.x");
    }

    #[test]
    fn an_untrusted_address_names_no_session() {
        let by_mail = role(json!({ "session_name": "{email}" }));
        assert!(matches!(render(&entitled(by_mail), &VendRequest::default()), Err(RenderError::SessionName(_))));
    }

    #[test]
    fn a_jobs_session_name_cannot_be_a_persons() {
        let connector = connector(json!({ "access_key": "main", "scope": "system", "principal": role(json!({})) }));
        let caller = job("ada", &connector);
        let StsRequest::AssumeRole(request) = render(&prove(&caller, &connector), &VendRequest::default()).unwrap()
        else {
            panic!("a role")
        };
        assert_eq!(request.session_name.as_str(), "svc.ada");
    }
}
