//! The policy that ends a role's sessions: the one that AWS's own console puts on a role, under the same name, so that both tools agree:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html>

use jiff::{SignedDuration, Timestamp};

use crate::iam::Told;

/// The second after the one that AWS's clock was in: whatever it had issued until then, it had issued before this.
pub(super) fn moment_after<T>(told: &Told<T>) -> Timestamp {
    told.at.saturating_add(SignedDuration::from_secs(1)).unwrap_or(told.at)
}

/// To the letter as AWS's console writes it.
pub(super) fn document(issued_before: Timestamp) -> String {
    denying_before(&issued_before.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string())
}

/// The same with this text for the moment.
pub(super) fn denying_before(moment: &str) -> String {
    format!(
        r#"{{
    "Version": "2012-10-17",
    "Statement": [
        {{
            "Effect": "Deny",
            "Action": [
                "*"
            ],
            "Resource": [
                "*"
            ],
            "Condition": {{
                "DateLessThan": {{
                    "aws:TokenIssueTime": "{moment}"
                }}
            }}
        }}
    ]
}}"#
    )
}

/// AWS's own name for it.
pub const POLICY_NAME: &str = "AWSRevokeOlderSessions";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_moment_is_after_all_that_was_issued_in_the_second_that_aws_told() {
        let told = Told { value: (), at: "2026-01-31T12:00:59Z".parse().unwrap(), request_id: None };
        let policy: Value = serde_json::from_str(&document(moment_after(&told))).unwrap();
        let condition = &policy["Statement"][0]["Condition"];
        assert_eq!(condition, &json!({ "DateLessThan": { "aws:TokenIssueTime": "2026-01-31T12:01:00.000Z" } }));
        assert_eq!(policy["Statement"][0]["Effect"], "Deny");
    }
}
