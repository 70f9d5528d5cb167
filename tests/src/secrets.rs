//! A list of every secret that a run makes, and a search for them in whatever the run leaves behind, in every disguise that
//! programs put on text: as it is, in base64, in hex, in URLs, in JSON.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// What sort of secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    MasterKey,
    AccessKeySecret,
    Password,
    /// What somebody typed by mistake where another thing belonged.
    Mistyped,
    SessionToken,
    ServiceToken,
    VendedSecretKey,
    VendedSessionToken,
    SigninToken,
    /// Cookies and tokens of forms.
    Browser,
    DirectoryPassword,
    StorePassword,
    ProxyPassword,
    /// What opens the metrics.
    OperationsToken,
}

/// All secrets of a run.
#[derive(Clone, Debug, Default)]
pub struct Register(BTreeMap<Vec<u8>, Kind>);

/// Finds secrets of a register.
#[derive(Debug)]
pub struct Scanner {
    needles: Vec<Needle>,
    /// Which needles begin with these eight bytes.
    heads: HashMap<[u8; HEAD], Vec<usize>>,
    /// Which pairs of bytes any needle begins with: most places are passed over by this alone.
    pairs: Vec<bool>,
}

#[derive(Debug)]
struct Needle {
    secret: Vec<u8>,
    kind: Kind,
    disguise: &'static str,
    bytes: Vec<u8>,
}

/// A secret that was found where it must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    pub place: String,
    pub kind: Kind,
    pub disguise: &'static str,
}

impl Register {
    /// Notes a secret, and hands it back to be used.
    pub fn note(&mut self, kind: Kind, secret: impl Into<String>) -> String {
        let secret = secret.into();
        self.note_bytes(kind, secret.as_bytes());
        secret
    }

    /// For a secret that was there only to be found.
    pub fn forget(&mut self, secret: &str) {
        self.0.remove(secret.as_bytes());
    }

    pub fn note_bytes(&mut self, kind: Kind, secret: &[u8]) {
        assert!(secret.len() >= SHORTEST, "a {kind:?} of {} bytes cannot be told from chance", secret.len());
        self.0.insert(secret.to_owned(), kind);
    }

    /// Panics unless there are at least so many of each: a search for secrets that nobody noted finds nothing.
    pub fn assert_enough(&self, minimum: &[(Kind, usize)]) {
        let found = |kind| self.0.values().filter(|known| **known == kind).count();
        let missing: Vec<_> = minimum.iter().filter(|(kind, least)| found(*kind) < *least).collect();
        assert!(missing.is_empty(), "too few secrets are registered: wanted {missing:?}, have {:?}", self.counts());
    }

    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        self.0.values().fold(BTreeMap::new(), |mut counts, kind| {
            *counts.entry(*kind).or_default() += 1;
            counts
        })
    }

    pub fn one_of(&self, kind: Kind) -> String {
        let found = self.0.iter().find(|(secret, known)| **known == kind && str::from_utf8(secret).is_ok());
        String::from_utf8(found.unwrap_or_else(|| panic!("no {kind:?}")).0.clone()).unwrap()
    }

    pub fn all(&self) -> impl Iterator<Item = (&[u8], Kind)> {
        self.0.iter().map(|(secret, kind)| (secret.as_slice(), *kind))
    }

    /// Looks for all of them, but for those that belong in the place.
    pub fn scanner(&self, but_for: &[&str]) -> Scanner {
        let wanted = self.all().filter(|(secret, _)| !but_for.iter().any(|own| own.as_bytes() == *secret));
        let needles: Vec<Needle> = wanted.flat_map(|(secret, kind)| needles(secret, kind)).collect();
        let mut heads: HashMap<[u8; HEAD], Vec<usize>> = HashMap::new();
        let mut pairs = vec![false; 1 << 16];
        for (number, needle) in needles.iter().enumerate() {
            let head: [u8; HEAD] = needle.bytes[..HEAD].try_into().unwrap();
            heads.entry(head).or_default().push(number);
            pairs[usize::from(u16::from_be_bytes([head[0], head[1]]))] = true;
        }
        Scanner { needles, heads, pairs }
    }
}

impl Scanner {
    /// Every secret that is in these bytes.
    pub fn search(&self, place: &str, bytes: &[u8]) -> Vec<Leak> {
        let mut found = std::collections::BTreeSet::new();
        for (at, window) in bytes.windows(HEAD).enumerate() {
            if !self.pairs[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
                continue;
            }
            for needle in self.heads.get(window).into_iter().flatten().map(|number| &self.needles[*number]) {
                if bytes[at..].starts_with(&needle.bytes) {
                    found.insert((needle.secret.clone(), needle.disguise, needle.kind));
                }
            }
        }
        found.into_iter().map(|(_, disguise, kind)| Leak { place: place.to_owned(), kind, disguise }).collect()
    }

