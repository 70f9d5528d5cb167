//! Errors as clients meet them: RFC 9457, with a code that stays.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `application/problem+json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `/problems/{code}`: a page that says what to do.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: String,
    pub request_id: String,
    /// What AWS said, where AWS refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsRefusal>,
    /// With `invalid_request`: the field that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// With `invalid_policy`: where, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// With `duration_out_of_range`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_seconds: Option<u32>,
}

/// The same for AWS's clients that fetch container credentials: each of them shows its user another one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerProblem {
    #[serde(flatten)]
    pub problem: Problem,
    /// What happened, what to do, and the request's id.
    pub message: String,
    #[serde(rename = "Code")]
    pub upper_code: String,
    #[serde(rename = "Message")]
    pub upper_message: String,
}

/// AWS's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AwsRefusal {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
