//! The search itself: whatever is put anywhere, in whichever disguise, is found.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tests::secrets::{Kind, Register};

/// A password of all sorts of characters, a token of letters, a key of AWS's, a long one, and raw bytes.
fn secrets() -> Vec<Vec<u8>> {
    let long: String = (0..40).flat_map(|number| [number.to_string(), "/+=x".to_owned()]).collect();
    let texts = [
        "ada's \"pässwörd\"+&=%/\\ 7",
        "bks_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        &long,
    ];
    texts.iter().map(|text| text.as_bytes().to_owned()).chain([(100..132).collect()]).collect()
}

#[test]
fn every_disguise_is_found_wherever_it_stands() {
    for secret in secrets() {
        let mut register = Register::default();
        register.note_bytes(Kind::Password, &secret);
        let scanner = register.scanner(&[]);
        for (what, planted) in disguised(&secret) {
            for before in [0, 1, 2, 3, 4_093] {
                let place = [vec![b'~'; before], planted.clone(), vec![b'~'; 17]].concat();
                assert!(
                    !scanner.search("here", &place).is_empty(),
                    "{what}, {before} bytes in: {}",
                    String::from_utf8_lossy(&planted)
                );
            }
        }
    }
}

#[test]
fn a_long_secret_is_found_though_something_cuts_it_in_two() {
    for secret in secrets().into_iter().filter(|secret| secret.len() >= 32) {
        let mut register = Register::default();
        register.note_bytes(Kind::Password, &secret);
        for cut in [1, secret.len() / 3, secret.len() / 2, secret.len() - 1] {
            let (one, other) = secret.split_at(cut);
            let place = [one, &[0; 24], other].concat();
            assert!(!register.scanner(&[]).search("here", &place).is_empty(), "cut at {cut}");
        }
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut register = Register::default();
    for secret in secrets() {
        register.note_bytes(Kind::Password, &secret);
    }
    let innocent: Vec<u8> =
        (0..1_000_000_u32).map(|number| u8::try_from(number.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    assert_eq!(register.scanner(&[]).search("here", &innocent), []);
    assert_eq!(register.scanner(&[]).search("here", b"ada's p\xc3\xa4ssword, wJalrXUtnFEMI, bks_"), []);
}

#[test]
#[should_panic(expected = "too few secrets are registered")]
fn too_few_registered_is_a_failure() {
    let mut register = Register::default();
    register.note(Kind::SessionToken, "bks_0123456789abcdef");
    register.note(Kind::SessionToken, "bks_0123456789abcdef"); // the same again is no second one
    register.assert_enough(&[(Kind::SessionToken, 2)]);
}

#[test]
#[should_panic(expected = "cannot be told from chance")]
fn a_secret_that_is_too_short_to_be_looked_for_is_a_failure() {
    Register::default().note(Kind::Password, "short");
}

fn disguised(secret: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("plain".to_owned(), secret.to_owned()),
        ("hex".to_owned(), hex::encode(secret).into_bytes()),
        ("HEX".to_owned(), hex::encode_upper(secret).into_bytes()),
        ("bytea".to_owned(), format!("\\x{}", hex::encode(secret)).into_bytes()),
    ];
    // With something before and behind it, as `user:password` of Basic authentication has.
    for (before, behind) in [("", ""), ("a", ""), ("ab", "c"), ("abc", "de"), ("user:", "\n"), ("", "x")] {
        let whole = [before.as_bytes(), secret, behind.as_bytes()].concat();
        for (engine, name) in [
            (&STANDARD, "base64"),
            (&STANDARD_NO_PAD, "base64 without ="),
            (&URL_SAFE, "base64url"),
            (&URL_SAFE_NO_PAD, "base64url without ="),
        ] {
            all.push((format!("{name} between {before:?} and {behind:?}"), engine.encode(&whole).into_bytes()));
        }
    }
    if let Ok(text) = str::from_utf8(secret) {
        let url = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let query = form.append_pair("password", text).finish();
        let json = serde_json::to_string(text).unwrap();
        let ascii: String = json
            .chars()
            .map(|char| if char.is_ascii() { char.to_string() } else { format!("\\u{:04x}", u32::from(char)) })
            .collect();
        let texts = [
            ("URL", url.clone()),
            ("form", query),
            ("JSON", json.clone()),
            ("JSON in ASCII", ascii),
            ("JSON of JavaScript", json.replace('/', "\\/")),
            ("JSON in JSON", serde_json::to_string(&json).unwrap()),
            ("Rust", format!("{text:?}")),
        ];
        all.extend(texts.map(|(name, text)| (name.to_owned(), text.into_bytes())));
    }
    all
}
