//! The plan as `brokerd apply` prints it.

use std::fmt;

use serde_json::Value;

use super::difference::{Difference, SECRET};
use super::{Plan, Steps};
use crate::character;
use crate::connector::{Audience, Connector};
use crate::store::Damage;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, connectors, left_damaged } = self;
        for key in &keys.added {
            writeln!(f, "+ access_key {}: {} in {}", key.name, key.details.source, key.details.region)?;
        }
        repaired(f, "access_key", keys, |key| key.name.to_string())?;
        changed(f, "access_key", keys, |key| key.name.to_string())?;
        for key in &keys.removed {
            writeln!(f, "- access_key {}", key.name)?;
        }
        for connector in &connectors.added {
            writeln!(f, "+ connector {}: {}", connector.name, described(connector))?;
        }
        repaired(f, "connector", connectors, |connector| connector.name.to_string())?;
        if connectors.repaired.iter().any(|(connector, _)| *connector.spec.audience() == Audience::System) {
            writeln!(f, "    service tokens that were made for it do not follow: make new ones")?;
        }
        changed(f, "connector", connectors, |connector| connector.name.to_string())?;
        for connector in &connectors.removed {
            writeln!(f, "- connector {}", connector.name)?;
        }
        let sum = |count: fn(&Steps<Connector>) -> usize, keys: usize| count(connectors) + keys;
        let added = sum(|steps| steps.added.len(), keys.added.len());
        let changed = sum(|steps| steps.changed.len(), keys.changed.len());
        let removed = sum(|steps| steps.removed.len(), keys.removed.len());
        let unchanged = sum(|steps| steps.unchanged, keys.unchanged);
        write!(f, "{added} to add, {changed} to change, {removed} to remove, {unchanged} unchanged")?;
        let repaired = sum(|steps| steps.repaired.len(), keys.repaired.len());
        if repaired > 0 {
            write!(f, ", {repaired} to repair")?;
        }
        for row in left_damaged {
            let (table, name, id) = (row.table.as_str(), row.shown_name(), row.shown_id());
            write!(
                f,
                "\nwarning: {table} `{name}` is out of service ({}), and this file does not mend it: {id}",
                why(row.damage)
            )?;
        }
        Ok(())
    }
}

fn repaired<T>(f: &mut fmt::Formatter<'_>, kind: &str, steps: &Steps<T>, name: impl Fn(&T) -> String) -> fmt::Result {
    for (new, row) in &steps.repaired {
        writeln!(f, "! {kind} {}: repaired, for its row {} does not prove to be ours", name(new), row.shown_id())?;
    }
    Ok(())
}

/// What keeps a row out of service, in a few words.
fn why(damage: Damage) -> &'static str {
    match damage {
        Damage::NotOurs => "its row does not prove to be ours",
        Damage::Unreadable => "a newer release wrote it",
        Damage::Gone => "connectors name it, and its row is not there",
    }
}

fn changed<T>(f: &mut fmt::Formatter<'_>, kind: &str, steps: &Steps<T>, name: impl Fn(&T) -> String) -> fmt::Result {
    for step in &steps.changed {
        writeln!(f, "~ {kind} {}", name(&step.new))?;
        let Difference { fields, secret } = &step.difference;
        for (field, (from, to)) in fields {
            writeln!(f, "    {}: {} -> {}", tame(field), shown(from.as_ref()), shown(to.as_ref()))?;
        }
        if *secret {
            writeln!(f, "    {SECRET}: changed")?;
        }
    }
    Ok(())
}

fn described(connector: &Connector) -> String {
    let spec = &connector.spec;
    let audience = match spec.audience() {
        Audience::System => "service tokens".to_owned(),
        Audience::People(groups) if groups.is_empty() => "administrators only".to_owned(),
        Audience::People(groups) => groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    tame(&format!("{} by {}, for {audience}", spec.principal().kind().as_str(), spec.access_key()))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| tame(&value.to_string()))
}

/// Harmless on a terminal, and one line.
fn tame(text: &str) -> String {
    character::shown(text)
}
