//! The condition of a statement: operators that IAM knows, over keys, over values.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;

use super::error::{Fault, PolicyErrorKind, shown};
use super::grammar::{empty_list, object, unique_keys, wrong_type};
use super::statement::holds_variable;

/// Checks a condition, and tells whether a policy variable stands in it.
///
/// An empty condition, and an operator without keys, hold always; AWS takes both.
pub(super) fn read(value: &Value<'_>) -> Result<bool, Fault> {
    let condition = object(value, "Condition")?;
    unique_keys(condition)?;
    let mut holds_variables = false;
    for property in &condition.properties {
        let operator = property.name.as_str();
        if !is_operator(operator) {
            return Err(Fault { at: property.start(), kind: PolicyErrorKind::BadOperator(shown(operator)) });
        }
        holds_variables |= read_keys(object(&property.value, operator)?)?;
    }
    Ok(holds_variables)
}

/// Keys are compared without case, so two spellings of one are a duplicate:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>
fn read_keys(keys: &Object<'_>) -> Result<bool, Fault> {
    let mut seen = HashSet::new();
    let mut holds_variables = false;
    for property in &keys.properties {
        let (at, key) = (property.start(), property.name.as_str());
        if !key.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty()) {
            return Err(Fault { at, kind: PolicyErrorKind::BadConditionKey(shown(key)) });
        }
        if !seen.insert(key.to_ascii_lowercase()) {
            return Err(Fault { at, kind: PolicyErrorKind::DuplicateKey(shown(key)) });
        }
        holds_variables |= holds_variable(key) | read_values(key, &property.value)?;
    }
    Ok(holds_variables)
}

fn read_values(key: &str, value: &Value<'_>) -> Result<bool, Fault> {
    let values = match value {
        Value::Array(list) if list.elements.is_empty() => return Err(empty_list(list.start(), key)),
        Value::Array(list) => list.elements.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut holds_variables = false;
    for value in values {
        match value {
            Value::StringLit(text) => holds_variables |= holds_variable(&text.value),
            Value::NumberLit(_) | Value::BooleanLit(_) => {}
            Value::Object(_) | Value::Array(_) | Value::NullKeyword(_) => {
                return Err(wrong_type(value.start(), key, "a string, a number, true or false, or a list of those"));
            }
        }
    }
    Ok(holds_variables)
}

/// As IAM spells them. Whether AWS takes other capitals is not documented, so they are refused; `Null` has no
/// `IfExists`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
fn is_operator(name: &str) -> bool {
    let name = ["ForAllValues:", "ForAnyValue:"].iter().find_map(|set| name.strip_prefix(set)).unwrap_or(name);
    name == "Null" || OPERATORS.contains(&name.strip_suffix("IfExists").unwrap_or(name))
}

const OPERATORS: [&str; 26] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_iam_spells_is_an_operator() {
        for good in
            ["StringEquals", "StringEqualsIfExists", "ForAllValues:StringLike", "Null", "ForAnyValue:ArnLikeIfExists"]
        {
            assert!(is_operator(good), "{good}");
        }
        for bad in [
            "",
            "IfExists",
            "ForAnyValue:",
            "stringequals",
            "NullIfExists",
            "StringEqualsIfExistsIfExists",
            "ForAllValues:ForAnyValue:StringLike",
            "forallvalues:StringLike",
            "StringEquals ",
        ] {
            assert!(!is_operator(bad), "{bad}");
        }
    }
}
