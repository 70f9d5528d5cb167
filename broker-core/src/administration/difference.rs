//! What a change changed, for the trail: each field by its path, with what it was and what it is.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// The fields that differ: `{"principal.assume_role.max_duration_seconds": {"from": 3600, "to": 7200}}`. A side that has no such
/// field is left out.
pub(super) fn between<A: Serialize, B: Serialize>(from: Option<&A>, to: Option<&B>) -> Map<String, Value> {
    let mut differences = Map::new();
    compare(&mut differences, "", &value(from), &value(to));
    differences
}

/// What a record says of a secret: that it is another one, and no more.
pub(super) fn changed() -> Value {
    Value::from("changed")
}

/// Our own types always have a JSON form; where one had not, the record would say so.
fn value<T: Serialize>(value: Option<&T>) -> Value {
    value.map_or(Value::Null, |value| serde_json::to_value(value).unwrap_or_else(|_| "unreadable".into()))
}

fn compare(differences: &mut Map<String, Value>, path: &str, from: &Value, to: &Value) {
    match (from, to) {
        (from, to) if from == to => {}
        (Value::Object(from), Value::Object(to)) => {
            for (key, from) in from {
                compare(differences, &below(path, key), from, to.get(key).unwrap_or(&Value::Null));
            }
            for (key, to) in to.iter().filter(|(key, _)| !from.contains_key(*key)) {
                compare(differences, &below(path, key), &Value::Null, to);
            }
        }
        (Value::Object(fields), Value::Null) if path.is_empty() => {
            for (key, from) in fields {
                compare(differences, key, from, &Value::Null);
            }
        }
        (Value::Null, Value::Object(fields)) if path.is_empty() => {
            for (key, to) in fields {
                compare(differences, key, &Value::Null, to);
            }
        }
        (from, Value::Null) => drop(differences.insert(path.to_owned(), json!({ "from": from }))),
        (Value::Null, to) => drop(differences.insert(path.to_owned(), json!({ "to": to }))),
        (from, to) => drop(differences.insert(path.to_owned(), json!({ "from": from, "to": to }))),
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told_and_by_its_path() {
        let from = json!({ "a": 1, "b": { "c": [1], "d": "x" }, "gone": true, "same": { "e": 1 } });
        let to = json!({ "a": 2, "b": { "c": [1, 2], "d": "x", "new": {} }, "same": { "e": 1 } });
        let expected = json!({
            "a": { "from": 1, "to": 2 },
            "b.c": { "from": [1], "to": [1, 2] },
            "b.new": { "to": {} },
            "gone": { "from": true },
        });
        assert_eq!(Value::Object(between(Some(&from), Some(&to))), expected);
        assert!(between(Some(&from), Some(&from)).is_empty());
    }

    #[test]
    fn what_is_new_or_gone_is_told_field_by_field() {
        let whole = json!({ "a": 1, "b": { "c": 2 } });
        let added = json!({ "a": { "to": 1 }, "b": { "to": { "c": 2 } } });
        assert_eq!(Value::Object(between(None::<&Value>, Some(&whole))), added);
        let removed = json!({ "a": { "from": 1 }, "b": { "from": { "c": 2 } } });
        assert_eq!(Value::Object(between(Some(&whole), None::<&Value>)), removed);
    }
}
