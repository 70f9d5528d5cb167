//! Who is let in: programs of this machine that have the token, never a page in a browser nor somebody by way of a proxy.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use zeroize::Zeroizing;

use super::answer::Answer;
use super::machine::{Machine, Wish};
use crate::failure::Failure;
use crate::name::ConnectorName;

pub(super) struct Entrance {
    /// Exactly what a client of this machine writes; a name that leads here by a stranger's DNS is another one.
    host: String,
    token: Zeroizing<String>,
    /// For whom it plays a machine of EC2's.
    pub(super) machine: Option<Machine>,
}

/// What somebody who was let in may have.
#[derive(Debug)]
pub(super) enum Way {
    Credentials(ConnectorName),
    MachineToken { seconds: u32, token: String },
    MachineRole(ConnectorName),
    MachineCredentials(ConnectorName),
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Entrance {
    pub(super) fn new(port: u16) -> Result<Self, Failure> {
        let mut token = Zeroizing::new([0; TOKEN]);
        rand::fill(token.as_mut())
            .map_err(|_| Failure::mend("the system gives no random numbers", "see to /dev/urandom"))?;
        Ok(Self { host: format!("127.0.0.1:{port}"), token: Zeroizing::new(hex::encode(*token)), machine: None })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn admit(&self, head: &Parts) -> Result<Way, Answer> {
        let refuse = |status, code, message| Err(Answer::refusal(status, code, message));
        if only(&head.headers, &header::HOST) != Some(self.host.as_bytes()) || head.uri.host().is_some() {
            return refuse(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                "this server answers at its own address alone",
            );
        }
        if head.headers.keys().any(|name| is_anothers(name.as_str())) {
            return refuse(StatusCode::FORBIDDEN, "forbidden", "this server answers neither browsers nor proxies");
        }
        if let Some(wish) = self.machine.as_ref().and_then(|machine| machine.wish(head)) {
            return match wish {
                Wish::Token { seconds, token } => Ok(Way::MachineToken { seconds, token }),
                Wish::Role(name) => Ok(Way::MachineRole(name)),
                Wish::Credentials(name) => Ok(Way::MachineCredentials(name)),
                Wish::Nothing => refuse(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "the credentials of a machine's one role are all there is",
                ),
                Wish::Unauthenticated => {
                    refuse(StatusCode::UNAUTHORIZED, "unauthenticated", "a token of /latest/api/token is missing")
                }
            };
        }
        if !self.knows_token(&head.headers) {
            return refuse(StatusCode::UNAUTHORIZED, "unauthenticated", "the token of this server is missing or wrong");
        }
        let name = head.uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(CREDENTIALS)?.strip_prefix('/'));
        let Some(name) = name.and_then(|name| name.parse::<ConnectorName>().ok()) else {
            return refuse(StatusCode::NOT_FOUND, "not_found", "credentials are at /credentials/CONNECTOR");
        };
        if head.method != Method::GET {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "credentials are fetched by GET");
        }
        Ok(Way::Credentials(name))
    }

    /// As it is, or behind `Bearer`.
    fn knows_token(&self, headers: &HeaderMap) -> bool {
        only(headers, &header::AUTHORIZATION).is_some_and(|given| {
            let given = given.strip_prefix(b"Bearer ").unwrap_or(given);
            verify_slices_are_equal(given, self.token.as_bytes()).is_ok()
        })
    }
}

/// A header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// Whether it is a header that browsers or proxies add, and no client of AWS.
fn is_anothers(name: &str) -> bool {
    name == "origin"
        || name == "forwarded"
        || name == "via"
        || name.starts_with("sec-")
        || name.starts_with("x-forwarded-")
}

pub(super) const CREDENTIALS: &str = "credentials";
/// 256 bits.
const TOKEN: usize = 32;
