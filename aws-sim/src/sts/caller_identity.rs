//! `GetCallerIdentity`: needs no permission, and no policy can forbid it.

use super::{Request, Writer};
use crate::refusal::Refusal;

pub(crate) fn call(request: &mut Request<'_>) -> Result<Writer, Refusal> {
    request.params.nothing_left()?;
    let arn = request.caller.arn().to_owned();
    let user_id = request.caller.user_id(request.world);
    let account = request.caller.account().to_owned();
    Ok(Box::new(move |xml| {
        xml.text("Arn", &arn);
        xml.text("UserId", &user_id);
        xml.text("Account", &account);
    }))
}
