//! Makes credentials, and writes them into an answer.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use jiff::{SignedDuration, Timestamp};

use super::Request;
use super::fields::MAX_TOKEN_SIZE;
use crate::chance;
use crate::session::{Actor, Limits, Session, Tag};
use crate::xml::Xml;

/// What a new session will be, once everything about it has been found right.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) account: String,
    pub(crate) actor: Actor,
    pub(crate) limits: Limits,
    pub(crate) seconds: u32,
    pub(crate) mfa: bool,
    pub(crate) tags: Vec<Tag>,
    pub(crate) source_identity: Option<String>,
    /// Bytes of policies and tags, by which the session token grows.
    pub(crate) carried: usize,
    /// What the session token must measure at least.
    pub(crate) token_size: usize,
}

pub(crate) fn issue(request: &Request<'_>, blueprint: Blueprint) -> Arc<Session> {
    // AWS speaks of whole seconds.
    let now = Timestamp::from_second(request.cloud.clock.now().as_second()).unwrap_or_default();
    let seconds = blueprint.seconds.min(request.cloud.most_seconds.load(Relaxed));
    let lifetime = SignedDuration::from_secs(seconds.into());
    let token_size = blueprint.token_size.max(request.cloud.token_size.load(Relaxed));
    let session = Arc::new(Session {
        access_key_id: chance::id("ASIA"),
        secret: chance::secret(),
        token: chance::session_token(TOKEN_BYTES + blueprint.carried, token_size),
        issued: now,
        expires: now.checked_add(lifetime).unwrap_or(Timestamp::MAX),
        account: blueprint.account,
        actor: blueprint.actor,
        limits: blueprint.limits,
        mfa: blueprint.mfa,
        tags: blueprint.tags,
        source_identity: blueprint.source_identity,
    });
    request.cloud.sessions.keep(&session);
    session
}

pub(crate) fn write_credentials(xml: &mut Xml, session: &Session) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &session.access_key_id);
        xml.text("SecretAccessKey", &session.secret);
        xml.text("SessionToken", &session.token);
        xml.text("Expiration", &session.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    });
}

/// How much of AWS's space for session tokens is used. By the sim's rule for the packed size, none is ever too long.
pub(crate) fn write_token_size(xml: &mut Xml, session: &Session) {
    let size = session.token.len();
    xml.text("SessionTokenUtilization", &(size * 100).div_ceil(MAX_TOKEN_SIZE).min(100).to_string());
    xml.text("SessionTokenSize", &size.to_string());
}

pub(crate) fn write_packed_size(xml: &mut Xml, packed_size: Option<usize>) {
    if let Some(percent) = packed_size {
        xml.text("PackedPolicySize", &percent.to_string());
    }
}

const TOKEN_BYTES: usize = 240;
