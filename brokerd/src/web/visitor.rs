//! Who looks at a page: somebody whom the browser's cookie signs in, or nobody yet.

use std::sync::Arc;

use axum::extract::{MatchedPath, OptionalFromRequestParts};
use axum::http::{Method, request::Parts};
use broker_core::caller::{Caller, PersonCaller};
use broker_core::connector::Connector;
use broker_core::sign_in::AuthenticateError;
use broker_core::trail::Origin;
use tokio::time::Instant;

use super::next::Next;
use crate::access::{Cookie, takes};
use crate::app::App;
use crate::caller::from_own_page;
use crate::cookie;
use crate::problem::{Code, Problem};
use crate::request::{Meta, Who};

/// Somebody signed in, and the request's circumstances.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) person: PersonCaller,
    pub(crate) origin: Origin,
    pub(crate) deadline: Instant,
}

/// What a page tells whoever is about to let in a program that would be refused some of its connectors.
#[derive(Debug)]
pub(crate) struct FactorFirst {
    /// Of the connectors.
    pub(crate) wanting: usize,
    pub(crate) link: String,
}

impl Visitor {
    /// Who the cookie belongs to, if the route looks at cookies. One that is no good is none: the page leads to the sign-in page.
    pub(crate) async fn of(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        let Some(meta) = parts.extensions.get::<Meta>().cloned() else { return Ok(None) };
        let Some(shown) = cookie::session_of(&parts.headers, &app.settings.public_url) else { return Ok(None) };
        match rule(parts) {
            Cookie::Never => return Ok(None),
            Cookie::Reads => {}
            Cookie::OwnPage | Cookie::OwnPageWithToken if from_own_page(&parts.headers, app) => {}
            Cookie::OwnPage | Cookie::OwnPageWithToken => {
                return Err(Problem::new(Code::Forbidden, "this form was not sent by one of the broker's own pages"));
            }
        }
        let caller = match app.sign_in.authenticate(&shown, meta.address, &meta.origin).await {
            Ok(caller) => caller,
            Err(AuthenticateError::Unauthenticated | AuthenticateError::PasswordChanged) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if let Some(who) = parts.extensions.get::<Who>() {
            who.is(&caller);
        }
        let deadline = meta.deadline(&parts.headers, app.settings.interactive_deadline);
        Ok(match caller {
            Caller::Person(person) => Some(Self { person, deadline, origin: meta.origin }),
            // A job's token in a browser's cookie signs nobody in.
            Caller::Service(_) | Caller::Workload(_) => None,
        })
    }

    /// As the directory names them.
    pub(crate) fn identity(&self) -> String {
        format!("{}/{}", self.person.person.subject.directory, self.person.person.username)
    }

    /// As whom a client would ask in their place: with their groups, and without their role.
    pub(crate) fn as_client(&self) -> Caller {
        Caller::Person(PersonCaller { role: None, ..self.person.clone() })
    }

    /// For the page where a program is let in that gets these connectors: that some of them want a second factor which this session has
    /// not shown, and where to show it first. Nothing, where none does.
    pub(crate) fn factor_first(&self, usable: &[Arc<Connector>], here: &Next) -> Option<FactorFirst> {
        let assurance = self.person.assurance;
        let wanting = usable.iter().filter(|it| assurance.falls_short_of(it.spec.require_second_factor())).count();
        (wanting > 0).then(|| FactorFirst { wanting, link: here.account_first() })
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::Person(self.person.clone())
    }
}

impl OptionalFromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        Self::of(parts, app).await
    }
}

fn rule(parts: &Parts) -> Cookie {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    // Whoever may see a page may ask whether it is there.
    let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
    takes(method, route).cookie
}
