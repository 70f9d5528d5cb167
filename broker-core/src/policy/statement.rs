//! One statement of a policy: what it allows or denies, and on what.

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;

use super::condition;
use super::error::{Fault, Faults, PolicyErrorKind, shown};
use super::grammar::{empty_list, string, unique_keys, unknown_element, wrong_type};

/// A statement whose every part has been looked at.
#[derive(Debug)]
pub(super) struct Statement<'t> {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// As it was written, braces included.
    pub(super) text: &'t str,
    /// None where it is empty: AWS takes any number of empty ones.
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    pub(super) actions: Patterns,
    pub(super) resources: Patterns,
    pub(super) holds_variables: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// Actions or resources: those that match, or all but those.
#[derive(Debug)]
pub(super) enum Patterns {
    These(Vec<String>),
    AllBut(Vec<String>),
}

impl Patterns {
    fn each(&self) -> &[String] {
        match self {
            Self::These(patterns) | Self::AllBut(patterns) => patterns,
        }
    }
}

/// The statement, unless something of it is wrong, which is told then; each part is looked at, whatever is wrong with the others.
pub(super) fn read<'t>(statement: &Object<'_>, text: &'t str, faults: &mut Faults) -> Option<Statement<'t>> {
    faults.good(unique_keys(statement));
    let (mut sid, mut effect, mut actions, mut resources) = (None, None, None, None);
    let (mut condition_holds_variables, mut is_misspelt) = (false, false);
    for property in &statement.properties {
        let (at, value) = (property.start(), &property.value);
        match property.name.as_str() {
            "Sid" => sid = faults.good(read_sid(value)).filter(|sid| !sid.is_empty()),
            "Effect" => effect = faults.good(read_effect(value)),
            name @ ("Action" | "NotAction") => read_patterns(&mut actions, &ACTIONS, at, name, value, faults),
            name @ ("Resource" | "NotResource") => read_patterns(&mut resources, &RESOURCES, at, name, value, faults),
            "Condition" => condition_holds_variables = faults.good(condition::read(value)).unwrap_or_default(),
            name @ ("Principal" | "NotPrincipal") => {
                faults.add(Fault { at, kind: PolicyErrorKind::Principal(name.to_owned()) });
            }
            unknown => {
                is_misspelt = true;
                faults.add(unknown_element(at, unknown, ELEMENTS));
            }
        }
    }
    // What is missing is there, perhaps, under a name that is no element's, which has been told.
    for (names, what) in REQUIRED {
        if !is_misspelt && !statement.properties.iter().any(|property| names.contains(&property.name.as_str())) {
            faults.add(Fault { at: statement.start(), kind: PolicyErrorKind::Missing(what) });
        }
    }
    let (effect, actions, resources) = (effect?, actions?, resources?);
    let holds_variables = condition_holds_variables || resources.each().iter().any(|pattern| holds_variable(pattern));
    Some(Statement {
        at: statement.start(),
        text: statement.text(text),
        sid,
        effect,
        actions,
        resources,
        holds_variables,
    })
}

pub(super) fn holds_variable(text: &str) -> bool {
    text.contains("${")
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>
fn read_sid(value: &Value<'_>) -> Result<String, Fault> {
    let sid = string(value, "Sid")?;
    if sid.value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(sid.value.clone().into_owned())
    } else {
        Err(Fault { at: sid.start(), kind: PolicyErrorKind::BadSid(shown(&sid.value)) })
    }
}

/// Case counts: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_effect.html>
fn read_effect(value: &Value<'_>) -> Result<Effect, Fault> {
    let effect = string(value, "Effect")?;
    match &*effect.value {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(Fault { at: effect.start(), kind: PolicyErrorKind::BadEffect(shown(other)) }),
    }
}

/// What tells actions from resources.
struct Grammar {
    element: &'static str,
    accepts: fn(&str) -> bool,
    refusal: fn(String) -> PolicyErrorKind,
}

const ACTIONS: Grammar = Grammar { element: "Action", accepts: is_action, refusal: PolicyErrorKind::BadAction };
const RESOURCES: Grammar = Grammar { element: "Resource", accepts: is_resource, refusal: PolicyErrorKind::BadResource };

