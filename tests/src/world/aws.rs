//! What there is of AWS in the world.

use aws_sim::{AccessKey, Bucket, Role, User, World};
use serde_json::{Value, json};

pub(super) fn aws() -> World {
    let allow = |action: &str| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] });
    let trust = |principal: &str, condition: Option<Value>| {
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": { "AWS": principal },
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        });
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let role = |name: &str, trust: Value| {
        Role::new(ACCOUNT, name, trust).inline_policy("all", allow("*")).max_session_duration(43_200)
    };
    let external = json!({ "StringEquals": { "sts:ExternalId": "corp-7f3a" } });
    World::new()
        .user(
            User::new(ACCOUNT, "broker")
                .inline_policy("all", allow("*"))
                .key(AccessKey::new(KEY, SECRET))
                .mfa_device(MFA_SERIAL, &MFA_CODES),
        )
        .user(User::new(ACCOUNT, "second").inline_policy("all", allow("*")).key(AccessKey::new(SECOND, SECOND_SECRET)))
        .role(role("deploy", trust(ACCOUNT, None)))
        .role(role("guarded", trust(ACCOUNT, Some(external))))
        .role(role("closed", trust(&format!("arn:aws:iam::{ACCOUNT}:user/second"), None)))
        .role(role("tried", trust(ACCOUNT, Some(json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } })))))
        .role(role("brief", trust(ACCOUNT, None)).max_session_duration(3_600))
        .managed_policy("arn:aws:iam::aws:policy/Reading", allow("s3:Get*"))
        .bucket(Bucket::new(ACCOUNT, "reports").object("monthly", "profits").object("salaries", "too much"))
}

/// The MFA device of the user `broker`.
pub const MFA_SERIAL: &str = "arn:aws:iam::111111111111:mfa/broker";
/// What it shows, each good once.
pub const MFA_CODES: [&str; 6] = ["271828", "314159", "161803", "141421", "577215", "662607"];
pub const ACCOUNT: &str = "111111111111";
pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const SECOND: &str = "AKIAI44QH8DHBEXAMPLE";
pub const SECOND_SECRET: &str = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY";
