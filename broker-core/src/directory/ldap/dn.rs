//! Distinguished names as text (RFC 4514): taken apart, un-escaped, compared.

/// A name such as `cn=Release\2C Team,ou=groups,dc=corp`, most specific part first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dn(Vec<Rdn>);

/// One part of a name: nearly always one attribute, several where they were joined with `+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rdn(Vec<(String, String)>);

/// The text is not a distinguished name, or is one in a form that nobody uses for people and groups (`#` and hexadecimal BER).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a distinguished name")]
pub(super) struct NotADn;

impl Dn {
    /// Takes a name apart; the empty name is refused, because nobody means it.
    pub(super) fn parse(text: &str) -> Result<Self, NotADn> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let mut pairs = Vec::new();
            loop {
                let (attribute, after) = rest.split_once('=').ok_or(NotADn)?;
                let attribute = attribute.trim_matches(' ');
                if !is_attribute(attribute) {
                    return Err(NotADn);
                }
                let (value, end, after) = value(after)?;
                pairs.push((attribute.to_ascii_lowercase(), value));
                rest = after;
                match end {
                    Some('+') => {}
                    Some(_) => break,
                    None => {
                        parts.push(Rdn(pairs));
                        return Ok(Self(parts));
                    }
                }
            }
            parts.push(Rdn(pairs));
        }
    }

    /// The value of the most specific part, if that is this attribute and no other.
    pub(super) fn named_by(&self, attribute: &str) -> Option<&str> {
        match self.0.as_slice() {
            [Rdn(pairs), ..] => match pairs.as_slice() {
                [(name, value)] if name.eq_ignore_ascii_case(attribute) => Some(value),
                _ => None,
            },
            [] => None,
        }
    }

    /// Whether this entry stands below `base`, or is it.
    pub(super) fn is_within(&self, base: &Self) -> bool {
        let skipped = self.0.len().checked_sub(base.0.len());
        skipped.is_some_and(|skipped| self.0.iter().skip(skipped).map(Rdn::folded).eq(base.0.iter().map(Rdn::folded)))
    }

    /// Whether this entry stands below `base` with nothing between.
    pub(super) fn is_right_below(&self, base: &Self) -> bool {
        self.0.len() == base.0.len() + 1 && self.is_within(base)
    }

    /// The parts at the end that name a domain (RFC 2247).
    pub(super) fn domain(&self) -> Vec<Vec<(String, String)>> {
        let is_domain = |Rdn(pairs): &&Rdn| matches!(pairs.as_slice(), [(name, _)] if name == "dc");
        self.0.iter().rev().take_while(is_domain).map(Rdn::folded).collect()
    }

    /// The one spelling of all that are equal: small letters, single spaces, a backslash before what would mean something else.
    pub(super) fn normal(&self) -> String {
        let pair = |(name, value): &(String, String)| format!("{name}={}", escaped_value(value));
        let part = |pairs: Vec<(String, String)>| pairs.iter().map(pair).collect::<Vec<_>>().join("+");
        self.folded().into_iter().map(part).collect::<Vec<_>>().join(",")
    }

    /// Equal for two spellings of one name: case and spaces do not count (`caseIgnoreMatch`, RFC 4518, 2.6.1).
    pub(super) fn folded(&self) -> Vec<Vec<(String, String)>> {
        self.0.iter().map(Rdn::folded).collect()
    }
}

impl Rdn {
    fn folded(&self) -> Vec<(String, String)> {
        let fold = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let mut pairs: Vec<_> = self.0.iter().map(|(name, value)| (name.clone(), fold(value))).collect();
        pairs.sort();
        pairs
    }
}

