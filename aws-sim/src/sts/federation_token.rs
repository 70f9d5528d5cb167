//! `GetFederationToken`: a name of one's choice with what session policies leave of an IAM user's rights.

use super::fields::{Check, FEDERATED_NAME};
use super::issue::{Blueprint, issue, write_credentials, write_packed_size, write_token_size};
use super::packed::packed_size;
use super::session_policy::PolicyRequest;
use super::tags::TagRequest;
use super::{Request, Writer, long_term_user};
use crate::authorize::{ResourcePolicy, Target, authorize, not_authorized};
use crate::policy::Ask;
use crate::refusal::Refusal;
use crate::session::{Actor, Limits};

pub(crate) fn call(request: &mut Request<'_>) -> Result<Writer, Refusal> {
    let mut check = Check::default();
    let name = check.required("name", request.params.take("Name"), FEDERATED_NAME);
    let seconds = check.duration(request.params.take("DurationSeconds"), MAX_SECONDS, DEFAULT_SECONDS);
    let policies = PolicyRequest::read(&mut request.params, &mut check);
    let tags = TagRequest::read(&mut request.params, &mut check, false);
    let token_size = check.token_size(request.params.take("MinimumSessionTokenSize"));
    check.finish()?;
    request.params.nothing_left()?;
    let user_arn = long_term_user(request.caller, "GetFederationToken")?.to_owned();
    let account = request.caller.account().to_owned();
    let tagging = tags.settle(None)?;
    let policies = policies.settle(request.world, &account)?;
    let packed_size = packed_size(&policies, &tagging)?;

    let session_arn = format!("arn:{}:sts::{account}:federated-user/{name}", request.world.partition);
    tagging.describe(&mut request.context);
    request.context.set("sts:DurationSeconds", seconds.to_string());
    let actions = ["sts:GetFederationToken"].into_iter().chain(tagging.is_used().then_some("sts:TagSession"));
    for action in actions {
        let ask = Ask { action, resource: &session_arn, context: &request.context };
        let target = Target { account: &account, policy: ResourcePolicy::None };
        authorize(request.caller, request.world, ask, target)
            .map_err(|_| Refusal::access_denied(not_authorized(request.caller, action, &session_arn)))?;
    }

    let user_id = format!("{account}:{name}");
    let session = issue(
        request,
        Blueprint {
            carried: policies.size() + tagging.size(),
            account,
            actor: Actor::Federated { user_arn, session_arn: session_arn.clone(), name },
            // Without a policy nothing is left, except what resources themselves grant to the session.
            limits: Limits::Within(policies.into_vec()),
            seconds,
            mfa: false,
            tags: tagging.all,
            source_identity: None,
            token_size,
        },
    );
    Ok(Box::new(move |xml| {
        write_credentials(xml, &session);
        xml.element("FederatedUser", |xml| {
            xml.text("FederatedUserId", &user_id);
            xml.text("Arn", &session_arn);
        });
        write_packed_size(xml, packed_size);
        write_token_size(xml, &session);
    }))
}

const MAX_SECONDS: u32 = 129_600;
const DEFAULT_SECONDS: u32 = 43_200;
