//! Finds the key that a mistake belongs to, and says it in words for whoever wrote the file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeValue};

/// From a value down to one inside.
pub(super) type Path = Vec<Step>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The path to a key of the table there.
pub(super) fn below(path: &[Step], key: &str) -> Path {
    path.iter().cloned().chain([Step::Key(key.to_owned())]).collect()
}

/// The innermost value with this span, or whose key has it; empty for the whole.
pub(super) fn locate(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Path> {
    let child = |step: Step, value: &Spanned<DeValue<'_>>, key: Option<Range<usize>>| {
        let mut path = match locate(value, span) {
            Some(path) => path,
            None if key.as_ref() == Some(span) => Path::new(),
            None => return None,
        };
        path.insert(0, step);
        Some(path)
    };
    let inside = match value.get_ref() {
        DeValue::Table(table) => table
            .iter()
            .find_map(|(key, value)| child(Step::Key(key.get_ref().clone().into_owned()), value, Some(key.span()))),
        DeValue::Array(array) => {
            array.iter().enumerate().find_map(|(index, value)| child(Step::Index(index), value, None))
        }
        _ => None,
    };
    inside.or_else(|| (value.span() == *span).then(Path::new))
}

pub(super) fn get<'v, 'i>(value: &'v Spanned<DeValue<'i>>, path: &[Step]) -> Option<&'v DeValue<'i>> {
    let Some((step, rest)) = path.split_first() else { return Some(value.get_ref()) };
    let inside = match (value.get_ref(), step) {
        (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str())?,
        (DeValue::Array(array), Step::Index(index)) => array.get(*index)?,
        _ => return None,
    };
    get(inside, rest)
}

/// Takes a value out; says whether it was there.
pub(super) fn remove(value: &mut Spanned<DeValue<'_>>, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    match (value.get_mut(), step) {
        (DeValue::Table(table), Step::Key(key)) if rest.is_empty() => table.remove(key.as_str()).is_some(),
        (DeValue::Table(table), Step::Key(key)) => table.get_mut(key.as_str()).is_some_and(|value| remove(value, rest)),
        (DeValue::Array(array), Step::Index(index)) if rest.is_empty() => {
            let before = array.len();
            let all = std::mem::replace(array, DeArray::new()).into_iter().enumerate();
            *array = all.filter(|(at, _)| at != index).map(|(_, value)| value).collect();
            array.len() < before
        }
        (DeValue::Array(array), Step::Index(index)) => array.get_mut(*index).is_some_and(|value| remove(value, rest)),
        _ => false,
    }
}

/// The entry and the key in it, as in `connector "deploy": principal.assume_role.role_arn`.
pub(super) fn about(entry: &str, path: &[Step]) -> String {
    let mut keys = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
                keys.push_str(if keys.is_empty() { "" } else { "." });
                if bare {
                    keys.push_str(key);
                } else {
                    keys.extend(std::iter::once(format!("{key:?}")));
                }
            }
            // People count from one.
            Step::Index(index) => keys.extend(["[", &index.saturating_add(1).to_string(), "]"]),
        }
    }
    match (entry, keys.as_str()) {
        ("", keys) => keys.to_owned(),
        (entry, "") => entry.to_owned(),
        (entry, keys) => format!("{entry}: {keys}"),
    }
}

/// The key that a message about the whole table here names first, and the byte where it stands: in the table itself, or in the one that
/// is all it holds, as a variant is. Serde's errors carry no more than words to go by. Where these are ill chosen, a mistake is told at a
/// neighbour's place: it is told all the same.
pub(super) fn first_named(value: &Spanned<DeValue<'_>>, path: &[Step], message: &str) -> Option<(Path, usize)> {
    // These know their own place, and name keys that are not meant.
    if SERDES_OWN.iter().any(|start| message.starts_with(start)) {
        return None;
    }
    let mut table = get(value, path)?.as_table()?;
    let mut path = path.to_vec();
    loop {
        if let Some((key, _)) = words(message).find_map(|word| table.get_key_value(word)) {
            return Some((below(&path, key.get_ref()), key.span().start));
        }
        let (variant, inside) = table.iter().next().filter(|_| table.len() == 1)?;
        path = below(&path, variant.get_ref());
        table = inside.get_ref().as_table()?;
    }
}

/// What may be keys among the words of a message.
pub(super) fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|char: char| !char.is_ascii_alphanumeric() && char != '_')
}

/// The field that serde misses.
pub(super) fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// What serde says, as advice. What stands in the file is not repeated where a secret may have been written.
pub(super) fn in_words(message: &str) -> String {
    if let Some(field) = missing_field(message) {
        return format!("`{field}` is missing: add it");
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return match rest.split_once(", expected ") {
            Some((field, known)) => format!("{field} is not a key that can stand here: use {known}"),
            None => format!("{} is not a key that can stand here: take it away", before_comma(rest)),
        };
    }
    if let Some((fields, known)) =
        message.strip_prefix("unexpected keys in table: ").and_then(|rest| rest.split_once(", available keys: "))
    {
        return format!("`{fields}` is not a key that can stand here: use {known}");
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return match rest.split_once(", expected ") {
            Some((variant, known)) => format!("{variant} cannot stand here: use {known}"),
            None => format!("{} cannot stand here", before_comma(rest)),
        };
    }
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, "something else"));
        let kind = found.split([' ', '`', '"']).next().unwrap_or_default();
        return format!("{} stands here, but {} is needed", with_article(kind), kind_in_words(expected));
    }
    match message {
        "wanted exactly 1 element, more than 1 element" => "only one of these can be: take the others away".to_owned(),
        message if message.starts_with("wanted exactly 1 element") || message.starts_with("expected table with") => {
            "this is empty: say which".to_owned()
        }
        message => message.to_owned(),
    }
}

fn kind_in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        expected if expected.starts_with("struct ") || expected.starts_with("a map") => "a table",
        expected if expected.starts_with("enum ") || expected.starts_with("variant ") => {
            "one of the known words or tables"
        }
        expected => expected,
    }
}

fn before_comma(text: &str) -> &str {
    text.split_once(',').map_or(text, |(before, _)| before)
}

fn with_article(kind: &str) -> &str {
    match kind {
        "string" => "a string",
        "integer" => "an integer",
        "floating" => "a number with a point",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        _ => "something else",
    }
}

/// How messages begin that are not our own types'.
const SERDES_OWN: [&str; 8] = [
    "missing field ",
    "unknown field ",
    "unknown variant ",
    "unexpected keys in table: ",
    "invalid type: ",
    "invalid value: ",
    "invalid length ",
    "duplicate field ",
];