fn read_patterns(
    into: &mut Option<Patterns>,
    grammar: &Grammar,
    at: usize,
    name: &str,
    value: &Value<'_>,
    faults: &mut Faults,
) {
    if into.is_some() {
        faults.add(Fault { at, kind: PolicyErrorKind::Both(grammar.element) });
    }
    let values = match value {
        Value::Array(list) if list.elements.is_empty() => return faults.add(empty_list(list.start(), name)),
        Value::Array(list) => list.elements.as_slice(),
        Value::StringLit(_) => std::slice::from_ref(value),
        other => return faults.add(wrong_type(other.start(), name, "a string, or a list of strings")),
    };
    let mut patterns = Vec::with_capacity(values.len());
    for value in values {
        let Some(pattern) = faults.good(string(value, name)) else { continue };
        if !(grammar.accepts)(&pattern.value) {
            faults.add(Fault { at: pattern.start(), kind: (grammar.refusal)(shown(&pattern.value)) });
        }
        patterns.push(pattern.value.clone().into_owned());
    }
    *into = Some(if name == grammar.element { Patterns::These(patterns) } else { Patterns::AllBut(patterns) });
}

/// A service's prefix has no wildcard (AWS: "Action vendors must not contain wildcards"), but for `*:*`, an old way to
/// say `*`. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
fn is_action(action: &str) -> bool {
    match action.split_once(':') {
        None => action == "*",
        Some(("*", name)) => name == "*",
        Some((service, name)) => {
            !service.is_empty()
                && service.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'?' | b'-' | b'_'))
        }
    }
}

/// `*`, or six parts that begin with `arn`; a colon inside a policy variable parts nothing.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
fn is_resource(resource: &str) -> bool {
    let mut colons = 0;
    let mut rest = resource;
    while let Some((plain, variable)) = rest.split_once("${") {
        colons += plain.matches(':').count();
        let Some((_, after)) = variable.split_once('}') else { return false };
        rest = after;
    }
    colons += rest.matches(':').count();
    resource == "*" || resource.starts_with("arn:") && colons >= 5
}

/// What each statement has, by the names of the elements.
const REQUIRED: [(&[&str], &str); 3] = [
    (&["Effect"], "a statement's `Effect`"),
    (&["Action", "NotAction"], "a statement's `Action` or `NotAction`"),
    (&["Resource", "NotResource"], "a statement's `Resource` or `NotResource`"),
];
const ELEMENTS: &str =
    "`Sid`, `Effect`, `Action` or `NotAction`, `Resource` or `NotResource`, and `Condition`, with those capitals";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_action_is_an_action() {
        for good in ["*", "*:*", "s3:*", "s3:Get*", "S3:getobject", "ec2:Describe?nstances", "execute-api:Invoke"] {
            assert!(is_action(good), "{good}");
        }
        for bad in ["", ":", "s3", "s3:", ":Get", "**", "*:Get*", "s3*:Get", "s3:Get:Put", "s3: Get", "s3:${x}", "é:*"]
        {
            assert!(!is_action(bad), "{bad}");
        }
    }

    #[test]
    fn only_an_arn_is_a_resource() {
        for good in [
            "*",
            "arn:aws:s3:::bucket/*",
            "arn:*:*:*:*:*",
            "arn:aws:logs:eu-central-1:123456789012:log-group:a:b",
            "arn:aws:s3:::${aws:username}",
            "arn:aws:iam::${aws:PrincipalAccount}:role/x",
            "arn:aws:s3:::a${*}b${?}",
        ] {
            assert!(is_resource(good), "{good}");
        }
        for bad in [
            "",
            "**",
            "bucket",
            "arn:aws:s3::bucket",
            "arn:aws:iam::${aws:PrincipalAccount}",
            "arn:aws:s3:::${aws:username",
            "ARN:aws:s3:::bucket",
            " arn:aws:s3:::bucket",
            "${aws:username}",
        ] {
            assert!(!is_resource(bad), "{bad}");
        }
    }
}
