//! Security identifiers, by which Active Directory knows groups: read from bytes, shown as `S-1-5-…`.

use std::fmt;

/// A security identifier ([MS-DTYP], 2.4.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

/// The bytes or the text are no security identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a security identifier")]
pub(super) struct NotASid;

impl Sid {
    /// Reads it as attributes hold it: revision, number of parts, authority, parts.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, NotASid> {
        let (head, rest) = bytes.split_first_chunk::<8>().ok_or(NotASid)?;
        let [revision, count, authority @ ..] = head;
        let (parts, left) = rest.as_chunks::<4>();
        let fits = *revision == 1 && (1..=MAX_PARTS).contains(&parts.len()) && parts.len() == usize::from(*count);
        if !fits || !left.is_empty() {
            return Err(NotASid);
        }
        let authority = authority.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        Ok(Self { authority, parts: parts.iter().map(|part| u32::from_le_bytes(*part)).collect() })
    }

    /// Reads the text that is shown of it, in that one spelling.
    pub(super) fn from_text(text: &str) -> Result<Self, NotASid> {
        let mut numbers = text.strip_prefix("S-1-").ok_or(NotASid)?.split('-');
        let authority = numbers.next().and_then(|number| number.parse().ok()).ok_or(NotASid)?;
        let parts = numbers.map(|number| number.parse().map_err(|_| NotASid)).collect::<Result<Vec<_>, _>>()?;
        let sid = Self { authority, parts };
        let fits = authority < 1 << 48 && (1..=MAX_PARTS).contains(&sid.parts.len()) && sid.to_string() == text;
        if fits { Ok(sid) } else { Err(NotASid) }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Fifteen parts at most.
        let mut bytes = vec![1, u8::try_from(self.parts.len()).unwrap_or_default()];
        bytes.extend(self.authority.to_be_bytes().iter().skip(2));
        bytes.extend(self.parts.iter().flat_map(|part| part.to_le_bytes()));
        bytes
    }

    /// Another account or group of the same domain.
    pub(super) fn neighbour(&self, relative: u32) -> Self {
        let mut other = self.clone();
        if let Some(last) = other.parts.last_mut() {
            *last = relative;
        }
        other
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

const MAX_PARTS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: [u8; 28] = [
        1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0x70, 0x45, 0x53, 0x97, 0x75, 0x37, 0x80, 0x11, 0xbb, 0x6d, 0x2d, 0x23,
        0x4f, 4, 0, 0,
    ];

    #[test]
    fn bytes_and_text_are_one_identifier() {
        let ada = Sid::from_bytes(&ADA).unwrap();
        assert_eq!(ada.to_string(), "S-1-5-21-2538816880-293615477-590179771-1103");
        assert_eq!(ada.to_bytes(), ADA);
        assert_eq!(Sid::from_text(&ada.to_string()), Ok(ada.clone()));
        assert_eq!(ada.neighbour(513).to_string(), "S-1-5-21-2538816880-293615477-590179771-513");
    }

    #[test]
    fn nonsense_is_none() {
        for length in 0..ADA.len() {
            assert_eq!(Sid::from_bytes(&ADA[..length]), Err(NotASid), "{length} bytes");
        }
        assert_eq!(Sid::from_bytes(&[1, 0, 0, 0, 0, 0, 0, 5]), Err(NotASid), "of no part");
        assert_eq!(Sid::from_bytes(&[&[1, 16, 0, 0, 0, 0, 0, 5], &[0; 64][..]].concat()), Err(NotASid), "of sixteen");
        assert_eq!(Sid::from_bytes(&[&[2], &ADA[1..]].concat()), Err(NotASid), "of another revision");
        assert_eq!(Sid::from_bytes(&[&ADA[..], &[0]].concat()), Err(NotASid), "with a byte too many");
        for text in [
            "",
            "S-1-",
            "S-1-5",
            "S-1-5-",
            "S-1-5-021",
            "S-1-5-+1",
            "S-1-5-4294967296",
            "S-1-281474976710656-1",
            "s-1-5-21",
            "S-1-5-21 ",
        ] {
            assert_eq!(Sid::from_text(text), Err(NotASid), "{text}");
        }
    }
}
