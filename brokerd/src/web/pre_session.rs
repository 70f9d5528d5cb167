//! What a browser is known by before there is a session: a random cookie. Keyed hashes of it prove that the sign-in form is ours, and
//! that the person had asked for a page before being led to that form.

use axum::http::{HeaderMap, HeaderValue};
use axum_extra::extract::cookie::CookieJar;
use broker_core::sign_in::SignInError;
use broker_core::vault::{Purpose, new_token};
use secrecy::ExposeSecret;

use super::next::Next;
use crate::app::{App, PublicUrl};
use crate::cookie;
use crate::problem::Problem;

/// What a sign-in form is sent out with.
#[derive(Debug)]
pub(crate) struct PreSession {
    /// For the form.
    pub(crate) token: String,
    value: String,
    /// To be set, unless the browser has it already.
    pub(crate) cookie: Option<HeaderValue>,
}

/// For another sign-in form. A browser keeps its cookie, so that two open tabs both work.
pub(crate) fn begin(app: &App, headers: &HeaderMap) -> Result<PreSession, Problem> {
    let public = &app.settings.public_url;
    if let Some(value) = value_of(headers, public) {
        return Ok(PreSession { token: token_for(app, &value), value, cookie: None });
    }
    let value = new_token("").map_err(SignInError::from)?.expose_secret().to_owned();
    Ok(PreSession { token: token_for(app, &value), cookie: cookie::set(name(public), value.clone(), public), value })
}

impl PreSession {
    /// That this browser's person asked for a page. In another browser, and for another page, it proves nothing.
    pub(crate) fn asked_for(&self, app: &App, page: &Next) -> String {
        let page = page.to_string();
        hex::encode(app.store.seals().mac(Purpose::Form, &[ASKED, self.value.as_bytes(), page.as_bytes()]))
    }
}

/// Whether it is proved that the person had asked for a page.
pub(crate) fn has_asked_for(app: &App, headers: &HeaderMap, page: &Next, proof: &str) -> bool {
    let (page, proof) = (page.to_string(), hex::decode(proof).unwrap_or_default());
    let value = value_of(headers, &app.settings.public_url);
    value.is_some_and(|value| {
        app.store.seals().verify(Purpose::Form, &[ASKED, value.as_bytes(), page.as_bytes()], &proof)
    })
}

/// Whether the form's token belongs to the browser's cookie.
pub(crate) fn proves(app: &App, headers: &HeaderMap, token: &str) -> bool {
    let token = hex::decode(token).unwrap_or_default();
    let value = value_of(headers, &app.settings.public_url);
    value.is_some_and(|value| app.store.seals().verify(Purpose::Form, &[LABEL, value.as_bytes()], &token))
}

/// Takes the cookie away: whoever has signed in needs it no more.
pub(crate) fn end(public: &PublicUrl) -> Option<HeaderValue> {
    cookie::expire(name(public), public)
}

fn token_for(app: &App, value: &str) -> String {
    hex::encode(app.store.seals().mac(Purpose::Form, &[LABEL, value.as_bytes()]))
}

/// What this browser alone has, before it has a session.
pub(crate) fn value_of(headers: &HeaderMap, public: &PublicUrl) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    let value = jar.get(name(public))?.value().to_owned();
    (value.len() == LENGTH).then_some(value)
}

fn name(public: &PublicUrl) -> &'static str {
    if public.is_https() { "__Host-brokerd-form" } else { "brokerd-form" }
}

/// Keeps these hashes apart from those of sessions.
const LABEL: &[u8] = b"sign-in";
const ASKED: &[u8] = b"asked for a page";
/// 256 bits in base64.
const LENGTH: usize = 43;