    /// Every secret in a folder's files, but for those that are there to hold one.
    pub fn search_folder(&self, folder: &Path, but_for: &[&str]) -> (usize, Vec<Leak>) {
        let (mut files, mut leaks) = (0, Vec::new());
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if but_for.iter().any(|own| path.ends_with(own)) {
                continue;
            }
            if path.is_dir() {
                let (more, found) = self.search_folder(&path, but_for);
                files += more;
                leaks.extend(found);
            } else if path.is_file() {
                files += 1;
                leaks.extend(self.search(&path.display().to_string(), &std::fs::read(&path).unwrap()));
                leaks.extend(self.search("a file's name", path.as_os_str().as_encoded_bytes()));
            }
        }
        (files, leaks)
    }
}

/// A secret in every disguise. Of a long one both halves as well: a database may cut it in two.
fn needles(secret: &[u8], kind: Kind) -> Vec<Needle> {
    let mut parts = vec![secret];
    if secret.len() >= 2 * LONG_HALF {
        let (first, second) = secret.split_at(secret.len() / 2);
        parts.extend([first, second]);
    }
    let disguised = parts.into_iter().flat_map(disguises);
    disguised.map(|(disguise, bytes)| Needle { secret: secret.to_owned(), kind, disguise, bytes }).collect()
}

fn disguises(part: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut found = vec![
        ("plain", part.to_owned()),
        ("hex", hex::encode(part).into_bytes()),
        ("hex", hex::encode_upper(part).into_bytes()),
    ];
    for offset in 0..3 {
        found.push(("base64", inner_base64(&STANDARD_NO_PAD, part, offset)));
        found.push(("base64 for URLs", inner_base64(&URL_SAFE_NO_PAD, part, offset)));
    }
    // What is no text can stand in a URL or in JSON only in one of the forms above.
    if let Ok(text) = str::from_utf8(part) {
        for set in [NON_ALPHANUMERIC, UNRESERVED, QUERY, PATH] {
            let encoded = utf8_percent_encode(text, set).to_string();
            found.push(("URL", lower_escapes(&encoded).into_bytes()));
            found.push(("URL", encoded.replace("%20", "+").into_bytes()));
            found.push(("URL", encoded.into_bytes()));
        }
        let quoted = serde_json::to_string(text).unwrap();
        let quoted = quoted[1..quoted.len() - 1].to_owned();
        found.push(("JSON", quoted.replace('/', "\\/").into_bytes()));
        found.push(("JSON", in_ascii(&quoted).into_bytes()));
        // As Rust's `{:?}` writes it, and JSON within JSON.
        found.push(("JSON", format!("{text:?}").trim_matches('"').as_bytes().to_owned()));
        let again = serde_json::to_string(&quoted).unwrap();
        found.push(("JSON", again.as_bytes()[1..again.len() - 1].to_owned()));
        found.push(("JSON", quoted.into_bytes()));
        found.push(("HTML", html(text).into_bytes()));
    }
    // The first name for what looks the same.
    let mut known = std::collections::BTreeSet::new();
    found.retain(|(_, bytes)| bytes.len() >= HEAD && known.insert(bytes.clone()));
    found
}

/// The characters that are the same whatever stands before and behind, when the part begins at this offset of three.
fn inner_base64(engine: &impl Engine, part: &[u8], offset: usize) -> Vec<u8> {
    let shifted: Vec<u8> = std::iter::repeat_n(0, offset).chain(part.iter().copied()).collect();
    let encoded = engine.encode(&shifted);
    // Six bits a character: those that hold bits of a neighbour are left out.
    let (from, to) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
    encoded.as_bytes()[from..to].to_owned()
}

fn lower_escapes(encoded: &str) -> String {
    let mut rest = 0;
    encoded
        .chars()
        .map(|char| {
            rest = if char == '%' { 2 } else { i32::max(rest - 1, -1) };
            if rest >= 0 { char.to_ascii_lowercase() } else { char }
        })
        .collect()
}

fn in_ascii(quoted: &str) -> String {
    quoted.encode_utf16().fold(String::new(), |mut text, unit| {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => text.push(char::from(byte)),
            _ => write!(text, "\\u{unit:04x}").unwrap(),
        }
        text
    })
}

fn html(text: &str) -> String {
    let escape = |char: char| match char {
        '&' | '<' | '>' | '"' | '\'' => format!("&#{};", u32::from(char)),
        _ => char.to_string(),
    };
    text.chars().map(escape).collect()
}

const HEAD: usize = 8;
const SHORTEST: usize = 12;
/// Shorter halves would be found by chance.
const LONG_HALF: usize = 16;
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// As URL libraries write queries of forms.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');
