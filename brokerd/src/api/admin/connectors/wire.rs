//! Between a connector on the wire and a legal one: the same rules as for the connectors file, and the wrong field named.

use broker_api::admin::{self, AdminConnector};
use broker_core::access_key::CannotServe;
use broker_core::administration::ConnectorChangeError;
use broker_core::catalog::not_told_apart;
use broker_core::connector::{Connector, ConnectorSpec, ManagedBy};
use broker_core::file::group;
use broker_core::name::DirectoryName;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::admin::etag::ETag;
use crate::api::policy::{parse_policy, written};
use crate::body::named;
use crate::problem::{Code, Problem};

pub(super) fn shown(connector: &Connector) -> Result<AdminConnector, Problem> {
    let broken = |error: serde_json::Error| Problem::new(Code::Internal, format!("it cannot be shown: {error}"));
    let spec = serde_json::to_value(&connector.spec).map_err(broken)?;
    let mut shown: AdminConnector = serde_json::from_value(spec).map_err(broken)?;
    if let (Some(shown), Some(policy)) = (shown.principal.policy_mut(), connector.spec.principal().policy()) {
        *shown = Some(RawValue::from_string(policy.as_str().to_owned()).map_err(broken)?);
    }
    let managed_by = match connector.managed_by {
        ManagedBy::File => admin::ManagedBy::File,
        ManagedBy::Api => admin::ManagedBy::Api,
    };
    Ok(AdminConnector {
        name: Some(connector.name.to_string()),
        managed_by: Some(managed_by),
        warnings: connector.spec.principal().warnings(),
        etag: Some(tag_of(connector).to_text()),
        ..shown
    })
}

/// Which version of a connector this is.
pub(super) fn tag_of(connector: &Connector) -> ETag {
    ETag::of(connector.id, connector.revision)
}

/// What the connector would be; its name is for others to look at.
pub(super) fn spec(mut asked: AdminConnector, directories: &[DirectoryName]) -> Result<ConnectorSpec, Problem> {
    asked.name = None;
    asked.warnings.clear();
    asked.etag = None;
    if asked.managed_by.take() == Some(admin::ManagedBy::File) {
        return Err(Problem::field("managed_by", "what is made here is managed by the API: leave it out"));
    }
    for (number, text) in (0_usize..).zip(asked.groups.iter_mut().flatten()) {
        let group = group(text, directories);
        *text = group.map_err(|error| Problem::field(&format!("groups[{number}]"), error.to_string()))?.to_string();
    }
    // As text from here on; an error in it names its own line and column.
    if let Some(policy) = asked.principal.policy_mut() {
        let parsed = policy.as_deref().map(parse_policy).transpose()?.flatten();
        let text = parsed.map(|policy| serde_json::value::to_raw_value(policy.as_str()));
        *policy = text.transpose().map_err(|error| Problem::field("policy", error.to_string()))?;
    }
    let value = serde_json::to_value(&asked).map_err(|error| Problem::new(Code::InvalidRequest, error.to_string()))?;
    let spec = read(value)?;
    if let Some(refused) = not_told_apart(&spec, directories).first() {
        let kind = spec.principal().kind().as_str();
        return Err(Problem::field(&format!("principal.{kind}.{}", refused.key()), refused.to_string()));
    }
    Ok(spec)
}

/// The policy's text as it came.
pub(super) fn written_policy(asked: &mut AdminConnector) -> Option<String> {
    asked.principal.policy_mut()?.as_deref().and_then(written)
}

/// Why a connector is not taken, with places in what was written.
pub(super) fn refused(error: ConnectorChangeError, written: Option<&str>) -> Problem {
    match (error, written) {
        (ConnectorChangeError::CannotServe(CannotServe::Policy(error)), Some(text)) => error.as_written(text).into(),
        (error, _) => error.into(),
    }
}

fn read(value: Value) -> Result<ConnectorSpec, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        let field = named(&message).map(str::to_owned).or_else(|| (path != ".").then_some(path));
        match field {
            Some(field) => Problem::field(&field, message),
            None => Problem::new(Code::InvalidRequest, message),
        }
    })
}
