//! `AssumeRole`: another principal, if both the role and the caller's own policies agree.

use super::fields::{ARN, Check, EXTERNAL_ID, SESSION_NAME, SOURCE_IDENTITY};
use super::issue::{Blueprint, issue, write_credentials, write_packed_size, write_token_size};
use super::mfa::MfaRequest;
use super::packed::packed_size;
use super::session_policy::PolicyRequest;
use super::tags::{self, TagRequest, Tagging};
use super::{Request, Writer, may_assume_roles};
use crate::authorize::{ResourcePolicy, Target, authorize, not_authorized};
use crate::caller::Caller;
use crate::policy::Ask;
use crate::refusal::Refusal;
use crate::session::{Actor, Limits};
use crate::world::RoleRecord;

/// The parameters, each of them in shape.
struct Wish {
    role_arn: String,
    session_name: String,
    seconds: u32,
    external_id: Option<String>,
    source_identity: Option<String>,
    policies: PolicyRequest,
    tags: TagRequest,
    mfa: MfaRequest,
    token_size: usize,
}

pub(crate) fn call(request: &mut Request<'_>) -> Result<Writer, Refusal> {
    let wish = Wish::read(request)?;
    may_assume_roles(request.caller)?;
    let tagging = wish.tags.settle(tags::parent(request))?;
    let account = account_of_role(&wish.role_arn, request.world.partition.as_str())?;
    let policies = wish.policies.settle(request.world, &account)?;
    let packed_size = packed_size(&policies, &tagging)?;
    let source_identity = settle_source_identity(request, wish.source_identity)?;
    let mfa = wish.mfa.prove(request)?;

    tagging.describe(&mut request.context);
    request.context.set("sts:RoleSessionName", wish.session_name.clone());
    request.context.set("sts:DurationSeconds", wish.seconds.to_string());
    request.context.set("aws:ResourceAccount", account.clone());
    if let Some(external_id) = wish.external_id {
        request.context.set("sts:ExternalId", external_id);
    }
    if let Some(source_identity) = &source_identity {
        request.context.set("sts:SourceIdentity", source_identity.clone());
    }
    if mfa {
        request.context.set("aws:MultiFactorAuthPresent", "true");
    }
    let role = enter(request, &wish.role_arn, &account, &tagging, source_identity.is_some())?;
    check_duration(request.caller, role, wish.seconds)?;

    let session_arn =
        format!("arn:{}:sts::{account}:assumed-role/{}/{}", request.world.partition, role.name, wish.session_name);
    let assumed_role_id = format!("{}:{}", role.id, wish.session_name);
    let carried = policies.size() + tagging.size();
    let limits = if policies.is_empty() { Limits::Whole } else { Limits::Within(policies.into_vec()) };
    let session = issue(
        request,
        Blueprint {
            account,
            actor: Actor::Role {
                role_arn: role.arn.clone(),
                role_id: role.id.clone(),
                session_arn: session_arn.clone(),
                session_name: wish.session_name,
                by_long_term_key: matches!(request.caller, Caller::User { .. }),
            },
            limits,
            seconds: wish.seconds,
            mfa: false,
            tags: tagging.all,
            source_identity: source_identity.clone(),
            carried,
            token_size: wish.token_size,
        },
    );
    Ok(Box::new(move |xml| {
        write_credentials(xml, &session);
        xml.element("AssumedRoleUser", |xml| {
            xml.text("AssumedRoleId", &assumed_role_id);
            xml.text("Arn", &session_arn);
        });
        write_packed_size(xml, packed_size);
        write_token_size(xml, &session);
        if let Some(source_identity) = &source_identity {
            xml.text("SourceIdentity", source_identity);
        }
    }))
}

impl Wish {
    fn read(request: &mut Request<'_>) -> Result<Self, Refusal> {
        let params = &mut request.params;
        let mut check = Check::default();
        let wish = Self {
            role_arn: check.required("roleArn", params.take("RoleArn"), ARN),
            session_name: check.required("roleSessionName", params.take("RoleSessionName"), SESSION_NAME),
            seconds: check.duration(params.take("DurationSeconds"), MAX_SECONDS, DEFAULT_SECONDS),
            external_id: check.optional("externalId", params.take("ExternalId"), EXTERNAL_ID),
            source_identity: check.optional("sourceIdentity", params.take("SourceIdentity"), SOURCE_IDENTITY),
            policies: PolicyRequest::read(params, &mut check),
            tags: TagRequest::read(params, &mut check, true),
            mfa: MfaRequest::read(params, &mut check),
            token_size: check.token_size(params.take("MinimumSessionTokenSize")),
        };
        check.finish()?;
        params.nothing_left()?;
        Ok(wish)
    }
}

/// `arn:PARTITION:iam::ACCOUNT:role/…`
fn account_of_role(role_arn: &str, partition: &str) -> Result<String, Refusal> {
    match role_arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", at, "iam", "", account, role]
            if at == partition
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
        {
            Ok(account.to_owned())
        }
        _ => Err(Refusal::validation(format!("{role_arn} is invalid"))),
    }
}

/// A source identity stays with a chain of roles: it can be set once, and not changed.
fn settle_source_identity(request: &Request<'_>, wished: Option<String>) -> Result<Option<String>, Refusal> {
    if wished.as_ref().is_some_and(|wished| wished.to_ascii_lowercase().starts_with("aws:")) {
        return Err(Refusal::validation("Source identity must not start with aws:"));
    }
    let set = request.caller.session().and_then(|session| session.source_identity.clone());
    match (set, wished) {
        (Some(set), Some(wished)) if set != wished => {
            Err(Refusal::access_denied("The source identity of the calling session cannot be changed."))
        }
        (Some(set), _) => Ok(Some(set)),
        (None, wished) => Ok(wished),
    }
}

/// Whether the trust policy and the caller's policies agree to all that is asked. Who may not know whether a role
/// exists is told the same as who may not assume it.
fn enter<'a>(
    request: &Request<'a>,
    role_arn: &str,
    account: &str,
    tagging: &Tagging,
    has_source_identity: bool,
) -> Result<&'a RoleRecord, Refusal> {
    let denied = |action| Refusal::access_denied(not_authorized(request.caller, action, role_arn));
    let role = request.world.roles.get(role_arn).ok_or_else(|| denied("sts:AssumeRole"))?;
    let actions = ["sts:AssumeRole"]
        .into_iter()
        .chain(tagging.is_used().then_some("sts:TagSession"))
        .chain(has_source_identity.then_some("sts:SetSourceIdentity"));
    for action in actions {
        let ask = Ask { action, resource: role_arn, context: &request.context };
        let target = Target { account, policy: ResourcePolicy::Required(&role.trust) };
        authorize(request.caller, request.world, ask, target).map_err(|_| denied(action))?;
    }
    Ok(role)
}

fn check_duration(caller: &Caller, role: &RoleRecord, seconds: u32) -> Result<(), Refusal> {
    let chained = caller.session().is_some_and(|session| matches!(session.actor, Actor::Role { .. }));
    if chained && seconds > CHAINED_MAX_SECONDS {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.max_session_seconds {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}

const MAX_SECONDS: u32 = 43_200;
const DEFAULT_SECONDS: u32 = 3_600;
const CHAINED_MAX_SECONDS: u32 = 3_600;
