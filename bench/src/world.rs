//! What both sides must agree on: the one account, key and role, the people, and what a vend asks of AWS.

use aws_sim::{AccessKey, Role, User, World};
use serde_json::{Value, json};

/// An account with a key, and a role that it may enter.
pub(crate) fn world() -> World {
    let key = AccessKey::new(KEY_ID, KEY_SECRET);
    let rights = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Resource": "*" },
    ] });
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/{USER}") },
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": { "StringEquals": { "sts:ExternalId": EXTERNAL_ID } },
    }] });
    let everything =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    World::new()
        .user(User::new(ACCOUNT, USER).inline_policy("broker", rights).key(key))
        .role(Role::new(ACCOUNT, ROLE, trust).inline_policy("everything", everything))
}

/// A person's name, as in sessions at AWS.
pub(crate) fn person(number: u32) -> String {
    format!("person-{number:04}")
}

/// The principal of every connector, as the connectors file and the store write it.
pub(crate) fn principal() -> Value {
    json!({ "assume_role": {
        "role_arn": role_arn(),
        "external_id": EXTERNAL_ID,
        "policy": policy(),
        "session_name": "{username}",
        "source_identity": "{username}",
        "tags": { "team": { "value": "payments" }, "user": { "from": "username" } },
    } })
}

pub(crate) fn role_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}")
}

/// The session policy that cuts the role down.
pub(crate) fn policy() -> String {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::corp-reports", "arn:aws:s3:::corp-reports/*"],
    }] })
    .to_string()
}

pub(crate) const ACTION: &str = "AssumeRole";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const KEY_ID: &str = "AKIABENCHMARKEXAMPLE";
/// Opens nothing but the stand-in of one run.
pub(crate) const KEY_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const EXTERNAL_ID: &str = "corp-7f3a";
/// AWS's default, and brokerd's.
pub(crate) const SECONDS: u32 = 3_600;
/// The person who is in a thousand groups.
pub(crate) const MANY: &str = "many-groups";
pub(crate) const ACCOUNT: &str = "123456789012";
const USER: &str = "broker";
const ROLE: &str = "bench";
