//! What servers answer (RFC 4511, 4), read from bytes that may be anything.

use std::collections::BTreeMap;

use super::ber::{BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET, unsigned};
use super::password_policy::{self, PolicyAnswer};
use super::request::{CONTROLS, PAGED_RESULTS};
use crate::character::is_hidden;

/// An entry of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    /// By name in lower case.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: u32,
    /// What the server says about it, cut and made harmless.
    pub(super) message: String,
    pub(super) policy: Option<PolicyAnswer>,
    /// Where to go on with a paged search; empty at its end, absent where the server does not page.
    pub(super) cookie: Option<Vec<u8>>,
}

/// An answer from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Bound(Outcome),
    Found(Entry),
    /// Somewhere else there might be more. Never followed: it would hand our password to another host.
    Elsewhere,
    SearchDone(Outcome),
    Extended(Outcome),
    Intermediate,
}

/// What an entry has of an attribute's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values<'a> {
    All(&'a [Vec<u8>]),
    /// The server gives them in parts, and this is one of them.
    Part(Part<'a>),
}

/// So much of an attribute's values as Active Directory gives at once: `memberOf;range=0-1499`, in the end `memberOf;range=1500-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// The place of the first one, counted from 0.
    pub(super) first: usize,
    /// The place of the last one; nothing where there are no more.
    pub(super) last: Option<usize>,
    pub(super) values: &'a [Vec<u8>],
}

/// An attribute that an entry does not have in a usable form: not whole, not as text, or in parts that say what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Entry {
    /// The raw values of an attribute; options such as `;binary` are not asked for and do not count.
    pub(super) fn bytes(&self, attribute: &str) -> &[Vec<u8>] {
        self.attributes.get(&attribute.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// All values of an attribute as text.
    pub(super) fn texts(&self, attribute: &str) -> Result<Vec<&str>, Unreadable> {
        match self.values(attribute)? {
            Values::All(values) => values.iter().map(|value| str::from_utf8(value).map_err(|_| Unreadable)).collect(),
            Values::Part(_) => Err(Unreadable),
        }
    }

    /// The raw values of an attribute that may have many. Where they come in parts, the attribute itself may be there as well, without any.
    pub(super) fn values(&self, attribute: &str) -> Result<Values<'_>, Unreadable> {
        let range = format!("{};range=", attribute.to_ascii_lowercase());
        let mut parts = self
            .attributes
            .range(range.clone()..)
            .map_while(|(name, values)| Some((name.strip_prefix(&range)?, values)));
        match (parts.next(), parts.next()) {
            (None, _) => Ok(Values::All(self.bytes(attribute))),
            (Some((range, values)), None) => Part::of(range, values).map(Values::Part).ok_or(Unreadable),
            (Some(_), Some(_)) => Err(Unreadable),
        }
    }

    /// The attributes as people read them, and the entry's name as `dn`: what is not text, or not fit for a terminal, in hexadecimal.
    pub(super) fn shown(&self) -> BTreeMap<String, Vec<String>> {
        let text = |value: &Vec<u8>| match str::from_utf8(value) {
            Ok(text) if !text.chars().any(is_hidden) => text.to_owned(),
            Ok(_) | Err(_) => hex::encode(value),
        };
        let of_entry = self.attributes.iter().map(|(name, values)| (name.clone(), values.iter().map(text).collect()));
        of_entry.chain([("dn".to_owned(), vec![text(&self.dn.clone().into_bytes())])]).collect()
    }

    #[cfg(test)]
    pub(super) fn of<'a>(dn: &str, attributes: impl IntoIterator<Item = (&'a str, &'a [&'a [u8]])>) -> Self {
        let values = |values: &[&[u8]]| values.iter().map(|value| value.to_vec()).collect();
        let attributes = attributes.into_iter().map(|(name, given)| (name.to_ascii_lowercase(), values(given)));
        Self { dn: dn.to_owned(), attributes: attributes.collect() }
    }

    /// The name is empty for what a server says of itself, and for nothing else.
    fn decode(content: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(content);
        let dn = fields.expect_text()?.to_owned();
        let mut attributes: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        let mut list = Reader::new(fields.expect(SEQUENCE)?);
        while let Some(attribute) = list.next()? {
            let mut pair = Reader::new(attribute.content);
            let values = attributes.entry(pair.expect_text()?.to_ascii_lowercase()).or_default();
            let mut set = Reader::new(pair.expect(SET)?);
            while let Some(value) = set.next()? {
                values.push(value.content.to_vec());
            }
        }
        Ok(Self { dn, attributes })
    }
}

impl<'a> Part<'a> {
    /// As many values as the range says (`0-1499`), where it says how many.
    fn of(range: &str, values: &'a [Vec<u8>]) -> Option<Self> {
        let (first, last) = range.split_once('-')?;
        let first = first.parse().ok()?;
        let last = if last == "*" { None } else { Some(last.parse().ok()?) };
        let fits = last.is_none_or(|last: usize| {
            last.checked_sub(first).and_then(|more| more.checked_add(1)) == Some(values.len())
        });
        fits.then_some(Self { first, last, values })
    }
}

impl Outcome {
    fn decode(content: &[u8], controls: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(content);
        let code = unsigned(fields.expect(ENUMERATED)?)?;
        fields.expect(OCTET_STRING)?;
        let message = harmless(fields.expect(OCTET_STRING)?);
        let mut outcome = Self { code, message, policy: None, cookie: None };
        let mut controls = Reader::new(controls);
        while let Some(control) = controls.next()? {
            let mut fields = Reader::new(control.content);
            let oid = fields.expect_text()?;
            let mut value = fields.next()?;
            if value.is_some_and(|field| field.tag == BOOLEAN) {
                value = fields.next()?;
            }
            match (oid, value) {
                (password_policy::OID, Some(value)) => outcome.policy = Some(PolicyAnswer::decode(value.content)?),
                (PAGED_RESULTS, Some(value)) => {
                    let mut fields = Reader::new(Reader::new(value.content).expect(SEQUENCE)?);
                    fields.expect(INTEGER)?;
                    outcome.cookie = Some(fields.expect(OCTET_STRING)?.to_vec());
                }
                _ => {}
            }
        }
        Ok(outcome)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "code {}", self.code)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ", `{}`", self.message) }
    }
}

