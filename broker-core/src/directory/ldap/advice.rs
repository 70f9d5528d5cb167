//! What whoever runs the broker can do about trouble with a server, for the test of a directory.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::Failure;
use super::trouble::{CONFIDENTIALITY_REQUIRED, NO_SUCH_OBJECT, STRONGER_AUTH_REQUIRED, SUCCESS, Trouble};
use crate::directory::Failed;
use crate::file::with_causes;

impl From<&Trouble> for Failed {
    fn from(trouble: &Trouble) -> Self {
        Self { said: with_causes(trouble), advice: of(trouble) }
    }
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        let advice = match failure {
            // Told already, by the step that it happened in.
            Failure::Trouble(_) => "",
            Failure::Deadline(_) => "see which of the steps took so long; `deadline_seconds` is how long all may take",
            Failure::Unusable(_) | Failure::AmbiguousId | Failure::AnotherId => {
                "mend the entry, or name other attributes under `users`"
            }
            Failure::NoTokenGroups => "make the service account a member of Windows Authorization Access Group",
            Failure::NoBase => "write `users.base` as the directory has it, and let the service account read it",
        };
        Self { said: with_causes(failure), advice }
    }
}

/// Empty where the trouble's own words say it.
fn of(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Name(_) => "look at the host in `urls`, and at this machine's name server",
        Trouble::Connect(_) => {
            "see whether the server runs and listens at this port, and whether a firewall lets this machine reach it"
        }
        Trouble::ConnectTimeout => {
            "see whether the server runs, and whether a firewall drops what this machine sends; `connect_timeout_seconds` is how long is waited"
        }
        Trouble::Tls(error) => of_tls(error),
        Trouble::StartTlsRefused(_) => "give the server a certificate to offer StartTLS with, or use ldaps://",
        // With TLS 1.3 a server says only after the handshake that it does not know us.
        Trouble::Broken(error) if of_library(error).is_some() => of_tls(error),
        Trouble::Broken(_) | Trouble::Closed => {
            "look into the server's own log; a port of ldaps:// closes connections of ldap://, and the other way round"
        }
        Trouble::Timeout => {
            "see whether the server is overloaded or hangs; `operation_timeout_seconds` is how long is waited for one answer"
        }
        Trouble::KnownOutage => "look in the log for what was the matter with each of them",
        Trouble::NoRoom(_) => "raise `pool.size`, or see why the server answers slowly",
        Trouble::Malformed(_) | Trouble::TooMuch(_) => {
            "see whether an LDAP server listens at this port, and no other program"
        }
        Trouble::TooManyEntries => "choose a narrower base",
        Trouble::ServiceBindRefused(outcome) => match outcome.code {
            INVALID_CREDENTIALS => {
                "write `bind_dn` as the directory has it, and the password that it has now where `bind_password` says"
            }
            SUCCESS => "change the service account's password, and let it never expire",
            STRONGER_AUTH_REQUIRED | CONFIDENTIALITY_REQUIRED => "",
            _ => {
                "see in the directory whether the service account is in use, and in the server's own log why it is refused"
            }
        },
        Trouble::NotActiveDirectory => {
            "use `member_of` or `search` for the groups; or write a domain controller's address, not that of a proxy before it"
        }
        Trouble::SearchRefused(outcome) => match outcome.code {
            NO_SUCH_OBJECT => "write the base as the directory has it, and let the service account read it",
            STRONGER_AUTH_REQUIRED | CONFIDENTIALITY_REQUIRED => "",
            _ => "let the service account search here; the server's own log says why it may not",
        },
        Trouble::Incomplete(_) => {
            "give the service account no limits on size and time: part of the groups would be worse than none"
        }
        Trouble::BindRefused(_) => "see in the server's own log why it answers so",
    }
}

fn of_library(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

fn of_tls(error: &io::Error) -> &'static str {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, UnknownIssuer,
    };
    match of_library(error) {
        // Another authority of the same name signs otherwise.
        Some(TlsError::InvalidCertificate(UnknownIssuer | BadSignature)) => {
            "give as `ca_file` the certificate of the authority that signed the server's own; and let the server send those between"
        }
        Some(TlsError::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
            "write in `urls` a name that the certificate is for, or say as `server_name` which one it is"
        }
        Some(TlsError::InvalidCertificate(Expired | ExpiredContext { .. })) => "renew the server's certificate",
        Some(TlsError::InvalidCertificate(NotValidYet | NotValidYetContext { .. })) => {
            "compare this machine's clock with the server's"
        }
        Some(TlsError::InvalidCertificate(_)) => {
            "give the server another certificate, for servers and of a kind in use today"
        }
        Some(TlsError::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate)) => {
            "the server wants to know who we are: give `client_certificate`"
        }
        Some(TlsError::AlertReceived(AlertDescription::ProtocolVersion) | TlsError::PeerIncompatible(_)) => {
            "server and broker have no version of TLS, or no cipher, in common: let the server speak TLS 1.2 or 1.3, and look at `min_tls_version`"
        }
        _ => {
            "see whether this port speaks TLS from the start, as ldaps:// does (636), or only after StartTLS (389 with ldap://)"
        }
    }
}

const INVALID_CREDENTIALS: u32 = 49;
