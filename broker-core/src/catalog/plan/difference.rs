//! In which fields two forms of a thing differ, from what to what.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// By the field's dotted path: what it was and what it is to be. A secret is only said to have changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Difference {
    pub(super) fields: BTreeMap<String, (Option<Value>, Option<Value>)>,
    pub(super) secret: bool,
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && !self.secret
    }

    pub(crate) fn note_secret(&mut self) {
        self.secret = true;
    }

    /// For the trail.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let mut all = Map::new();
        for (field, (from, to)) in &self.fields {
            let sides = [("from", from), ("to", to)];
            let sides = sides.into_iter().filter_map(|(side, value)| Some((side.to_owned(), value.clone()?)));
            all.insert(field.clone(), Value::Object(sides.collect()));
        }
        if self.secret {
            all.insert(SECRET.to_owned(), json!("changed"));
        }
        all
    }
}

/// The fields as a file writes them. Our own types always have such a form.
pub(crate) fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(crate) fn difference(from: &Value, to: &Value) -> Difference {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten("", from, &mut old);
    flatten("", to, &mut new);
    let mut fields = BTreeMap::new();
    for (field, from) in &old {
        let to = new.get(field);
        if to != Some(from) {
            fields.insert(field.clone(), (Some((*from).clone()), to.map(|to| (*to).clone())));
        }
    }
    for (field, to) in new {
        if !old.contains_key(&field) {
            fields.insert(field, (None, Some(to.clone())));
        }
    }
    Difference { fields, secret: false }
}

fn flatten<'v>(path: &str, value: &'v Value, fields: &mut BTreeMap<String, &'v Value>) {
    match value {
        Value::Object(inside) if !inside.is_empty() => {
            for (key, value) in inside {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, fields);
            }
        }
        // Nothing at all, as the whole of something that is not there.
        Value::Null if path.is_empty() => {}
        value => {
            fields.insert(path.to_owned(), value);
        }
    }
}

/// The name under which a changed secret is told.
pub(super) const SECRET: &str = "secret_access_key";