/// Whether the text can name an attribute: a short name or an object identifier (RFC 4512, 2.5).
pub(super) fn is_attribute(text: &str) -> bool {
    let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    known && text.len() <= 128 && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Reads a value up to the separator after it: the value, the separator, the rest.
fn value(text: &str) -> Result<(String, Option<char>, &str), NotADn> {
    let text = text.trim_start_matches(' ');
    if text.starts_with(['#', '"']) {
        return Err(NotADn);
    }
    let mut bytes = Vec::new();
    // Spaces at the end belong to the value only where they were escaped.
    let mut kept = 0;
    let mut chars = text.chars();
    let end = loop {
        match chars.next() {
            None => break None,
            Some(end @ (',' | '+')) => break Some(end),
            Some('"' | ';' | '<' | '>' | '\0') => return Err(NotADn),
            Some('\\') => {
                bytes.push(escaped(&mut chars)?);
                kept = bytes.len();
            }
            Some(char) => {
                bytes.extend(char.encode_utf8(&mut [0; 4]).bytes());
                if char != ' ' {
                    kept = bytes.len();
                }
            }
        }
    };
    bytes.truncate(kept);
    let value = String::from_utf8(bytes).map_err(|_| NotADn)?;
    if value.is_empty() { Err(NotADn) } else { Ok((value, end, chars.as_str())) }
}

fn escaped_value(value: &str) -> String {
    let special = |(at, char): (usize, char)| match char {
        '"' | '+' | ',' | ';' | '<' | '=' | '>' | '\\' => true,
        '#' => at == 0,
        _ => false,
    };
    let chars = value.char_indices();
    chars.flat_map(|(at, char)| special((at, char)).then_some('\\').into_iter().chain([char])).collect()
}

fn escaped(chars: &mut std::str::Chars<'_>) -> Result<u8, NotADn> {
    let first = chars.next().ok_or(NotADn)?;
    if let special @ (' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\') = first {
        return u8::try_from(special).map_err(|_| NotADn);
    }
    let second = chars.next().ok_or(NotADn)?;
    let byte = first.to_digit(16).zip(second.to_digit(16)).map(|(high, low)| high * 16 + low).ok_or(NotADn)?;
    u8::try_from(byte).map_err(|_| NotADn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_names_the_group() {
        for (dn, name) in [
            ("cn=staff,ou=groups,dc=corp", "staff"),
            ("CN=Release\\2C Team, ou=groups", "Release, Team"),
            ("cn=Release\\, Team", "Release, Team"),
            ("cn=a\\2Bb\\3Dc,dc=x", "a+b=c"),
            ("cn=a=b,dc=x", "a=b"),
            ("cn=J\\C3\\BCrgen,dc=x", "Jürgen"),
            ("cn=Jürgen,dc=x", "Jürgen"),
            ("cn=back\\\\slash,dc=x", "back\\slash"),
            ("cn= spaced ,dc=x", "spaced"),
            ("cn=\\20kept\\20 ,dc=x", " kept "),
            ("cn=\\#1,dc=x", "#1"),
        ] {
            assert_eq!(Dn::parse(dn).unwrap().named_by("cn"), Some(name), "{dn}");
        }
        assert_eq!(Dn::parse("ou=staff,dc=corp").unwrap().named_by("cn"), None);
        assert_eq!(Dn::parse("cn=staff+ou=x,dc=corp").unwrap().named_by("cn"), None);
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for bad in [
            "",
            "staff",
            "cn=",
            "cn=a,",
            "=a",
            "cn=a,,dc=x",
            "cn=#0403",
            "cn=\"a\"",
            "cn=a\\",
            "cn=a\\4",
            "cn=a\\zz",
            "cn=\\ff",
            "cn=a;dc=x",
            "c n=a",
            "cn=a\0b",
            "cn=  ",
        ] {
            assert_eq!(Dn::parse(bad), Err(NotADn), "{bad:?}");
        }
    }

    #[test]
    fn the_normal_spelling_is_one_for_all_and_is_read_back() {
        for (dn, normal) in [
            ("CN=Release\\2C Team , OU=Groups", "cn=release\\, team,ou=groups"),
            ("cn=\\#1\\+\\=,dc=X", "cn=\\#1\\+\\=,dc=x"),
            ("ou=B+cn=a,dc=x", "cn=a+ou=b,dc=x"),
            ("cn=back\\\\slash,dc=x", "cn=back\\\\slash,dc=x"),
            ("cn=J\\C3\\BCrgen,dc=x", "cn=jürgen,dc=x"),
        ] {
            let dn = Dn::parse(dn).unwrap();
            assert_eq!(dn.normal(), normal);
            assert_eq!(Dn::parse(normal).unwrap().folded(), dn.folded());
        }
    }

    #[test]
    fn an_escaped_comma_does_not_move_a_group_into_another_branch() {
        let base = Dn::parse("ou=groups,dc=corp").unwrap();
        let within = |dn: &str| Dn::parse(dn).unwrap().is_within(&base);
        assert!(within("cn=staff,OU=Groups, DC=corp"));
        assert!(within("cn=staff,cn=sub,ou=groups,dc=corp"));
        assert!(!within("cn=staff\\,ou=groups,dc=corp"));
        assert!(!within("cn=staff,ou=teams,dc=corp"));
        assert!(!within("dc=corp"));
    }
}
