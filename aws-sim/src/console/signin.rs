//! `getSigninToken`: genuine, living credentials for a token that opens the console.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Reply, bad_request};
use crate::chance;
use crate::cloud::Cloud;
use crate::front::Answer;
use crate::params::Params;
use crate::refusal::Refusal;
use crate::session::{Actor, Session};

/// The sign-in tokens that were handed out.
#[derive(Debug, Default)]
pub(crate) struct SigninTokens(RwLock<HashMap<String, Ticket>>);

/// What a sign-in token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) session: Arc<Session>,
    /// Until when the console stays open, once it is.
    pub(crate) console_until: Timestamp,
    expires: Timestamp,
}

impl SigninTokens {
    pub(crate) fn find(&self, token: &str, now: Timestamp) -> Option<Ticket> {
        let tickets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tickets.get(token).filter(|ticket| now < ticket.expires).cloned()
    }

    fn keep(&self, token: String, ticket: Ticket, now: Timestamp) {
        let mut tickets = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= CAPACITY {
            tickets.retain(|_, ticket| now < ticket.expires);
        }
        tickets.insert(token, ticket);
    }
}

/// The `Session` parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[serde(rename = "sessionId")]
    id: String,
    #[serde(rename = "sessionKey")]
    key: String,
    #[serde(rename = "sessionToken")]
    token: String,
}

pub(super) fn call(cloud: &Cloud, params: Params) -> Reply {
    Reply { access_key_id: access_key_id(&params), outcome: exchange(cloud, params) }
}

/// Whose credentials the `Session` parameter claims to hold.
pub(super) fn access_key_id(params: &Params) -> Option<String> {
    serde_json::from_str::<Credentials>(params.get("Session")?).ok().map(|credentials| credentials.id)
}

fn exchange(cloud: &Cloud, mut params: Params) -> Result<Answer, Refusal> {
    params.take("Action");
    let text = params.take("Session");
    let text = text.ok_or_else(|| bad_request("Session is missing"))?;
    let wished = params.take("SessionDuration");
    if params.take("SessionType").is_some_and(|kind| kind != "json") {
        return Err(bad_request("SessionType is not valid"));
    }
    params.nothing_left().map_err(|refusal| bad_request(refusal.message))?;
    let credentials: Credentials = serde_json::from_str(&text).map_err(|_| bad_request("Session is not valid"))?;
    let now = cloud.clock.now();
    let session = cloud
        .sessions
        .find(&credentials.id)
        .filter(|session| session.secret == credentials.key && session.token == credentials.token)
        .filter(|session| !session.has_expired(now))
        .ok_or_else(|| bad_request("The credentials are not valid"))?;
    if matches!(session.actor, Actor::User { .. }) {
        return Err(bad_request("Session tokens of IAM users cannot sign in to the console"));
    }
    let console_until = match wished {
        None => session.expires,
        Some(wished) => now.checked_add(duration(&session, &wished)?).unwrap_or(Timestamp::MAX),
    };
    let expires = now.checked_add(TOKEN_LIFETIME).unwrap_or(Timestamp::MAX);
    let token = chance::session_token(300, 0);
    let body = serde_json::json!({ "SigninToken": token }).to_string();
    cloud.signin_tokens.keep(token, Ticket { session, console_until, expires }, now);
    Ok(Answer { content_type: "application/json", body: body.into() })
}

/// `SessionDuration` is legal only for roles that were assumed with an IAM user's long-term key.
fn duration(session: &Session, wished: &str) -> Result<SignedDuration, Refusal> {
    match session.actor {
        Actor::Role { by_long_term_key: true, .. } => {}
        Actor::Role { .. } | Actor::Federated { .. } | Actor::User { .. } => {
            return Err(bad_request("SessionDuration is not valid for these credentials"));
        }
    }
    match wished.parse::<i64>() {
        Ok(seconds @ 900..=43_200) => Ok(SignedDuration::from_secs(seconds)),
        Ok(_) | Err(_) => Err(bad_request("SessionDuration must be between 900 and 43200")),
    }
}

const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
const CAPACITY: usize = 10_000;
