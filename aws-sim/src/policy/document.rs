//! A whole policy document: IAM's grammar, checked and parsed once.

use serde_json::Value;

use super::statement::{Complaint, Statement};

/// Where a policy hangs decides what may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    /// On a user or role, inline or managed.
    Identity,
    /// Given with a call for temporary credentials.
    Session,
    /// A role's trust policy: principals, and no resources.
    Trust,
    /// A bucket's policy: principals and resources.
    Bucket,
}

/// A policy that is known to follow the grammar.
#[derive(Debug)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
    compact_length: usize,
}

impl Policy {
    pub(crate) fn parse(text: &str, kind: PolicyKind, partition: &str) -> Result<Self, Complaint> {
        let document: Value = serde_json::from_str(text).map_err(|_| "This policy contains invalid Json".to_owned())?;
        let fields = document.as_object().ok_or(SYNTAX)?;
        if fields.keys().any(|field| !matches!(field.as_str(), "Version" | "Id" | "Statement")) {
            return Err(SYNTAX.into());
        }
        // Policy variables came with the newer version; to the older, `${…}` is just text.
        let variables = match fields.get("Version") {
            None => false,
            Some(Value::String(version)) if version == "2008-10-17" => false,
            Some(Value::String(version)) if version == "2012-10-17" => true,
            Some(_) => return Err("The policy must contain a valid version string".into()),
        };
        let statements = match fields.get("Statement") {
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            Some(Value::Array(many)) if !many.is_empty() => many,
            _ => return Err(SYNTAX.into()),
        };
        let statements = statements
            .iter()
            .map(|statement| Statement::parse(statement, kind, partition, variables))
            .collect::<Result<Vec<_>, _>>()?;
        let mut sids: Vec<&str> =
            statements.iter().filter_map(|statement| statement.sid.as_deref()).filter(|sid| !sid.is_empty()).collect();
        sids.sort_unstable();
        if sids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err("Statement IDs (SID) in a single policy must be unique.".into());
        }
        Ok(Self { statements, compact_length: document.to_string().len() })
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Bytes of the document without any whitespace.
    pub(crate) fn compact_length(&self) -> usize {
        self.compact_length
    }
}

const SYNTAX: &str = "Syntax errors in policy.";

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(kind: PolicyKind, text: &str) -> String {
        Policy::parse(text, kind, "aws").unwrap_err()
    }

    #[test]
    fn a_plain_policy_is_taken() {
        let text = r#"{ "Version": "2012-10-17", "Id": "x", "Statement": { "Sid": "A1", "Effect": "Allow",
            "Action": ["s3:Get*", "iam:?istUsers"], "Resource": "arn:aws:s3:::b/${aws:username}/*",
            "Condition": { "Bool": { "aws:SecureTransport": true }, "NumericLessThan": { "sts:DurationSeconds": 7 } } } }"#;
        let policy = Policy::parse(text, PolicyKind::Session, "aws").unwrap();
        assert!(policy.compact_length() < text.len());
        let trust =
            r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}"#;
        assert!(Policy::parse(trust, PolicyKind::Trust, "aws").is_ok());
    }

    #[test]
    fn the_grammar_is_enforced() {
        let cases = [
            ("{", "invalid Json"),
            ("[]", "Syntax errors"),
            ("{}", "Syntax errors"),
            (r#"{"Statement":[]}"#, "Syntax errors"),
            (r#"{"Statement":[],"Extra":1}"#, "Syntax errors"),
            (
                r#"{"Version":"2020-01-01","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
                "valid version",
            ),
            (r#"{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#, "Syntax errors"),
            (r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#, "must contain actions"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#, "must contain resources"),
            (r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#, "Syntax errors"),
            (r#"{"Statement":{"Effect":"Allow","Action":[7],"Resource":"*"}}"#, "Syntax errors"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}}"#, "Syntax errors"),
            (r#"{"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}"#, "vendor"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"bucket"}}"#, "ARN format"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws-cn:s3:::b"}}"#, "Partition"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#, "principal"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Colour":"red"}}"#, "Syntax errors"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Sid":"a b"}}"#, "SID"),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Sounds":{"aws:username":"x"}}}}"#,
                "Condition type",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"username":"x"}}}}"#,
                "vendor",
            ),
        ];
        for (text, wanted) in cases {
            let said = complaint(PolicyKind::Session, text);
            assert!(said.contains(wanted), "{text}: {said}");
        }
        let twice = r#"{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},
                                     {"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]}"#;
        assert!(complaint(PolicyKind::Session, twice).contains("unique"));
    }

    #[test]
    fn trust_policies_name_principals_and_only_sts() {
        let no_one = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}"#;
        assert!(complaint(PolicyKind::Trust, no_one).contains("Principal"));
        let s3 = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}}"#;
        assert!(complaint(PolicyKind::Trust, s3).contains("STS"));
        let resource = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}"#;
        assert!(complaint(PolicyKind::Trust, resource).contains("prohibited"));
    }
}
