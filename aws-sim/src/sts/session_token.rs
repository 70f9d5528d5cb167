//! `GetSessionToken`: the IAM user itself, for a while. No permission is needed, and no policy can forbid it.

use super::fields::Check;
use super::issue::{Blueprint, issue, write_credentials, write_token_size};
use super::mfa::MfaRequest;
use super::{Request, Writer, long_term_user};
use crate::refusal::Refusal;
use crate::session::{Actor, Limits};

pub(crate) fn call(request: &mut Request<'_>) -> Result<Writer, Refusal> {
    let mut check = Check::default();
    let seconds = check.duration(request.params.take("DurationSeconds"), MAX_SECONDS, DEFAULT_SECONDS);
    let mfa = MfaRequest::read(&mut request.params, &mut check);
    let token_size = check.token_size(request.params.take("MinimumSessionTokenSize"));
    check.finish()?;
    request.params.nothing_left()?;
    let user_arn = long_term_user(request.caller, "GetSessionToken")?;
    let mfa = mfa.prove(request)?;
    let session = issue(
        request,
        Blueprint {
            account: request.caller.account().to_owned(),
            actor: Actor::User { user_arn: user_arn.to_owned() },
            limits: Limits::Whole,
            seconds,
            mfa,
            tags: Vec::new(),
            source_identity: None,
            carried: 0,
            token_size,
        },
    );
    Ok(Box::new(move |xml| {
        write_credentials(xml, &session);
        write_token_size(xml, &session);
    }))
}

const MAX_SECONDS: u32 = 129_600;
const DEFAULT_SECONDS: u32 = 43_200;
