//! What is not JSON, or only looks like it, or was never meant to be.

use super::*;

#[test]
fn json_is_strict() {
    let policy = |inside: &str| format!(r#"{{{inside}"Statement":{ALLOW}}}"#);
    assert!(parse(&policy(r#""Id":"x","#)).is_ok());
    for extra in [
        "/* x */",
        "// don't \"\n",
        "'Id':\"x\",",
        "Id:\"x\",",
        "1:\"x\",",
        "\"Id\":\"x\"",
        "\"Id\":\"x\",,",
        "\"Id\" \"x\",",
        "\"Id\":,",
        "\"Id\":\"\\x41\",",
        "\"Id\":\"\\v\",",
        "\"Id\":\"\\'\",",
        "\"Id\":\"\\0\",",
        "\"Id\":\"\\u12\",",
        "\"Id\":\"a\tb\",",
        "\"Id\":\"a\nb\",",
        "\"Id\":\"a\\\nb\",",
        "\"Id\":\"a,",
        "\u{a0}",
        "\u{b}",
    ] {
        assert!(parse(&policy(extra)).is_err(), "{extra:?}");
    }
    let value = |value: &str| {
        around(&format!(r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{{"Bool":{{"a:b":{value}}}}}"#))
    };
    for good in ["1", "-1.5e+9", "0", "1e999999", &"9".repeat(300), "true", "[false,\"x\",3]"] {
        assert_eq!(parse(&value(good)).unwrap().as_str(), value(good));
    }
    for bad in [
        "0x1F",
        "+1",
        ".5",
        "5.",
        "01",
        "-",
        "1e",
        "NaN",
        "Infinity",
        "-Infinity",
        "[1,]",
        "[1 2]",
        "True",
        "undefined",
    ] {
        assert!(parse(&value(bad)).is_err(), "{bad}");
    }
    for whole in ["", "  ", "{", "}", "nul", "\"", "\\", "{} {}", "{\"Statement\":"] {
        assert!(matches!(kind(whole), PolicyErrorKind::NotJson(_)), "{whole}: {}", kind(whole));
    }
}

#[test]
fn of_several_mistakes_the_first_is_told() {
    let comment = refusal("{\n // don't paste “this”\n}");
    assert_eq!(comment, (2, 2, PolicyErrorKind::NotJson("comments are not allowed".to_owned())));
    let quotes = refusal("{\n “Version”: “2012-10-17”\n}");
    assert_eq!(quotes, (2, 2, PolicyErrorKind::BadCharacter('“')));
    let open = refusal("{\n \"Version: \n \"2012-10-17\"\n}");
    assert_eq!(open, (2, 12, PolicyErrorKind::ControlInString));
}

#[test]
fn deep_nesting_is_refused_without_harm() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"Statement":"#, "}]")] {
        let depth = 60_000 / (open.len() + close.len());
        for text in [open.repeat(depth), format!("{}1{}", open.repeat(depth), close.repeat(depth))] {
            assert_eq!(kind(&text), PolicyErrorKind::TooDeep);
        }
    }
    assert!(matches!(kind(&"[".repeat(100_000)), PolicyErrorKind::TextTooLarge(_)));
    assert!(grammar::read(&"[".repeat(100_000)).is_err(), "the JSON reader does not overflow the stack either");
    assert!(grammar::read(&r#"{"a":"#.repeat(100_000)).is_err());
}

#[test]
fn rubbish_is_refused_and_never_breaks_anything() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
    };
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\u",
        "\\ud800",
        "d83d",
        "é",
        "漢",
        "😀",
        "\n",
        "\u{a0}",
        "'",
        "/*",
        "//",
        "-",
        "0",
        "9e9",
        "+",
        ".",
        "null",
        "true",
        "NaN",
        "*",
        "\"Statement\"",
        "\"Effect\":\"Allow\"",
        "\u{feff}",
    ];
    for _ in 0..20_000 {
        let text: String = (0..next(20)).map(|_| pieces[next(pieces.len())]).collect();
        assert!(parse(&text).is_err(), "{text}");
    }
    let good = parse(FULL).unwrap().to_string();
    let mut taken = 0;
    for _ in 0..20_000 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..=next(2) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, pieces[next(pieces.len())].as_bytes()[0]),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Ok(policy) = parse(&text) else { continue };
        taken += 1;
        let strict: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(policy.as_str()).unwrap(), strict);
        assert_eq!(parse(policy.as_str()).unwrap(), policy);
    }
    assert!(taken > 1_000, "{taken}");
}

#[test]
fn lone_surrogates_are_refused() {
    for id in [r"\ud800", r"\udc00", r"\ud83d\ude00", r"\ud800\ud800", r"\uD83D "] {
        let text = format!(r#"{{"Id":"{id}","Statement":{ALLOW}}}"#);
        assert_eq!(refusal(&text), (1, 8, PolicyErrorKind::BadEscape(id[..6].to_owned())));
    }
}

#[test]
fn an_error_shows_no_control_characters_and_not_everything() {
    for hostile in [r"\u0009\n\r".to_owned() + &"x".repeat(10_000), "\u{80}\u{9b}31m".to_owned()] {
        for text in [around(&format!("\"{hostile}\":1")), around(&format!(r#""Action":"{hostile}""#))] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.len() < 400 && !error.contains(char::is_control), "{error:?}");
        }
    }
}
