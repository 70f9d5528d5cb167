//! Signing in and out: `/v1/sessions` and `/v1/session`.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/sessions`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "username": "ada", "password": "correct horse battery staple" }))]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    pub username: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    /// Of whoever has a second factor: the six digits of their authenticator, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::secret::expose_some")]
    #[schema(value_type = Option<String>, format = Password)]
    pub otp: Option<SecretString>,
    /// Restricts the search to one directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

/// `POST /v1/session/password`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "current_password": "correct horse battery", "new_password": "four other long words" }))]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub current_password: SecretString,
    /// 12 characters at least.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub new_password: SecretString,
}

/// The answer to a sign-in. The token is shown here and nowhere else.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub token: SecretString,
    pub expires_at: Timestamp,
    pub identity: Identity,
}

/// `GET /v1/session`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    pub identity: Identity,
    pub expires_at: Timestamp,
    /// What was shown in this session beside the password; absent, where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<ShownFactor>,
}

/// A second factor that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownFactor {
    pub by: FactorUsed,
    pub at: Timestamp,
}

/// What was shown beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorUsed {
    /// A code of an authenticator.
    Totp,
    Passkey,
    RecoveryCode,
    /// A word of a later release, to a client of this one. Never sent.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// `POST /v1/session/second-factor`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "otp": "123456" }))]
#[serde(deny_unknown_fields)]
pub struct SecondFactorRequest {
    /// The six digits of an authenticator, or a recovery code.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub otp: SecretString,
}

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    pub kind: IdentityKind,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// `DIRECTORY/GROUP`, sorted.
    pub groups: Vec<String>,
    /// Whether the role is the administrator's.
    pub admin: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AdminRole>,
}

/// What somebody may do to the installation itself; each may what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdminRole {
    Auditor,
    Operator,
    Administrator,
}

/// People sign in; workloads have a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    Person,
    Workload,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reads_who_is_signed_in_by_a_factor_that_its_release_does_not_know() {
        let told = |by: &str| {
            let identity = r#"{"kind":"person","name":"ada","groups":[],"admin":false}"#;
            let factor = format!(r#"{{"by":"{by}","at":"2026-01-02T03:04:05Z"}}"#);
            let text =
                format!(r#"{{"identity":{identity},"expires_at":"2026-01-02T04:04:05Z","second_factor":{factor}}}"#);
            serde_json::from_str::<Session>(&text).map(|session| session.second_factor.map(|shown| shown.by))
        };
        for (word, by) in [
            ("totp", FactorUsed::Totp),
            ("passkey", FactorUsed::Passkey),
            ("recovery_code", FactorUsed::RecoveryCode),
            ("a_ring_on_ones_finger", FactorUsed::Unknown),
            ("unknown", FactorUsed::Unknown),
        ] {
            assert_eq!(told(word).unwrap(), Some(by), "{word}");
        }
        assert!(serde_json::to_string(&FactorUsed::Unknown).is_err(), "nobody sends it");
        let documented = serde_json::to_value(<FactorUsed as utoipa::PartialSchema>::schema()).unwrap();
        assert_eq!(documented["enum"], serde_json::json!(["totp", "passkey", "recovery_code"]));
    }
}
