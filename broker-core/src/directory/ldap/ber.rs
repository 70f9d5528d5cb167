//! Reads and writes the part of BER that LDAP uses (RFC 4511, 5.1), without recursion: depth costs a peer nothing, so it must
//! cost us nothing.

/// One tag with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

/// Walks over the elements that stand side by side in some content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// Bytes that are not what the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not speak LDAP: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// How long an element is, known from its first few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: u8,
    /// Octets of tag and length.
    pub(super) prefix: usize,
    /// Octets that follow them.
    pub(super) content: usize,
}

impl Header {
    /// Reads tag and length, or answers nothing while bytes are missing.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let [tag, first, rest @ ..] = bytes else { return Ok(None) };
        if tag & 0x1f == 0x1f {
            return Err(Malformed("a tag number above 30"));
        }
        let octets = usize::from(first & 0x7f);
        match (first & 0x80 != 0, octets) {
            (false, content) => Ok(Some(Self { tag: *tag, prefix: 2, content })),
            (true, 1..=4) => Ok(rest.get(..octets).map(|length| Self {
                tag: *tag,
                prefix: 2 + octets,
                content: length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)),
            })),
            (true, _) => Err(Malformed("a length that is indefinite or of more than four bytes")),
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element, or nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let header = Header::read(self.0)?.ok_or(CUT)?;
        let (_, rest) = self.0.split_at_checked(header.prefix).ok_or(CUT)?;
        let (content, rest) = rest.split_at_checked(header.content).ok_or(CUT)?;
        self.0 = rest;
        Ok(Some(Element { tag: header.tag, content }))
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element.content),
            Some(_) => Err(Malformed("an element of another type than expected")),
            None => Err(Malformed("an element is missing")),
        }
    }

    /// The text of the next element, an octet string.
    pub(super) fn expect_text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.expect(OCTET_STRING)?).map_err(|_| Malformed("text that is not UTF-8"))
    }
}

/// An integer that is not negative and fits.
pub(super) fn unsigned(content: &[u8]) -> Result<u32, Malformed> {
    match content {
        [first, ..] if content.len() <= 4 && first & 0x80 == 0 => {
            Ok(content.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
        }
        [0, rest @ ..] if rest.len() == 4 => Ok(rest.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))),
        _ => Err(Malformed("a number that is empty, negative or too large")),
    }
}

/// Appends an element.
pub(super) fn write(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    if let Ok(short @ 0..=127) = u8::try_from(content.len()) {
        out.push(short);
    } else {
        let length = content.len().to_be_bytes();
        let octets = length.iter().skip_while(|byte| **byte == 0);
        // A `usize` has eight bytes at most.
        out.push(0x80 | u8::try_from(octets.clone().count()).unwrap_or(8));
        out.extend(octets);
    }
    out.extend_from_slice(content);
}

/// Appends an integer or an enumerated value that is not negative.
pub(super) fn write_unsigned(out: &mut Vec<u8>, tag: u8, value: u32) {
    let mut octets = vec![0];
    octets.extend(value.to_be_bytes());
    // The shortest form: no leading zero but the one that keeps the number positive.
    let spare = octets.windows(2).take_while(|pair| matches!(pair, [0, next] if next & 0x80 == 0)).count();
    octets.drain(..spare);
    write(out, tag, &octets);
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

const CUT: Malformed = Malformed("an element is longer than what holds it");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let mut bytes = Vec::new();
            write(&mut bytes, OCTET_STRING, &content);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.expect(OCTET_STRING).unwrap(), content);
            assert_eq!(reader.next(), Ok(None));
        }
        for value in [0, 1, 127, 128, 255, 256, 500, 65_535, 0x7fff_ffff, u32::MAX] {
            let mut bytes = Vec::new();
            write_unsigned(&mut bytes, INTEGER, value);
            assert_eq!(unsigned(Reader::new(&bytes).expect(INTEGER).unwrap()), Ok(value));
        }
    }

    #[test]
    fn a_length_is_known_before_the_content_is_there() {
        assert_eq!(Header::read(&[0x30]), Ok(None));
        assert_eq!(Header::read(&[0x30, 0x84, 1, 0, 0]), Ok(None));
        let header = Header { tag: 0x30, prefix: 6, content: 0xffff_ffff };
        assert_eq!(Header::read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Ok(Some(header)));
    }

    #[test]
    fn nonsense_is_an_error_and_not_a_panic() {
        let nonsense: [&[u8]; 8] = [
            &[0x30, 0x80],
            &[0x30, 0x85, 0, 0, 0, 0, 1],
            &[0x1f, 0],
            &[4, 5, 1],
            &[4],
            &[4, 0x82, 1],
            &[0xff; 9],
            &[4, 0xff],
        ];
        for bytes in nonsense {
            assert!(Reader::new(bytes).next().is_err(), "{bytes:?}");
        }
        for number in [&[][..], &[0x80], &[1, 0, 0, 0, 0], &[0xff, 0xff]] {
            assert!(unsigned(number).is_err(), "{number:?}");
        }
    }
}
