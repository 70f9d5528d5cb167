//! The requests that we make (RFC 4511, 4), as bytes.

use zeroize::Zeroizing;

use super::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, write, write_unsigned};
use super::filter::Filter;
use super::password_policy;

/// What is looked for, and where.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) filter: Filter,
    pub(super) attributes: Vec<String>,
    pub(super) amount: Amount,
}

/// How far below the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Base,
    OneLevel,
    Subtree,
}

/// How many entries are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// Enough to see whether there is more than one: two.
    One,
    /// All there are, so many at a time (RFC 2696); `most` of them at most.
    All { page_size: u32, most: usize },
}

/// A simple bind that asks what the password policy has to say.
pub(super) fn bind(id: u32, dn: &str, password: &str) -> Zeroizing<Vec<u8>> {
    let mut request = Zeroizing::new(Vec::with_capacity(dn.len() + password.len() + 32));
    write_unsigned(&mut request, INTEGER, 3);
    write(&mut request, OCTET_STRING, dn.as_bytes());
    write(&mut request, 0x80, password.as_bytes());
    let mut control = Vec::new();
    write(&mut control, OCTET_STRING, password_policy::OID.as_bytes());
    message(id, 0x60, &request, &control)
}

/// One page of a search, from `cookie` on.
pub(super) fn search(id: u32, search: &Search, cookie: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut request = Vec::new();
    write(&mut request, OCTET_STRING, search.base.as_bytes());
    write_unsigned(&mut request, ENUMERATED, search.scope.number());
    write_unsigned(&mut request, ENUMERATED, NEVER_DEREFERENCE);
    write_unsigned(&mut request, INTEGER, search.amount.size_limit());
    write_unsigned(&mut request, INTEGER, 0);
    write(&mut request, BOOLEAN, &[0]);
    request.extend_from_slice(search.filter.as_bytes());
    let mut attributes = Vec::new();
    for attribute in &search.attributes {
        write(&mut attributes, OCTET_STRING, attribute.as_bytes());
    }
    write(&mut request, SEQUENCE, &attributes);
    message(id, 0x63, &request, &search.amount.control(cookie))
}

/// Asks for TLS (RFC 4511, 4.14.1).
pub(super) fn start_tls(id: u32) -> Zeroizing<Vec<u8>> {
    let mut request = Vec::new();
    write(&mut request, 0x80, b"1.3.6.1.4.1.1466.20037");
    message(id, 0x77, &request, &[])
}

/// Says farewell.
pub(super) fn unbind(id: u32) -> Zeroizing<Vec<u8>> {
    message(id, 0x42, &[], &[])
}

impl Scope {
    /// As RFC 4516 writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::OneLevel => "one",
            Self::Subtree => "sub",
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::Base => 0,
            Self::OneLevel => 1,
            Self::Subtree => 2,
        }
    }
}

impl Amount {
    fn size_limit(self) -> u32 {
        match self {
            Self::One => 2,
            Self::All { .. } => 0,
        }
    }

    /// How many entries may come before the server is cut off.
    pub(super) fn most(self) -> usize {
        match self {
            Self::One => 2,
            Self::All { most, .. } => most,
        }
    }

    fn control(self, cookie: &[u8]) -> Vec<u8> {
        let Self::All { page_size, .. } = self else { return Vec::new() };
        let mut fields = Vec::new();
        write_unsigned(&mut fields, INTEGER, page_size);
        write(&mut fields, OCTET_STRING, cookie);
        let mut value = Vec::new();
        write(&mut value, SEQUENCE, &fields);
        let mut control = Vec::new();
        write(&mut control, OCTET_STRING, PAGED_RESULTS.as_bytes());
        // Critical: a server that cannot page must say so instead of giving what fits.
        write(&mut control, BOOLEAN, &[0xff]);
        write(&mut control, OCTET_STRING, &value);
        control
    }
}

fn message(id: u32, operation: u8, request: &[u8], control: &[u8]) -> Zeroizing<Vec<u8>> {
    // Room for everything at once, so that no half-written copy of a password is left behind.
    let mut content = Zeroizing::new(Vec::with_capacity(request.len() + control.len() + 32));
    write_unsigned(&mut content, INTEGER, id);
    write(&mut content, operation, request);
    if !control.is_empty() {
        let mut controls = Vec::new();
        write(&mut controls, SEQUENCE, control);
        write(&mut content, CONTROLS, &controls);
    }
    let mut message = Zeroizing::new(Vec::with_capacity(content.len() + 8));
    write(&mut message, SEQUENCE, &content);
    message
}

/// Asks for no attributes (RFC 4511, 4.5.1.8).
pub(super) const NO_ATTRIBUTES: &str = "1.1";

/// The paged results control (RFC 2696).
pub(super) const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// The tag of the controls in a message.
pub(super) const CONTROLS: u8 = 0xa0;

const NEVER_DEREFERENCE: u32 = 0;
