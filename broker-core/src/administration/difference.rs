//! What a change changed, for the trail: each field by its path, with what it was and what it is.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// The fields that differ: `{"principal.assume_role.max_duration_seconds": {"from": 3600, "to": 7200}}`. A side that has no such
/// field is left out.
pub(super) fn between<A: Serialize, B: Serialize>(from: Option<&A>, to: Option<&B>) -> Map<String, Value> {
    let mut differences = Map::new();
    compare(&mut differences, "", from.map(value).as_ref(), to.map(value).as_ref());
    differences
}

/// What a record says of a secret: that it is another one, and no more.
pub(super) fn changed() -> Value {
    Value::from("changed")
}

/// Our own types always have a JSON form; where one had not, the record would say so.
fn value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_else(|_| "unreadable".into())
}

fn compare(differences: &mut Map<String, Value>, path: &str, from: Option<&Value>, to: Option<&Value>) {
    if from == to {
        return;
    }
    let (old, new) = (fields(from), fields(to));
    if old.is_none() && new.is_none() {
        let sides = [("from", from), ("to", to)].into_iter();
        let sides = sides.filter_map(|(side, value)| Some((side.to_owned(), value?.clone())));
        differences.insert(path.to_owned(), Value::Object(sides.collect()));
        return;
    }
    let keys: BTreeSet<&String> = old.into_iter().chain(new).flat_map(Map::keys).collect();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let inside = |fields: Option<&'_ Map<String, Value>>| fields.and_then(|fields| fields.get(key)).cloned();
        compare(differences, &path, inside(old).as_ref(), inside(new).as_ref());
    }
}

/// An empty table counts as a value: it has no fields by which it could be told.
fn fields(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object).filter(|fields| !fields.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let added = json!({ "a": { "to": 1 }, "b.c": { "to": 2 } });
        assert_eq!(Value::Object(between(None::<&Value>, Some(&whole))), added);
        let removed = json!({ "a": { "from": 1 }, "b.c": { "from": 2 } });
        assert_eq!(Value::Object(between(Some(&whole), None::<&Value>)), removed);
    }
}
