//! Whether a person means what a link to one of our pages asks for, as far as their browser says.

use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;

use super::next::Next;
use super::page::see_other;
use super::pre_session;
use crate::app::App;
use crate::cookie;
use crate::problem::Problem;

/// Whether the person means it: they typed the address, a program of theirs opened it, or a page of ours led there. Other sites' links, and
/// browsers that fetch what nobody has clicked yet, do not show that; nor does a browser that says nothing.
pub(crate) fn is_meant(method: &Method, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let ahead_of_time = headers.contains_key("sec-purpose") || headers.contains_key("purpose");
    method == Method::GET && matches!(site, Some(b"none" | b"same-origin")) && !ahead_of_time
}

/// To the sign-in page, which remembers that the person asked for this: what shows it now is gone by then.
pub(crate) fn sign_in_once_asked(app: &App, headers: &HeaderMap, next: &Next) -> Result<Response, Problem> {
    let pre_session = pre_session::begin(app, headers)?;
    let mut response = see_other(&next.sign_in_page_once_asked(&pre_session.asked_for(app, next)));
    cookie::attach(response.headers_mut(), pre_session.cookie);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)));
        is_meant(&Method::GET, &headers.collect())
    }

    #[test]
    fn only_a_typed_address_and_our_own_pages_are_meant() {
        for site in ["none", "same-origin"] {
            assert!(meant(&[("sec-fetch-site", site)]), "{site}");
            for purpose in ["sec-purpose", "purpose"] {
                assert!(!meant(&[("sec-fetch-site", site), (purpose, "prefetch")]), "{site} {purpose}");
            }
        }
        for site in ["cross-site", "same-site", "", "None", "none, cross-site"] {
            assert!(!meant(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!meant(&[]));
    }

    #[test]
    fn whether_a_page_is_there_can_be_asked_without_opening_anything() {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-site", HeaderValue::from_static("none"));
        assert!(!is_meant(&Method::HEAD, &headers));
    }
}
