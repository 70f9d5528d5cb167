//! What the arguments of `key add` and `key replace` say of a key.

use std::collections::BTreeSet;

use anyhow::Context;
use broker_core::access_key::{AwsKeyId, Serves};
use broker_core::arn::RoleArn;
use broker_core::name::{AccessKeyName, ConnectorName};
use broker_core::partition::Region;
use broker_core::principal::PrincipalType;
use clap::{Args, ValueEnum};

/// Which connectors may use the key. Without any of these: all, or as before.
#[derive(Debug, Args)]
pub(super) struct ServesArguments {
    /// Only connectors of this type; may be repeated
    #[arg(long = "serves-principal", value_name = "TYPE")]
    principals: Vec<PrincipalArgument>,
    /// Only this role, of connectors that assume one; may be repeated
    #[arg(long = "serves-role", value_name = "ARN", value_parser = role_arn)]
    role_arns: Vec<RoleArn>,
    /// Only this connector; may be repeated
    #[arg(long = "serves-connector", value_name = "NAME", value_parser = connector_name)]
    connectors: Vec<ConnectorName>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum PrincipalArgument {
    FederatedUser,
    AssumeRole,
    SessionToken,
}

impl ServesArguments {
    /// How they are called among the arguments, for what makes no sense beside them.
    pub(super) const NAMES: [&str; 3] = ["principals", "role_arns", "connectors"];

    /// The restrictions, where any was given.
    pub(super) fn given(self) -> Option<Serves> {
        let serves = Serves {
            principals: self.principals.into_iter().map(PrincipalArgument::principal_type).collect(),
            role_arns: self.role_arns,
            connectors: BTreeSet::from_iter(self.connectors),
        };
        (serves != Serves::default()).then_some(serves)
    }
}

impl PrincipalArgument {
    fn principal_type(self) -> PrincipalType {
        match self {
            Self::FederatedUser => PrincipalType::FederatedUser,
            Self::AssumeRole => PrincipalType::AssumeRole,
            Self::SessionToken => PrincipalType::SessionToken,
        }
    }
}

/// Read here and not by the parser of arguments, which would repeat what it refuses: people mix up the id and the secret.
pub(super) fn aws_key_id(text: String) -> anyhow::Result<AwsKeyId> {
    AwsKeyId::try_from(text).context("--access-key-id is not one")
}

pub(in crate::cli) fn key_name(text: &str) -> Result<AccessKeyName, String> {
    AccessKeyName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(in crate::cli) fn connector_name(text: &str) -> Result<ConnectorName, String> {
    ConnectorName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn region(text: &str) -> Result<Region, String> {
    Region::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(in crate::cli) fn role_arn(text: &str) -> Result<RoleArn, String> {
    RoleArn::try_from(text.to_owned()).map_err(|error| error.to_string())
}
