//! Form fields, read strictly: valid UTF-8, each field once, none that nobody asked for; and posted by our own pages only.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use broker_core::id::SessionId;
use broker_core::sign_in::Leaving;
use broker_core::trail::Origin;
use percent_encoding::percent_decode;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::visitor::Visitor;
use crate::app::App;
use crate::caller::{from_own_page, is_csrf_token};
use crate::cookie;
use crate::problem::{Code, Problem};
use crate::request::{Meta, Who};

/// The fields of a form or a query, until they are taken out. What is left behind is wiped.
#[derive(Default)]
pub(crate) struct Fields(BTreeMap<String, Zeroizing<String>>);

/// A form that one of our own pages sent.
#[derive(Debug)]
pub(crate) struct OwnForm(pub(crate) Fields);

/// A form that one of our own pages sent, with the token of the session that it was made for.
#[derive(Debug)]
pub(crate) struct SessionForm {
    /// Nobody, when the session ended before the form came.
    pub(crate) visitor: Option<Visitor>,
    pub(crate) fields: Fields,
}

/// The form by which somebody leaves. Their directory is not asked.
#[derive(Debug)]
pub(crate) struct LeavingForm {
    /// Nobody, when the session ended before the form came; or why that cannot be told.
    pub(crate) leaving: Result<Option<Leaving>, Problem>,
    pub(crate) origin: Origin,
    pub(crate) fields: Fields,
}

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, Problem> {
        let mut fields = BTreeMap::new();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next().unwrap_or_default())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            if fields.insert(name.to_string(), value).is_some() {
                return Err(Problem::new(Code::InvalidRequest, "a field stands there twice"));
            }
        }
        Ok(Self(fields))
    }

    /// A field that must be there.
    pub(crate) fn take(&mut self, name: &str) -> Result<Zeroizing<String>, Problem> {
        self.0.remove(name).ok_or_else(|| Problem::field(name, format!("the field `{name}` is missing")))
    }

    /// A field that may be absent, or empty, which is the same.
    pub(crate) fn take_given(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty()).map(|value| value.to_string())
    }

    /// The same of a field that nobody may see.
    pub(crate) fn take_secret(&mut self, name: &str) -> Option<SecretString> {
        self.0.remove(name).filter(|value| !value.is_empty()).map(|value| SecretString::from(value.as_str()))
    }

    /// Refuses what nobody took.
    pub(crate) fn nothing_left(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::new(Code::InvalidRequest, "there is a field that this page does not have"))
        }
    }
}

/// Without contents: passwords stand in forms.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

impl FromRequest<App> for OwnForm {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !from_own_page(request.headers(), app) {
            return Err(Problem::new(Code::Forbidden, "this form was not sent by one of the broker's own pages"));
        }
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Problem::new(
                Code::InvalidRequest,
                "this page takes forms (application/x-www-form-urlencoded)",
            ));
        }
        let body = Bytes::from_request(request, app).await;
        let body = body.map_err(|_| Problem::new(Code::TooLarge, "the form is too large, or was cut off"))?;
        Fields::parse(&body).map(Self)
    }
}

impl FromRequest<App> for SessionForm {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::of(&mut parts, app).await?;
        let OwnForm(mut fields) = OwnForm::from_request(Request::from_parts(parts, body), app).await?;
        let token = fields.take_given("csrf").unwrap_or_default();
        // Without a session there is nothing that a forged form could use.
        if let Some(visitor) = &visitor {
            proved(app, visitor.person.session, &token)?;
        }
        Ok(Self { visitor, fields })
    }
}

impl FromRequest<App> for LeavingForm {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let meta = request.extensions().get::<Meta>().cloned().ok_or_else(Problem::unauthenticated)?;
        let who = request.extensions().get::<Who>().cloned().unwrap_or_default();
        let shown = cookie::session_of(request.headers(), &app.settings.public_url);
        let OwnForm(mut fields) = OwnForm::from_request(request, app).await?;
        let token = fields.take_given("csrf").unwrap_or_default();
        let leaving = match shown {
            Some(shown) => app.sign_in.leaving(&shown).await.map_err(Problem::from),
            None => Ok(None),
        };
        if let Ok(Some(leaving)) = &leaving {
            who.is_person(leaving.person());
            proved(app, leaving.session(), &token)?;
        }
        Ok(Self { leaving, origin: meta.origin, fields })
    }
}

fn proved(app: &App, session: SessionId, token: &str) -> Result<(), Problem> {
    let token = hex::decode(token).unwrap_or_default();
    if is_csrf_token(app, session, &token) {
        Ok(())
    } else {
        Err(Problem::new(
            Code::Forbidden,
            "this form belongs to another session: go back, reload the page and try again",
        ))
    }
}

fn decoded(part: &[u8]) -> Result<Zeroizing<String>, Problem> {
    let spaced = Zeroizing::new(part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<u8>>());
    let text = percent_decode(&spaced).decode_utf8();
    let text = text.map_err(|_| Problem::new(Code::InvalidRequest, "a field is not valid UTF-8"))?;
    Ok(Zeroizing::new(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_to_the_letter() {
        let mut fields = Fields::parse(b"username=ada+l%C3%B6&password=a%2Bb%26c%3Dd%25&empty=&bare").unwrap();
        assert_eq!(fields.take("username").unwrap().as_str(), "ada l\u{f6}");
        assert_eq!(fields.take("password").unwrap().as_str(), "a+b&c=d%");
        assert_eq!(fields.take_given("empty"), None);
        assert_eq!(fields.take("bare").unwrap().as_str(), "");
        assert!(fields.take("missing").is_err());
        assert!(fields.nothing_left().is_ok());
    }

    #[test]
    fn rubbish_is_refused() {
        for bad in [&b"a=%ff"[..], b"a=\xff", b"%ff=a", b"a=1&a=2", b"a=1&%61=2"] {
            assert!(Fields::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Fields::parse(b"a=1").unwrap().nothing_left().is_err());
        assert!(Fields::parse(b"").unwrap().nothing_left().is_ok());
    }

    #[test]
    fn a_form_does_not_show_its_contents() {
        assert!(!format!("{:?}", Fields::parse(b"password=hunter2").unwrap()).contains("hunter2"));
    }
}
