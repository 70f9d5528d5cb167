//! Search filters from a template (RFC 4515): what was typed fills a value and can be nothing else.

use bytes::BytesMut;
use ldap3::asn1::{ASNTag, write::encode_into};
use ldap3::{ldap_escape, parse_filter};

/// A filter with places to fill, such as `(uid={username})`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

/// A filter as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    text: String,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Username,
    Dn,
}

/// Why a template cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("not a search filter in the form of RFC 4515")]
    Shape,
    /// A server that does not know the rule answers as if nobody were found.
    #[error(
        "a place to fill cannot be matched by a rule, as in `(member:1.2.840.113556.1.4.1941:={{dn}})`: for groups in groups set `nested = true`"
    )]
    Rule,
    #[error("the filter must have one of the places {0} in it")]
    NoPlace(&'static str),
    #[error("the filter has a place in braces that is not known here")]
    UnknownPlace,
    #[error("a place to fill must be the value of a comparison, as in `(uid={{username}})`")]
    NotAValue,
}

impl Template {
    /// Reads a template that must hold `{username}`.
    pub(super) fn for_users(text: &str) -> Result<Self, FilterError> {
        let template = Self::parse(text)?;
        match (template.has(&Part::Username), template.has(&Part::Dn)) {
            (_, true) => Err(FilterError::UnknownPlace),
            (false, _) => Err(FilterError::NoPlace("{username}")),
            (true, false) => Ok(template),
        }
    }

    /// Reads a template that must hold `{dn}` or `{username}`.
    pub(super) fn for_groups(text: &str) -> Result<Self, FilterError> {
        let template = Self::parse(text)?;
        let any = template.has(&Part::Username) || template.has(&Part::Dn);
        if any { Ok(template) } else { Err(FilterError::NoPlace("{dn} or {username}")) }
    }

    fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parts = Vec::new();
        let mut before = String::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').ok_or(FilterError::UnknownPlace)?;
            before.push_str(literal);
            let comparison = before.rsplit_once('(').map_or(before.as_str(), |(_, comparison)| comparison);
            if !comparison.contains('=') {
                return Err(FilterError::NotAValue);
            }
            parts.push(Part::Text(literal.to_owned()));
            parts.push(match place {
                "username" => Part::Username,
                "dn" => Part::Dn,
                _ => return Err(FilterError::UnknownPlace),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        let filled = Filter::parse(&template.filled("a", "cn=a"));
        let open = Filter::parse(&template.open_text());
        match (filled, open) {
            (Some(_), Some(_)) if text.starts_with('(') => Ok(template),
            (Some(_), None) if text.contains(":=") => Err(FilterError::Rule),
            _ => Err(FilterError::Shape),
        }
    }

    pub(super) fn takes_dn(&self) -> bool {
        self.has(&Part::Dn)
    }

    fn has(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    /// The text of the filter; each value is escaped once.
    pub(super) fn filled(&self, username: &str, dn: &str) -> String {
        self.text(&ldap_escape(username), &ldap_escape(dn))
    }

    /// The text of the filter that finds everybody whom the template could find by some name.
    pub(super) fn open_text(&self) -> String {
        self.text("*", "*")
    }

    fn text(&self, username: &str, dn: &str) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Username => username,
                Part::Dn => dn,
            })
            .collect()
    }
}

impl Filter {
    /// Encodes the text of a filter, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let tag = parse_filter(text).ok()?;
        let mut bytes = BytesMut::new();
        encode_into(&mut bytes, tag.into_structure()).ok()?;
        Some(Self { text: text.to_owned(), bytes: bytes.to_vec() })
    }

    /// Matches every entry.
    pub(super) fn anything() -> Self {
        // `present` with the attribute `objectClass` (RFC 4511, 4.5.1): [7] and the name.
        let mut bytes = Vec::new();
        super::ber::write(&mut bytes, 0x87, b"objectClass");
        Self { text: "(objectClass=*)".to_owned(), bytes }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As RFC 4515 writes it.
    pub(super) fn as_text(&self) -> &str {
        &self.text
    }
}

/// The text of a comparison with any bytes, each escaped (RFC 4515, 3), so that binary ids can be asked for.
pub(super) fn equals(attribute: &str, value: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("({attribute}=");
    for byte in value {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\{byte:02x}");
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stays_a_value() {
        let template = Template::for_users("(&(objectClass=person)(uid={username}))").unwrap();
        let plain = Filter::parse(&template.filled("ada", "")).unwrap();
        assert!(plain.as_bytes().windows(3).any(|three| three == b"ada"));
        for typed in ["*", "a*", ")(uid=*", "ada)(|(uid=*", "\\2a", "a\\", "(", "\0", "{dn}"] {
            let filter = Filter::parse(&template.filled(typed, "cn=x")).unwrap();
            let mut value = Vec::new();
            super::super::ber::write(&mut value, 0x04, typed.as_bytes());
            let bytes = filter.as_bytes();
            assert!(bytes.ends_with(&value), "{typed:?} is one octet string at the end of {bytes:?}");
        }
    }

    #[test]
    fn a_template_is_checked_when_it_is_loaded() {
        for good in ["(uid={username})", "(|(uid={username})(mail={username}))", "(mail={username}@corp.example)"] {
            assert!(Template::for_users(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("(uid=ada)", FilterError::NoPlace("{username}")),
            ("(uid={user})", FilterError::UnknownPlace),
            ("(uid={username", FilterError::UnknownPlace),
            ("(uid={dn})", FilterError::UnknownPlace),
            ("({username}=ada)", FilterError::NotAValue),
            ("(uid={username}", FilterError::Shape),
            ("uid={username}", FilterError::Shape),
            ("(uid={username})(cn=a)", FilterError::Shape),
            ("(uid={username}))", FilterError::Shape),
        ] {
            assert_eq!(Template::for_users(bad), Err(why), "{bad}");
        }
        assert!(Template::for_groups("(member={dn})").unwrap().takes_dn());
        assert!(!Template::for_groups("(memberUid={username})").unwrap().takes_dn());
        assert!(Template::for_groups("(cn=staff)").is_err());
        let in_chain = Template::for_groups("(member:1.2.840.113556.1.4.1941:={dn})");
        assert_eq!(in_chain, Err(FilterError::Rule));
        let enabled = "(&(sAMAccountName={username})(!(userAccountControl:1.2.840.113556.1.4.803:=2)))";
        assert!(Template::for_users(enabled).is_ok(), "a rule for what is not filled in");
    }

    #[test]
    fn a_template_left_open_finds_whom_it_could_find() {
        let template = Template::for_users("(&(uid={username})(!(shadowInactive=1)))").unwrap();
        assert_eq!(template.open_text(), "(&(uid=*)(!(shadowInactive=1)))");
    }

    #[test]
    fn every_byte_of_an_id_is_escaped() {
        assert_eq!(equals("objectGUID", &[0, 0x2a, 0xff]), "(objectGUID=\\00\\2a\\ff)");
    }
}
