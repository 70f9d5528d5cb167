//! One STS request with everything filled in: what is sent, and what makes two requests the very same.

use crate::arn::{PolicyArn, RoleArn};
use crate::mfa::{MfaCode, MfaSerial};
use crate::policy::SessionPolicy;
use crate::principal::ExternalId;
use crate::session_name::SessionName;
use crate::tag::{TagKey, TagValue};
use crate::vault::digest;

/// A rendered request.
#[derive(Clone, Debug, PartialEq)]
pub enum StsRequest {
    FederatedUser(UserRequest),
    AssumeRole(RoleRequest),
    SessionToken(TokenRequest),
}

/// GetFederationToken.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRequest {
    pub name: SessionName,
    pub duration_seconds: u32,
    pub policy: Option<SessionPolicy>,
    pub policy_arns: Vec<PolicyArn>,
    pub tags: Vec<(TagKey, TagValue)>,
}

/// AssumeRole.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleRequest {
    pub role_arn: RoleArn,
    pub session_name: SessionName,
    pub duration_seconds: u32,
    pub external_id: Option<ExternalId>,
    pub mfa: Option<MfaShown>,
    pub policy: Option<SessionPolicy>,
    pub policy_arns: Vec<PolicyArn>,
    pub source_identity: Option<SessionName>,
    pub tags: Vec<(TagKey, TagValue)>,
    pub transitive_tag_keys: Vec<TagKey>,
}

/// GetSessionToken.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRequest {
    pub duration_seconds: u32,
    pub mfa: Option<MfaShown>,
}

/// A device, and what it shows: AWS takes each code once, so that such a request is good for one asking.
#[derive(Clone, Debug, PartialEq)]
pub struct MfaShown {
    pub serial: MfaSerial,
    pub code: MfaCode,
}

impl StsRequest {
    /// AWS's name of the call.
    pub fn action(&self) -> &'static str {
        match self {
            Self::FederatedUser(_) => "GetFederationToken",
            Self::AssumeRole(_) => "AssumeRole",
            Self::SessionToken(_) => "GetSessionToken",
        }
    }

    pub fn duration_seconds(&self) -> u32 {
        match self {
            Self::FederatedUser(user) => user.duration_seconds,
            Self::AssumeRole(role) => role.duration_seconds,
            Self::SessionToken(token) => token.duration_seconds,
        }
    }

    /// The device and the code that are shown to AWS, where the connector wants them.
    pub fn mfa(&self) -> Option<&MfaShown> {
        match self {
            Self::FederatedUser(_) => None,
            Self::AssumeRole(role) => role.mfa.as_ref(),
            Self::SessionToken(token) => token.mfa.as_ref(),
        }
    }

    /// A hash of all that is sent, but for the code of an MFA device.
    pub fn digest(&self) -> [u8; 32] {
        let (kind, duration) = match self {
            Self::FederatedUser(user) => ("GetFederationToken", user.duration_seconds),
            Self::AssumeRole(role) => ("AssumeRole", role.duration_seconds),
            Self::SessionToken(token) => ("GetSessionToken", token.duration_seconds),
        };
        let mut parts: Vec<String> = vec![kind.to_owned(), duration.to_string()];
        match self {
            Self::FederatedUser(user) => {
                parts.push(user.name.as_str().to_owned());
                push_policies(&mut parts, user.policy.as_ref(), &user.policy_arns);
                push_tags(&mut parts, &user.tags);
            }
            Self::AssumeRole(role) => {
                parts.extend([role.role_arn.as_str().to_owned(), role.session_name.as_str().to_owned()]);
                push_optional(&mut parts, role.external_id.as_ref().map(ExternalId::as_str));
                push_optional(&mut parts, role.source_identity.as_ref().map(SessionName::as_str));
                push_policies(&mut parts, role.policy.as_ref(), &role.policy_arns);
                push_tags(&mut parts, &role.tags);
                push_list(&mut parts, role.transitive_tag_keys.iter().map(TagKey::as_str));
            }
            Self::SessionToken(_) => {}
        }
        push_optional(&mut parts, self.mfa().map(|shown| shown.serial.as_str()));
        digest(&parts.iter().map(String::as_bytes).collect::<Vec<_>>())
    }
}

fn push_policies(parts: &mut Vec<String>, policy: Option<&SessionPolicy>, arns: &[PolicyArn]) {
    push_optional(parts, policy.map(SessionPolicy::as_str));
    push_list(parts, arns.iter().map(PolicyArn::as_str));
}

fn push_tags(parts: &mut Vec<String>, tags: &[(TagKey, TagValue)]) {
    push_list(parts, tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]));
}

fn push_optional(parts: &mut Vec<String>, part: Option<&str>) {
    push_list(parts, part.into_iter());
}

/// The count first, so that one list's end cannot pass for the next one's beginning.
fn push_list<'a>(parts: &mut Vec<String>, list: impl Iterator<Item = &'a str>) {
    let list: Vec<&str> = list.collect();
    parts.push(list.len().to_string());
    parts.extend(list.into_iter().map(str::to_owned));
}
