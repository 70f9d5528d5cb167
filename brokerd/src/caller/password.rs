//! A name and a password that come with each request (Basic, RFC 7617), as scripts sent them to IFAWS: a sign-in like every other, for as long as
//! the one request takes.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_core::caller::Caller;
use broker_core::sign_in::{Credentials, Visit, VisitError};
use broker_core::trail::{Action, Actor, Entry, Outcome, RefusalKind};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::app::App;
use crate::patience;
use crate::problem::{Code, Problem};
use crate::request::Meta;

/// What stood in `Authorization`, or that it cannot be read.
pub(super) struct Password(Option<(String, SecretString)>);

/// Nothing where there is no `Basic`.
pub(super) fn shown(headers: &HeaderMap) -> Option<Password> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let value = authorizations.next()?;
    let (scheme, encoded) = value.as_bytes().split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let single = authorizations.next().is_none();
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok().map(Zeroizing::new);
    let pair = decoded.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()?.split_once(':'));
    let pair = pair.map(|(username, password)| (username.to_owned(), SecretString::from(password)));
    Some(Password(pair.filter(|_| single)))
}

impl Password {
    /// Counted and recorded as every sign-in; and each takes one vend off what the person may have, whatever it is for. A browser may send
    /// what it keeps because some page makes it, and is sent away first.
    pub(super) async fn sign_in(self, headers: &HeaderMap, meta: &Meta, app: &App) -> Result<(Caller, Visit), Problem> {
        if is_browsers(headers) {
            let anonymous = Actor::Anonymous { mark: None };
            let entry = Entry::new(anonymous, Action::SignIn, Outcome::Refused, meta.origin.clone());
            app.trail.note_refusal(RefusalKind::SignIn, entry.reason(&"a browser sent a password by itself (Basic)"));
            let detail =
                "a name and a password in the Authorization header are for scripts, and this comes from a browser";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        let (username, password) = self.0.ok_or_else(Problem::unauthenticated)?;
        let credentials =
            Credentials { username: &username, password, directory: None, address: meta.address, origin: &meta.origin };
        let visitor = app.sign_in.prove_visitor(credentials).await?;
        let person = visitor.person().clone();
        let refused = |problem: &Problem| {
            let entry = Entry::new(Actor::person(&person), Action::SignIn, Outcome::Refused, meta.origin.clone());
            app.trail.note_refusal(RefusalKind::SignIn, entry.reason(&problem.detail()));
        };
        app.allow_visit(&person.subject).inspect_err(&refused)?;
        let visit = app.sign_in.visit(visitor, patience::VISIT, &meta.origin).await.map_err(|error| {
            let too_many = matches!(error, VisitError::TooManyAtOnce);
            let problem = Problem::from(error);
            if too_many {
                refused(&problem);
            }
            problem
        })?;
        Ok((Caller::Person(visit.caller.clone()), visit))
    }
}

/// Browsers say at least one of these with what a page makes them ask, and scripts none.
fn is_browsers(headers: &HeaderMap) -> bool {
    let theirs = [header::ORIGIN, header::REFERER, header::COOKIE];
    theirs.iter().any(|name| headers.contains_key(name)) || headers.keys().any(|name| name.as_str().starts_with("sec-"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use secrecy::ExposeSecret;

    use super::*;

    /// The name and the password, or in which way there are none.
    fn read(values: &[&str]) -> Result<(String, String), &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let Password(pair) = shown(&headers).ok_or("something else")?;
        let (username, password) = pair.ok_or("rubbish")?;
        Ok((username, password.expose_secret().to_owned()))
    }

    #[test]
    fn a_name_ends_at_the_first_colon_and_rubbish_is_nobodys() {
        let pair = |username: &str, password: &str| Ok((username.to_owned(), password.to_owned()));
        assert_eq!(read(&["Basic YWRhOmE6Yg=="]), pair("ada", "a:b"));
        assert_eq!(read(&["basic w6R0w6k6w7w="]), pair("äté", "ü"));
        assert_eq!(read(&["Bearer bks_x"]), Err("something else"));
        assert_eq!(read(&[]), Err("something else"));
        for rubbish in ["Basic ", "Basic ====", "Basic YWRh", "Basic gIA6gA==", "Basic YWRhOmE6Yg"] {
            assert_eq!(read(&[rubbish]), Err("rubbish"), "{rubbish}");
        }
        assert_eq!(read(&["Basic YWRhOmE6Yg==", "Bearer bks_x"]), Err("rubbish"), "one too many");
    }

    #[test]
    fn browsers_are_told_by_what_they_add() {
        let of = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("x"));
            is_browsers(&headers)
        };
        for name in ["origin", "referer", "cookie", "sec-fetch-site", "sec-fetch-mode", "sec-ch-ua"] {
            assert!(of(name), "{name}");
        }
        assert!(!of("user-agent") && !of("accept"));
    }
}
