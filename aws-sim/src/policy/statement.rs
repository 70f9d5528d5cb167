//! One statement of a policy, parsed once.

use serde_json::{Map, Value};

use super::Truth;
use super::condition::Condition;
use super::context::Context;
use super::document::PolicyKind;
use super::pattern::{Pattern, Syntax};
use super::principal::Principals;

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sid: Option<String>,
    pub(crate) allows: bool,
    pub(crate) principals: Option<Principals>,
    actions: Choice,
    resources: Choice,
    conditions: Vec<Condition>,
}

/// A list of patterns one of which must fit, or none of which may.
#[derive(Debug)]
struct Choice {
    patterns: Vec<Pattern>,
    inverted: bool,
}

/// What every parser here gives when it gives up: AWS's sentence.
pub(crate) type Complaint = String;

impl Statement {
    pub(crate) fn parse(
        statement: &Value,
        kind: PolicyKind,
        partition: &str,
        variables: bool,
    ) -> Result<Self, Complaint> {
        let fields = statement.as_object().ok_or(SYNTAX)?;
        if fields.keys().any(|field| !FIELDS.contains(&field.as_str())) {
            return Err(SYNTAX.into());
        }
        let sid = match fields.get("Sid") {
            None => None,
            Some(Value::String(sid)) if sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Some(sid.clone()),
            Some(_) => {
                return Err("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the \
                                   regular expression [0-9A-Za-z]*"
                    .into());
            }
        };
        let allows = match fields.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(SYNTAX.into()),
        };
        Ok(Self {
            sid,
            allows,
            principals: principals(fields, kind, partition)?,
            actions: actions(fields, kind)?,
            resources: resources(fields, kind, partition, variables)?,
            conditions: conditions(fields, variables)?,
        })
    }

    /// Whether the statement is about this action on this resource in this situation. Principals are asked elsewhere.
    pub(crate) fn applies(&self, action: &str, resource: &str, context: &Context) -> Truth {
        self.actions
            .fits(action, context)
            .and(|| self.resources.fits(resource, context))
            .and(|| Truth::all(self.conditions.iter().map(|condition| condition.holds(context))))
    }
}

impl Choice {
    fn fits(&self, text: &str, context: &Context) -> Truth {
        let fits = Truth::any(self.patterns.iter().map(|pattern| pattern.matches(text, context)));
        if self.inverted { fits.not() } else { fits }
    }
}

fn principals(fields: &Map<String, Value>, kind: PolicyKind, partition: &str) -> Result<Option<Principals>, Complaint> {
    match (kind, fields.get("Principal"), fields.get("NotPrincipal")) {
        (PolicyKind::Trust | PolicyKind::Bucket, Some(principal), None) => {
            Principals::parse(principal, partition).map(Some).ok_or_else(|| "Invalid principal in policy".into())
        }
        (PolicyKind::Trust | PolicyKind::Bucket, None, None) => Err("Missing required field Principal".into()),
        (PolicyKind::Trust | PolicyKind::Bucket, _, Some(_)) => {
            Err("AssumeRolepolicy contained an invalid principal".into())
        }
        (PolicyKind::Identity | PolicyKind::Session, None, None) => Ok(None),
        (PolicyKind::Identity | PolicyKind::Session, _, _) => {
            Err("Policy document should not specify a principal.".into())
        }
    }
}

fn actions(fields: &Map<String, Value>, kind: PolicyKind) -> Result<Choice, Complaint> {
    let (list, inverted) = one_of(fields, "Action", "NotAction")?.ok_or("Policy statement must contain actions.")?;
    for action in &list {
        if action == "*" {
            continue;
        }
        let (vendor, name) = action.split_once(':').ok_or(VENDOR)?;
        let vendor_ok = !vendor.is_empty() && vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let name_ok =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'?'));
        if !vendor_ok || !name_ok {
            return Err(VENDOR.into());
        }
        if kind == PolicyKind::Trust && !vendor.eq_ignore_ascii_case("sts") {
            return Err("AssumeRole policy may only specify STS AssumeRole actions.".into());
        }
    }
    let syntax = Syntax { wildcards: true, variables: false, fold_case: true };
    Ok(Choice { patterns: list.iter().map(|action| Pattern::parse(action, syntax)).collect(), inverted })
}

fn resources(
    fields: &Map<String, Value>,
    kind: PolicyKind,
    partition: &str,
    variables: bool,
) -> Result<Choice, Complaint> {
    let (list, inverted) = match (kind, one_of(fields, "Resource", "NotResource")?) {
        (PolicyKind::Trust, None) => (vec!["*".to_owned()], false),
        (PolicyKind::Trust, Some(_)) => return Err("Has prohibited field Resource".into()),
        (_, None) => return Err("Policy statement must contain resources.".into()),
        (_, Some(list)) => list,
    };
    for resource in list.iter().filter(|resource| *resource != "*") {
        match resource.splitn(6, ':').collect::<Vec<_>>()[..] {
            ["arn", at, service, _, _, _] if !service.is_empty() => {
                if at != partition && !at.contains(['*', '?']) {
                    return Err(format!("Partition \"{at}\" is not valid for resource \"{resource}\"."));
                }
            }
            _ => return Err(format!("Resource {resource} must be in ARN format or \"*\".")),
        }
    }
    let syntax = Syntax { wildcards: true, variables, fold_case: false };
    Ok(Choice { patterns: list.iter().map(|resource| Pattern::parse(resource, syntax)).collect(), inverted })
}

fn conditions(fields: &Map<String, Value>, variables: bool) -> Result<Vec<Condition>, Complaint> {
    let Some(block) = fields.get("Condition") else { return Ok(Vec::new()) };
    let mut conditions = Vec::new();
    for (operator, keys) in block.as_object().ok_or(SYNTAX)? {
        for (key, values) in keys.as_object().ok_or(SYNTAX)? {
            if !key.contains(':') {
                return Err(VENDOR.into());
            }
            let values = texts(values).ok_or(SYNTAX)?;
            let condition = Condition::parse(operator, key, &values, variables)
                .ok_or_else(|| format!("Invalid Condition type : {operator}."))?;
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

/// The list under `plain`, or under `inverted`; both is an error.
fn one_of(fields: &Map<String, Value>, plain: &str, inverted: &str) -> Result<Option<(Vec<String>, bool)>, Complaint> {
    let strings = |value: &Value| {
        let only_strings = value.is_string() || value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        texts(value).filter(|list| only_strings && !list.is_empty()).ok_or(SYNTAX)
    };
    match (fields.get(plain), fields.get(inverted)) {
        (None, None) => Ok(None),
        (Some(list), None) => Ok(Some((strings(list)?, false))),
        (None, Some(list)) => Ok(Some((strings(list)?, true))),
        (Some(_), Some(_)) => Err(SYNTAX.into()),
    }
}

/// A condition's values: one or many; flags and numbers may be written without quotes.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(flag) => Some(vec![flag.to_string()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::Array(items) => items.iter().map(|item| texts(item).and_then(|mut one| one.pop())).collect(),
        Value::Null | Value::Object(_) => None,
    }
}

const FIELDS: &[&str] =
    &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const SYNTAX: &str = "Syntax errors in policy.";
const VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
