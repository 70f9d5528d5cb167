//! A policy as IAM's grammar has it, read from JSON that knows where everything stands.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, StringLit, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

use super::error::{Fault, Faults, PolicyErrorKind, shown};
use super::statement::{self, Effect, Statement};

/// A policy whose every part has been looked at.
#[derive(Debug)]
pub(super) struct Document<'t> {
    pub(super) version: Option<Version>,
    /// As it was written, quotes included.
    pub(super) id: Option<&'t str>,
    pub(super) statements: Vec<Statement<'t>>,
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// The default: policy variables are literal text.
    V2008,
    V2012,
}

impl Version {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

impl Document<'_> {
    pub(super) fn is_deny_only(&self) -> bool {
        self.statements.iter().all(|each| each.effect == Effect::Deny)
    }

    /// Whether `${aws:username}` and its like are replaced by AWS, and not literal text.
    pub(super) fn knows_variables(&self) -> bool {
        self.version == Some(Version::V2012)
    }
}

/// Reads strict JSON into a policy, or tells the parts that IAM's grammar does not know, in the order of the text: at least one.
pub(super) fn read(text: &str) -> Result<Document<'_>, Vec<Fault>> {
    let mut faults = Faults::default();
    let document = read_whole(text, &mut faults);
    match faults.good(document).flatten() {
        Some(document) if faults.is_empty() => Ok(document),
        Some(_) | None => Err(faults.into_sorted()),
    }
}

/// Goes on after a mistake, as far as the text is JSON.
fn read_whole<'t>(text: &'t str, faults: &mut Faults) -> Result<Option<Document<'t>>, Fault> {
    let collect = CollectOptions { comments: CommentCollectionStrategy::Off, tokens: false };
    let json = parse_to_ast(text, &collect, &STRICT)
        .map_err(|error| Fault { at: error.range().start, kind: not_json(&error.kind().to_string()) })?;
    let policy = json.value.ok_or(Fault { at: 0, kind: not_json("there is nothing") })?;
    let policy = object(&policy, "the policy")?;
    faults.good(unique_keys(policy));

    let (mut version, mut id, mut statements) = (None, None, None);
    let mut is_misspelt = false;
    for property in &policy.properties {
        let value = &property.value;
        match property.name.as_str() {
            "Version" => version = faults.good(read_version(value)),
            "Id" => id = faults.good(string(value, "Id")).map(|id| id.text(text)),
            "Statement" => statements = read_statements(value, text, faults).map_err(|fault| faults.add(fault)).ok(),
            unknown => {
                is_misspelt = true;
                faults.add(unknown_element(property.start(), unknown, "`Version`, `Id` and `Statement`"));
            }
        }
    }
    if !is_misspelt && !policy.properties.iter().any(|property| property.name.as_str() == "Statement") {
        faults.add(Fault { at: policy.start(), kind: PolicyErrorKind::Missing("`Statement`") });
    }
    Ok(statements.map(|statements| Document { version, id, statements }))
}

fn read_version(value: &Value<'_>) -> Result<Version, Fault> {
    let version = string(value, "Version")?;
    match &*version.value {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => Err(Fault { at: version.start(), kind: PolicyErrorKind::BadVersion(shown(other)) }),
    }
}

fn read_statements<'t>(value: &Value<'_>, text: &'t str, faults: &mut Faults) -> Result<Vec<Statement<'t>>, Fault> {
    let values = match value {
        Value::Array(list) if list.elements.is_empty() => return Err(empty_list(list.start(), "Statement")),
        Value::Array(list) => list.elements.as_slice(),
        Value::Object(_) => std::slice::from_ref(value),
        other => return Err(wrong_type(other.start(), "Statement", "an object, or a list of objects")),
    };
    let mut sids = HashSet::new();
    let mut statements = Vec::with_capacity(values.len());
    for value in values {
        let Some(object) = faults.good(object(value, "Statement")) else { continue };
        let Some(statement) = statement::read(object, text, faults) else { continue };
        if let Some(sid) = &statement.sid
            && !sids.insert(sid.clone())
        {
            faults.add(Fault { at: statement.at, kind: PolicyErrorKind::DuplicateSid(shown(sid)) });
        }
        statements.push(statement);
    }
    Ok(statements)
}

/// Refuses an object that names something twice: readers differ in which of the two they believe.
pub(super) fn unique_keys(object: &Object<'_>) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    match object.properties.iter().find(|property| !seen.insert(property.name.as_str())) {
        Some(twice) => {
            Err(Fault { at: twice.start(), kind: PolicyErrorKind::DuplicateKey(shown(twice.name.as_str())) })
        }
        None => Ok(()),
    }
}

pub(super) fn object<'v, 't>(value: &'v Value<'t>, element: &str) -> Result<&'v Object<'t>, Fault> {
    value.as_object().ok_or_else(|| wrong_type(value.start(), element, "an object"))
}

pub(super) fn string<'v, 't>(value: &'v Value<'t>, element: &str) -> Result<&'v StringLit<'t>, Fault> {
    value.as_string_lit().ok_or_else(|| wrong_type(value.start(), element, "a string"))
}

pub(super) fn wrong_type(at: usize, element: &str, expected: &'static str) -> Fault {
    Fault { at, kind: PolicyErrorKind::WrongType { element: shown(element), expected } }
}

pub(super) fn empty_list(at: usize, element: &str) -> Fault {
    Fault { at, kind: PolicyErrorKind::EmptyList(shown(element)) }
}

pub(super) fn unknown_element(at: usize, name: &str, known: &'static str) -> Fault {
    Fault { at, kind: PolicyErrorKind::UnknownElement { name: shown(name), known } }
}

/// The JSON reader writes sentences; ours go on after a colon.
fn not_json(sentence: &str) -> PolicyErrorKind {
    let mut chars = sentence.chars();
    let first = chars.next().map(|char| char.to_ascii_lowercase());
    PolicyErrorKind::NotJson(first.into_iter().chain(chars).collect())
}

/// JSON, and none of what people have added to it.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};
