//! What becomes of our sections, as data: for those who have a program look at it before anything is written.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::aws_config::{Section, sections};

/// Our sections that come, change and go, each kind by name.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Changes<'a> {
    added: Vec<Whole<'a>>,
    changed: Vec<Changed<'a>>,
    removed: Vec<Whole<'a>>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Whole<'a> {
    /// As in `profile deploy`.
    section: &'a str,
    lines: Vec<&'a str>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Changed<'a> {
    section: &'a str,
    before: Vec<&'a str>,
    after: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    pub(super) fn between(before: &'a str, after: &'a str) -> Self {
        let (before, after) = (lines(before), lines(after));
        let whole = |(section, lines): (&&'a str, &Vec<&'a str>)| Whole { section, lines: lines.clone() };
        let changed = after.iter().filter_map(|(section, after)| {
            let before = before.get(section).filter(|before| *before != after)?;
            Some(Changed { section, before: before.clone(), after: after.clone() })
        });
        Self {
            added: after.iter().filter(|(name, _)| !before.contains_key(*name)).map(whole).collect(),
            changed: changed.collect(),
            removed: before.iter().filter(|(name, _)| !after.contains_key(*name)).map(whole).collect(),
        }
    }
}

/// The lines of each section, without its head and without the marks around our block.
fn lines<'a>(block: &'a str) -> BTreeMap<&'a str, Vec<&'a str>> {
    let of_one = |section: Section<'a>| {
        let lines = block[section.bytes].lines().skip(1).filter(|line| !line.starts_with('#'));
        (section.name, lines.collect())
    };
    sections(block).into_iter().map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_comes_changes_goes_or_is_not_told() {
        let (first, last) = ("# >>> broker x >>>\n", "# <<< broker x <<<\n");
        let before = format!("{first}[profile a]\nregion = x\n[profile b]\nb = 1\n[profile c]\nc = 1\n{last}");
        let after =
            format!("{first} otherwise said\n[profile b]\nb = 1\n[profile c]\nc = 2\n[profile d]\nd = 1\n{last}");
        let told = serde_json::to_value(Changes::between(&before, &after)).unwrap();
        assert_eq!(
            told,
            serde_json::json!({
                "added": [{ "section": "profile d", "lines": ["d = 1"] }],
                "changed": [{ "section": "profile c", "before": ["c = 1"], "after": ["c = 2"] }],
                "removed": [{ "section": "profile a", "lines": ["region = x"] }],
            })
        );
    }
}
