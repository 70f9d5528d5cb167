//! Session policies: one inline, and up to ten managed ones, which together say what a session may do at most.

use std::sync::Arc;

use super::fields::{ARN, Check, POLICY};
use crate::params::Params;
use crate::policy::{Policy, PolicyKind};
use crate::refusal::Refusal;
use crate::world::Snapshot;

/// `Policy` and `PolicyArns` as they came.
#[derive(Debug)]
pub(crate) struct PolicyRequest {
    inline: Option<String>,
    arns: Vec<String>,
}

/// Session policies that are ready to be asked.
#[derive(Debug)]
pub(crate) struct SessionPolicies {
    policies: Vec<Arc<Policy>>,
    size: usize,
}

impl PolicyRequest {
    pub(crate) fn read(params: &mut Params, check: &mut Check) -> Self {
        let inline = check.optional("policy", params.take("Policy"), POLICY);
        let arns = params.take_list("PolicyArns", ".arn");
        check.at_most("policyArns", arns.len(), MAX_ARNS);
        let arns = arns
            .into_iter()
            .enumerate()
            .map(|(n, arn)| check.required(&format!("policyArns.{}.member.arn", n + 1), Some(arn), ARN))
            .collect();
        Self { inline, arns }
    }

    /// Parses the inline policy and finds the managed ones, which must be of `account` or AWS's own.
    pub(crate) fn settle(self, world: &Snapshot, account: &str) -> Result<SessionPolicies, Refusal> {
        let partition = world.partition.as_str();
        let mut policies = Vec::new();
        let mut size = 0;
        if let Some(text) = self.inline {
            let policy = Policy::parse(&text, PolicyKind::Session, partition).map_err(Refusal::malformed_policy)?;
            size += policy.compact_length();
            policies.push(Arc::new(policy));
        }
        for arn in self.arns {
            let owned =
                [account, "aws"].iter().any(|owner| arn.starts_with(&format!("arn:{partition}:iam::{owner}:policy/")));
            if !owned {
                return Err(Refusal::validation(format!("The policy {arn} is not in the same account.")));
            }
            let policy = world
                .managed_policies
                .get(&arn)
                .ok_or_else(|| Refusal::validation(format!("Policy {arn} does not exist or is not attachable.")))?;
            size += arn.len();
            policies.push(policy.clone());
        }
        Ok(SessionPolicies { policies, size })
    }
}

impl SessionPolicies {
    pub(crate) fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Bytes that they take of the packed size.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn into_vec(self) -> Vec<Arc<Policy>> {
        self.policies
    }
}

const MAX_ARNS: usize = 10;
