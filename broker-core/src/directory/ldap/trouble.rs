//! What can go wrong in a conversation with a server, cut by whether another server may do better.

use std::io;

use super::answer::Outcome;
use super::ber::Malformed;

/// Why an operation has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("its name leads to no address")]
    Name(#[source] io::Error),
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("no TLS, or a certificate that does not prove it is that server")]
    Tls(#[source] io::Error),
    #[error("it refuses StartTLS with {0}")]
    StartTlsRefused(Outcome),
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("it closed the connection")]
    Closed,
    #[error("no answer in time")]
    Timeout,
    #[error("no server could be reached a moment ago")]
    KnownOutage,
    #[error("all {0} connections are in use, and none became free in time (`pool`)")]
    NoRoom(usize),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("it answers with more than {0}")]
    TooMuch(&'static str),
    #[error("there are more entries than we can use")]
    TooManyEntries,
    #[error("it refuses our own credential with {0}{advice}", advice = advice(.0))]
    ServiceBindRefused(Outcome),
    #[error(
        "it does not say that it is Active Directory, which the groups are to be told by: it would answer as if there were none"
    )]
    NotActiveDirectory,
    #[error("it does not search: {0}{advice}", advice = advice(.0))]
    SearchRefused(Outcome),
    #[error("it gives a part of the answer only: {0}")]
    Incomplete(Outcome),
    #[error("it does not check the password: {0}{advice}", advice = advice(.0))]
    BindRefused(Outcome),
}

impl Trouble {
    /// Whether another server may do better. An answer, however unwelcome, would be the same there.
    pub(super) fn is_the_servers(&self) -> bool {
        match self {
            Self::Name(_)
            | Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Tls(_)
            | Self::StartTlsRefused(_)
            | Self::Broken(_)
            | Self::Closed
            | Self::Timeout
            | Self::Malformed(_)
            | Self::TooMuch(_)
            | Self::NotActiveDirectory => true,
            Self::KnownOutage | Self::TooManyEntries | Self::NoRoom(_) => false,
            Self::ServiceBindRefused(outcome)
            | Self::SearchRefused(outcome)
            | Self::Incomplete(outcome)
            | Self::BindRefused(outcome) => matches!(outcome.code, BUSY | UNAVAILABLE),
        }
    }

    /// Whether nobody was there, or nobody who says anything.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Connect(_) | Self::ConnectTimeout | Self::Timeout)
    }
}

/// What whoever runs the broker can do about a refusal. A server that insists on encryption says so with either code: Active Directory
/// with the first, OpenLDAP with the second; with the first also one that takes nothing but SASL.
fn advice(outcome: &Outcome) -> &'static str {
    match outcome.code {
        STRONGER_AUTH_REQUIRED => {
            " (the server wants more than a password in plain text: use ldaps://, or `starttls = true` with ldap://; if that is so already, it wants SASL, which brokerd does not speak: let the service account and people bind by password)"
        }
        CONFIDENTIALITY_REQUIRED => {
            " (the server insists on an encrypted connection: use ldaps://, or `starttls = true` with ldap://)"
        }
        _ => "",
    }
}

// Result codes (RFC 4511, appendix A).
pub(super) const SUCCESS: u32 = 0;
pub(super) const TIME_LIMIT: u32 = 3;
pub(super) const SIZE_LIMIT: u32 = 4;
pub(super) const STRONGER_AUTH_REQUIRED: u32 = 8;
pub(super) const REFERRAL: u32 = 10;
pub(super) const ADMIN_LIMIT: u32 = 11;
pub(super) const CONFIDENTIALITY_REQUIRED: u32 = 13;
pub(super) const NO_SUCH_OBJECT: u32 = 32;
pub(super) const BUSY: u32 = 51;
pub(super) const UNAVAILABLE: u32 = 52;
