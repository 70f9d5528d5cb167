//! The browser's session cookie, and what it remembers once the person has left: `HttpOnly`, Lax, for us alone, and over https with the `__Host-`
//! prefix that keeps it so.

use axum::http::{HeaderMap, HeaderValue, header};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use broker_core::sign_in::Shown;
use secrecy::{ExposeSecret, SecretString};

use crate::app::PublicUrl;

/// The session token in a request's cookie.
pub(crate) fn session_of(headers: &HeaderMap, public: &PublicUrl) -> Option<Shown> {
    let jar = CookieJar::from_headers(headers);
    jar.get(session_name(public)).map(|cookie| Shown::Cookie(SecretString::from(cookie.value())))
}

/// Gives the browser a session; always a new one, so that none can be planted before signing in.
pub(crate) fn begin_session(token: &SecretString, public: &PublicUrl) -> Option<HeaderValue> {
    set(session_name(public), token.expose_secret().to_owned(), public)
}

/// Takes the browser's session away. Where a directory's own session would let the person in again at once, the browser remembers that they left.
pub(crate) fn end_session(public: &PublicUrl, would_be_back: bool) -> impl Iterator<Item = HeaderValue> {
    let left = would_be_back.then(|| set(left_name(public), "yes".to_owned(), public));
    [expire(session_name(public), public), left.flatten()].into_iter().flatten()
}

/// Whether the person has left by [`end_session`], and is not back.
pub(crate) fn has_left(headers: &HeaderMap, public: &PublicUrl) -> bool {
    CookieJar::from_headers(headers).get(left_name(public)).is_some()
}

/// Forgets that they left: they are back.
pub(crate) fn back(headers: &HeaderMap, public: &PublicUrl) -> Option<HeaderValue> {
    has_left(headers, public).then(|| expire(left_name(public), public)).flatten()
}

/// A cookie for the whole site, gone with the browser. The value may be secret, so the header is marked as such.
pub(crate) fn set(name: &'static str, value: String, public: &PublicUrl) -> Option<HeaderValue> {
    header_of(Cookie::new(name, value), public)
}

/// Takes a cookie away.
pub(crate) fn expire(name: &'static str, public: &PublicUrl) -> Option<HeaderValue> {
    let mut cookie = Cookie::new(name, "");
    cookie.make_removal();
    header_of(cookie, public)
}

fn header_of(mut cookie: Cookie<'static>, public: &PublicUrl) -> Option<HeaderValue> {
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(public.is_https());
    let mut value = HeaderValue::try_from(cookie.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether a cookie of this name is one of ours.
pub(crate) fn is_ours(name: &str) -> bool {
    name.strip_prefix("__Host-").unwrap_or(name).starts_with("brokerd")
}

fn session_name(public: &PublicUrl) -> &'static str {
    if public.is_https() { "__Host-brokerd" } else { "brokerd" }
}

fn left_name(public: &PublicUrl) -> &'static str {
    if public.is_https() { "__Host-brokerd-left" } else { "brokerd-left" }
}

/// Puts cookies onto an answer.
pub(crate) fn attach(headers: &mut HeaderMap, cookies: impl IntoIterator<Item = HeaderValue>) {
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}
