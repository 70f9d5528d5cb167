//! `/v1/account`: what people change about their own second factors.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/account/second-factors`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactors {
    pub items: Vec<SecondFactor>,
    /// Rows under one's name that do not prove to be the broker's own: they are out of service, and a second factor is asked for all the same.
    pub damaged: u32,
    pub recovery_codes_left: u32,
    /// Whether one of one's groups may do nothing without a second factor.
    pub required: bool,
}

/// Something that one has enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactor {
    pub id: String,
    pub kind: FactorKind,
    pub label: String,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// An authenticator that shows a code of the moment (RFC 6238).
    Totp,
    /// A passkey (Web Authentication), which a browser alone shows.
    Passkey,
}

/// `POST /v1/account/enrolments`: an authenticator that is to be enrolled. It counts once a code of it has come back, within a quarter of an hour.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Enrolment {
    /// To be sent back with the first code.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub enrolment: SecretString,
    /// What is typed into an authenticator that has no camera, in base32.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub secret: SecretString,
    /// The same for a camera, as a QR code has it (`otpauth`).
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub uri: SecretString,
}

/// `POST /v1/account/second-factors`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSecondFactor {
    /// As it was given when the enrolment began.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub enrolment: SecretString,
    /// What the authenticator shows now.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub otp: SecretString,
    /// What one calls it: 1 to 64 characters.
    pub label: String,
}

/// The answer to that.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AddedSecondFactor {
    pub second_factor: SecondFactor,
    /// With the first second factor, and shown here alone: each is good once, for when all else is lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "crate::secret::expose_each")]
    #[schema(value_type = Vec<String>)]
    pub recovery_codes: Vec<SecretString>,
}

/// `PUT /v1/account/second-factors/{id}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameSecondFactor {
    /// 1 to 64 characters.
    pub label: String,
}

/// `POST /v1/account/recovery-codes`: new ones, in the place of all before. Shown here alone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    #[serde(serialize_with = "crate::secret::expose_each")]
    #[schema(value_type = Vec<String>)]
    pub recovery_codes: Vec<SecretString>,
}
