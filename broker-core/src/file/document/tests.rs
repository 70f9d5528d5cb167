use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read only to be read")]
struct House {
    name: Option<String>,
    #[serde(default)]
    rooms: Vec<Room>,
    #[serde(default)]
    people: BTreeMap<String, u8>,
    kind: Option<Kind>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "RoomFields")]
#[expect(dead_code, reason = "read only to be read")]
struct Room(RoomFields);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read only to be read")]
struct RoomFields {
    width: u8,
    length: Option<u8>,
    windows: Option<Vec<u8>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "read only to be read")]
enum Kind {
    Flat { floor: u8 },
    Barn {},
}

impl TryFrom<RoomFields> for Room {
    type Error = &'static str;

    fn try_from(fields: RoomFields) -> Result<Self, Self::Error> {
        if fields.length.is_none() && fields.windows.is_none() { Err("a room needs one") } else { Ok(Self(fields)) }
    }
}

fn errors(text: &str) -> Vec<String> {
    let source = Source::new(Path::new("f"), text.to_owned());
    let errors = match Document::parse(&source) {
        Ok(document) => document.read::<House>().errors,
        Err(errors) => errors,
    };
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_told_with_its_place_and_key() {
    let text = r#"
nam = "x"
name = 7
[[rooms]]
width = 1000
[[rooms]]
length = 3
[[rooms]]
width = "wide"
windows = [1, 2, "three", 4, "five"]
[people]
"the cat" = "three"
[kind.flat]
flor = 1
"#;
    assert_eq!(
        errors(text),
        [
            "f:14:1: kind.flat.flor: `flor` is not a key that can stand here: use floor",
            "f:13:1: kind.flat: `floor` is missing: add it",
            "f:2:1: nam: `nam` is not a key that can stand here: use one of `name`, `rooms`, `people`, `kind`",
            "f:3:8: name: an integer stands here, but a string is needed",
            "f:12:13: people.\"the cat\": a string stands here, but a whole number is needed",
            "f:5:9: rooms[1].width: invalid value: integer `1000`, expected u8",
            "f:6:1: rooms[1]: `width` is missing: add it",
            "f:9:9: rooms[1].width: a string stands here, but a whole number is needed",
            "f:10:18: rooms[1].windows[3]: a string stands here, but a whole number is needed",
            "f:10:30: rooms[1].windows[4]: a string stands here, but a whole number is needed",
        ]
    );
}

#[test]
fn what_follows_from_a_mistake_alone_is_not_told() {
    assert_eq!(errors("[[rooms]]\nwidth = 1\nlength = \"x\"").len(), 1, "a room needs one, and has one, though wrong");
    assert!(errors("[[rooms]]\nwidth = 1").first().unwrap().ends_with("f:1:1: rooms[1]: a room needs one"));
}

#[test]
fn a_table_that_cannot_stand_there_is_told_at_its_own_name_whatever_is_in_it() {
    let told = errors("[house]\nname = 1\nrooms = 2\n[kind.hut]\nflat = 3\n");
    let [house, kind] = &told[..] else { panic!("{told:#?}") };
    assert!(told.iter().any(|error| error.starts_with("f:1:2: house: `house` is not a key")), "{house}");
    assert!(told.iter().any(|error| error.starts_with("f:4:7: kind.hut: `hut` cannot stand here")), "{kind}");
}

#[test]
fn every_mistake_of_grammar_is_told() {
    let told = errors("a = \nb = 1\nb = 2\n[x\n");
    assert!(told.len() >= 3, "{told:#?}");
    assert!(told.iter().all(|error| error.contains("this is not TOML")), "{told:#?}");
    assert!(told.iter().any(|error| error.starts_with("f:3:1: ") && error.contains("duplicate key")), "{told:#?}");
}

#[test]
fn rubbish_is_refused_without_harm() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let wide = "[[rooms]]\nx = 1\n".repeat(1_000);
    for text in [deep.as_str(), "\0\u{1}\u{7f}", "[[[[[[", "a.b.c.d = {{{", "\u{feff}[[rooms]]", "\"\"\"", &wide] {
        let told = errors(text);
        assert!(!told.is_empty() && told.len() <= MAX_ERRORS, "{}", told.len());
    }
}
