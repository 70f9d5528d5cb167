//! A directory's own sign-on in this browser (Crowd's), taken in the place of a password: only where the person came here by themselves, and not
//! after they signed out here.

use axum::http::{HeaderMap, Method};
use axum_extra::extract::cookie::CookieJar;
use broker_core::sign_in::SignInError;
use secrecy::SecretString;

use crate::app::App;
use crate::cookie;
use crate::request::Meta;

/// Whether anybody is let in so, and by themselves or by a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// No directory has it.
    Never,
    /// The page has a link: another site led here, or the person has signed out.
    Link,
    Now,
}

impl Offer {
    /// `wanted` where the page's own link was followed.
    pub(super) fn of(app: &App, method: &Method, headers: &HeaderMap, wanted: bool) -> Self {
        if !app.sign_in.takes_single_sign_on() {
            Self::Never
        } else if comes_by_itself(method, headers) && (wanted || !cookie::has_left(headers, &app.settings.public_url)) {
            Self::Now
        } else {
            Self::Link
        }
    }
}

/// The token of a new session, if a directory vouches for the browser.
pub(super) async fn let_in(app: &App, meta: &Meta, headers: &HeaderMap) -> Result<Option<SecretString>, SignInError> {
    let jar = CookieJar::from_headers(headers);
    let shown = |name: &str| {
        // What is ours is shown to nobody, whatever a directory calls its own.
        let ours = cookie::is_ours(name);
        jar.get(name).filter(|_| !ours).map(|cookie| SecretString::from(cookie.value()))
    };
    let signed_in = app.sign_in.sign_in_by_directory(shown, meta.address, &meta.origin).await?;
    Ok(signed_in.map(|signed_in| signed_in.token))
}

/// Whether this is somebody on their way, and no other site's page that has them signed in. What says nothing is no browser of these days, and
/// fetches nothing for other sites.
fn comes_by_itself(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name: &str, wanted: &[&[u8]]| headers.get(name).is_none_or(|value| wanted.contains(&value.as_bytes()));
    let ahead_of_time = headers.contains_key("sec-purpose") || headers.contains_key("purpose");
    *method == Method::GET
        && is("sec-fetch-site", &[b"none", b"same-origin"])
        && is("sec-fetch-mode", &[b"navigate"])
        && is("sec-fetch-dest", &[b"document"])
        && !ahead_of_time
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn by_itself(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)));
        comes_by_itself(&Method::GET, &headers.collect())
    }

    #[test]
    fn no_other_sites_page_has_anybody_signed_in() {
        let typed = [("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(by_itself(&typed) && by_itself(&[]) && by_itself(&[("sec-fetch-site", "same-origin")]));
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "iframe"),
            ("sec-purpose", "prefetch"),
        ] {
            assert!(!by_itself(&[(name, value)]), "{name}: {value}");
        }
        assert!(!comes_by_itself(&Method::HEAD, &HeaderMap::new()));
    }
}