/// A message's number and what it says. Number 0 is the server's farewell (RFC 4511, 4.4.1).
pub(super) fn decode(content: &[u8]) -> Result<Option<(u32, Answer)>, Malformed> {
    let mut fields = Reader::new(content);
    let id = unsigned(fields.expect(INTEGER)?)?;
    if id == 0 {
        return Ok(None);
    }
    let operation = fields.next()?.ok_or(Malformed("a message without an operation"))?;
    let controls = match fields.next()? {
        Some(element) if element.tag == CONTROLS => element.content,
        _ => &[],
    };
    let answer = match operation.tag {
        0x61 => Answer::Bound(Outcome::decode(operation.content, controls)?),
        0x64 => Answer::Found(Entry::decode(operation.content)?),
        0x65 => Answer::SearchDone(Outcome::decode(operation.content, controls)?),
        0x73 => Answer::Elsewhere,
        0x78 => Answer::Extended(Outcome::decode(operation.content, controls)?),
        0x79 => Answer::Intermediate,
        _ => return Err(Malformed("an operation that is not an answer")),
    };
    Ok(Some((id, answer)))
}

/// What a peer says, fit for a log: 512 characters, none of control. Some servers end with a NUL.
fn harmless(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|char| !is_hidden(*char)).take(512).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ldap::ber::{write, write_unsigned};

    #[test]
    fn an_entry_is_read_and_a_cut_one_is_not() {
        let mut values = Vec::new();
        write(&mut values, OCTET_STRING, b"ada");
        let mut attribute = Vec::new();
        write(&mut attribute, OCTET_STRING, b"UID");
        write(&mut attribute, SET, &values);
        let mut list = Vec::new();
        write(&mut list, SEQUENCE, &attribute);
        let mut entry = Vec::new();
        write(&mut entry, OCTET_STRING, b"uid=ada,dc=corp");
        write(&mut entry, SEQUENCE, &list);
        let mut message = Vec::new();
        write_unsigned(&mut message, INTEGER, 7);
        write(&mut message, 0x64, &entry);
        let Some((7, Answer::Found(found))) = decode(&message).unwrap() else { panic!("an entry with number 7") };
        assert_eq!((found.dn.as_str(), found.texts("Uid")), ("uid=ada,dc=corp", Ok(vec!["ada"])));
        for length in 0..message.len() {
            assert!(decode(&message[..length]).is_err(), "{length} bytes of it");
        }
    }

    #[test]
    fn one_part_of_the_values_is_not_taken_for_all() {
        let entry = Entry::of("uid=ada", [("memberOf;range=0-0", &[&b"cn=a"[..]][..]), ("memberOf", &[])]);
        assert_eq!(entry.texts("memberOf"), Err(Unreadable));
        assert_eq!(entry.texts("member"), Ok(vec![]));
    }

    #[test]
    fn a_part_says_where_it_begins_and_ends_and_has_as_many_values() {
        let two = [&b"cn=a"[..], b"cn=b"];
        let part = |range: &str| {
            let entry = Entry::of("uid=ada", [(format!("memberOf;range={range}").as_str(), &two[..])]);
            match entry.values("MemberOf") {
                Ok(Values::Part(Part { first, last, values })) => Some((first, last, values.len())),
                other => {
                    assert_eq!(other, Err(Unreadable));
                    None
                }
            }
        };
        assert_eq!(part("0-1"), Some((0, Some(1), 2)));
        assert_eq!(part("1500-*"), Some((1500, None, 2)));
        for wrong in ["0-2", "0-0", "1-0", "2-1", "0", "-", "0-", "-1", "*-*", "a-b", "-1-0", "0-18446744073709551615"]
        {
            assert_eq!(part(wrong), None, "{wrong}");
        }
        let both = Entry::of("uid=ada", [("memberOf;range=0-1", &two[..]), ("memberOf;range=2-*", &two[..])]);
        assert_eq!(both.values("memberOf"), Err(Unreadable));
    }

    #[test]
    fn what_is_not_fit_to_be_read_is_shown_in_hexadecimal() {
        let values = [&b"Ada"[..], "Ada\u{200b}".as_bytes(), b"\x1b[2J", b"\xff"];
        let attributes = [("cn".to_owned(), values.map(<[u8]>::to_vec).to_vec())].into();
        let entry = Entry { dn: "uid=\u{202e}ada".to_owned(), attributes };
        let shown = entry.shown();
        assert_eq!(shown["cn"], ["Ada", "416461e2808b", "1b5b324a", "ff"]);
        assert_eq!(shown["dn"], ["7569643de280ae616461"]);
    }

    #[test]
    fn what_a_server_says_is_cut_and_harmless() {
        assert_eq!(harmless(b"data 52e, v4563\0"), "data 52e, v4563");
        assert_eq!(harmless(b"\x1b[2Jno\xff"), "[2Jno\u{FFFD}");
        assert_eq!(harmless(&[b'x'; 5_000]).len(), 512);
    }

    #[test]
    fn a_farewell_ends_the_conversation_whatever_else_is_in_it() {
        // Active Directory puts the name of its farewell where it does not belong.
        assert_eq!(decode(&[2, 1, 0, 0x78, 0, 0x8a, 1, 1]), Ok(None));
    }
}
