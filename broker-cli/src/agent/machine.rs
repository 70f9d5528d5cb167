//! A machine of EC2's, played for programs that know no other way: its metadata service, of which only the credentials are there.
//!
//! A program needs nothing to ask it but to be on this machine, so it is there only where somebody wants it. Its paths have no room for more than
//! one connector: AWS's clients take the first role of the list, and know the service by its address alone. So each has a port of its own.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use http::Method;
use http::request::Parts;

use crate::failure::Failure;
use crate::name::ConnectorName;

/// For one connector.
pub(super) struct Machine {
    connector: ConnectorName,
    token: String,
}

/// What somebody wants of it.
#[derive(Debug)]
pub(super) enum Wish {
    Token {
        seconds: u32,
        token: String,
    },
    Role(ConnectorName),
    Credentials(ConnectorName),
    /// Something that this machine does not have.
    Nothing,
    Unauthenticated,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("connector", &self.connector).finish_non_exhaustive()
    }
}

impl Machine {
    pub(super) fn playing(connector: ConnectorName) -> Result<Self, Failure> {
        let mut token = [0; 32];
        rand::fill(&mut token)
            .map_err(|_| Failure::mend("the system gives no random numbers", "see to /dev/urandom"))?;
        Ok(Self { connector, token: hex::encode(token) })
    }

    /// Nothing where another door is asked for. The old way without a token is not there: a page in a browser could come by it.
    pub(super) fn wish(&self, head: &Parts) -> Option<Wish> {
        let path = head.uri.path();
        if path == TOKEN && head.method == Method::PUT {
            let seconds = head.headers.get(SECONDS).and_then(|value| value.to_str().ok()?.parse().ok());
            let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
            return Some(
                seconds.map_or(Wish::Unauthenticated, |seconds| Wish::Token { seconds, token: self.token.clone() }),
            );
        }
        let rest = path.strip_prefix(ALL)?;
        let given = head.headers.get(GIVEN).map_or(&b""[..], |value| value.as_bytes());
        let knows = verify_slices_are_equal(given, self.token.as_bytes()).is_ok();
        if !knows || head.method != Method::GET {
            return Some(Wish::Unauthenticated);
        }
        let wish = rest.strip_prefix(ROLES).map(|role| role.trim_matches('/'));
        Some(match wish {
            Some("") => Wish::Role(self.connector.clone()),
            Some(name) if name == self.connector.as_str() => Wish::Credentials(self.connector.clone()),
            Some(_) | None => Wish::Nothing,
        })
    }
}

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
const TOKEN: &str = "/latest/api/token";
const ALL: &str = "/latest/";
const ROLES: &str = "meta-data/iam/security-credentials";
const SECONDS: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const GIVEN: &str = "x-aws-ec2-metadata-token";
/// Six hours, as there.
const LONGEST: u32 = 21_600;
