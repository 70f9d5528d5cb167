//! In which of AWS's partitions a policy's resources lie: AWS takes no policy that names another one than its session's.

use jsonc_parser::ast::{Object, StringLit, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

use super::error::{Fault, PolicyErrorKind, shown};
use super::{PolicyError, SessionPolicy};
use crate::partition::Partition;

impl SessionPolicy {
    /// Refuses the first resource whose ARN names another partition to the letter. Wildcards and variables there may mean the right one.
    /// The place is in the policy's own text: see [`PolicyError::as_written`].
    pub fn must_stay_in(&self, own: Partition) -> Result<(), PolicyError> {
        let collect = CollectOptions { comments: CommentCollectionStrategy::Off, tokens: false };
        // Read once already, so it does not fail.
        let json = parse_to_ast(&self.0, &collect, &ParseOptions::default()).ok().and_then(|json| json.value);
        let foreign = json.as_ref().into_iter().flat_map(statements).flat_map(resources).find_map(|arn| {
            let named = partition_of(&arn.value)?;
            (named != own.as_str()).then(|| Fault {
                at: arn.start(),
                kind: PolicyErrorKind::OtherPartition { resource: shown(&arn.value), named: shown(named), own },
            })
        });
        foreign.map_or(Ok(()), |fault| Err(fault.placed_in(&self.0)))
    }
}

fn statements<'v, 't>(policy: &'v Value<'t>) -> Vec<&'v Object<'t>> {
    let statement = policy.as_object().and_then(|policy| policy.get("Statement"));
    let each = statement.map_or(&[][..], |statement| one_or_many(&statement.value));
    each.iter().filter_map(Value::as_object).collect()
}

fn resources<'v, 't>(statement: &'v Object<'t>) -> Vec<&'v StringLit<'t>> {
    let named = ["Resource", "NotResource"].into_iter().filter_map(|name| statement.get(name));
    named.flat_map(|property| one_or_many(&property.value)).filter_map(Value::as_string_lit).collect()
}

fn one_or_many<'v, 't>(value: &'v Value<'t>) -> &'v [Value<'t>] {
    match value {
        Value::Array(list) => list.elements.as_slice(),
        one => std::slice::from_ref(one),
    }
}

/// What an ARN names, where it names it to the letter. `*` is no ARN.
fn partition_of(resource: &str) -> Option<&str> {
    let (partition, _) = resource.strip_prefix("arn:")?.split_once(':')?;
    let is_literal = !partition.contains(['*', '?']) && !partition.contains("${");
    is_literal.then_some(partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(resource: &str) -> SessionPolicy {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:*","Resource":["*","{resource}"]}}]}}"#
        );
        SessionPolicy::parse(&text).unwrap()
    }

    #[test]
    fn only_another_partition_to_the_letter_is_refused() {
        for right in ["*", "arn:aws:s3:::b/*", "arn:*:s3:::b", "arn:aws*:s3:::b", "arn:aws-??:s3:::b"] {
            assert_eq!(policy(right).must_stay_in(Partition::Aws), Ok(()), "{right}");
        }
        for variable in ["arn:${aws:x}:s3:::b", "arn:aws${aws:x}:s3:::b"] {
            assert_eq!(policy(variable).must_stay_in(Partition::AwsCn), Ok(()), "{variable}");
        }
        for (wrong, own) in [
            ("arn:aws-cn:s3:::b/*", Partition::Aws),
            ("arn:aws-us-gov:s3:::b/*", Partition::Aws),
            ("arn:aws:s3:::b/*", Partition::AwsCn),
            ("arn:aws-cn:s3:::${aws:username}", Partition::AwsUsGov),
            ("arn:AWS:s3:::b", Partition::Aws),
            ("arn::s3:::b", Partition::Aws),
        ] {
            let error = policy(wrong).must_stay_in(own).unwrap_err();
            assert_eq!((error.line, error.column), (1, 88), "{error}");
            assert!(error.to_string().contains(wrong) && error.to_string().contains(own.as_str()), "{error}");
        }
        let not = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws-cn:s3:::b"}}"#;
        assert!(SessionPolicy::parse(not).unwrap().must_stay_in(Partition::Aws).is_err());
    }

    #[test]
    fn the_place_is_found_again_in_what_was_written() {
        let written = "{\r\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\n    \"Sid\": \"\", \"Effect\": \"Allow\", \"Action\": \"s3:*\",\n    \"Resource\": [\n      \"arn:aws:s3:::a \\\" b\",\n      \"arn:aws-cn:s3:::b\"\n    ]\n  }\n}";
        let error = SessionPolicy::parse(written).unwrap().must_stay_in(Partition::Aws).unwrap_err();
        assert_eq!(error.line, 1);
        let error = error.as_written(written);
        assert_eq!((error.line, error.column), (7, 7));
    }
}
