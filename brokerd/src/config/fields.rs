//! The file as people write it; docs/configuration.md explains each key, and a test compares the two.

use std::net::SocketAddr;
use std::path::PathBuf;

use broker_core::directory::crowd::CrowdConfig;
use broker_core::directory::ldap::LdapConfig;
use broker_core::directory::local::LocalPerson;
use broker_core::file::{SecretRef, WebUrl};
use broker_core::name::{DirectoryName, WorkloadIssuerName};
use broker_core::sts::PastProxy;
use broker_core::workload::{MappingFields, Preset};
use serde::Deserialize;
use toml::Spanned;

use super::aws_clients::AwsClientsFields;
use super::limits::Count;
use super::listen::Network;
use super::master_key_ref::MasterKeyRef;
use super::seconds::Seconds;
use crate::patience;

/// The whole file. What must be there is optional here, so that its absence is told together with everything else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFields {
    pub(super) public_url: Option<WebUrl>,
    pub(super) connectors_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) admin_groups: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) operator_groups: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) auditor_groups: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) second_factor_groups: Vec<Spanned<String>>,
    #[serde(default = "yes")]
    pub(super) administrators_use_every_connector: bool,
    #[serde(default)]
    pub(super) listen: ListenFields,
    #[serde(default)]
    pub(super) limits: LimitsFields,
    #[serde(default)]
    pub(super) store: StoreFields,
    #[serde(default)]
    pub(super) audit: AuditFields,
    #[serde(default)]
    pub(super) sessions: SessionsFields,
    #[serde(default)]
    pub(super) aws: AwsFields,
    #[serde(default)]
    pub(super) aws_clients: AwsClientsFields,
    pub(super) secrets_folder: Option<PathBuf>,
    #[serde(default)]
    pub(super) log: LogFields,
    #[serde(default)]
    pub(super) operations: OperationsFields,
    #[serde(default)]
    pub(super) master_key: Vec<Spanned<MasterKeyFields>>,
    #[serde(default)]
    pub(super) directory: Vec<Spanned<DirectoryFields>>,
    #[serde(default)]
    pub(super) workload_issuer: Vec<Spanned<WorkloadIssuerFields>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListenFields {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsFields>,
    pub(super) trusted_proxies: Vec<Network>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsFields {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsFields {
    pub(super) connections: Count<1, 1_000_000>,
    pub(super) connections_per_address: Count<1, 1_000_000>,
    pub(super) requests: Count<1, 1_000_000>,
    pub(super) requests_per_address: Count<1, 1_000_000>,
    pub(super) vends_per_minute: Count<1, 1_000_000_000>,
    pub(super) token_requests_per_minute: Count<1, 1_000_000_000>,
    pub(super) head_seconds: Seconds<1, 300>,
    pub(super) body_seconds: Seconds<1, { patience::BODY.as_secs() }>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoreFields {
    pub(super) url: String,
    pub(super) password: Option<SecretRef>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditFields {
    pub(super) anchor_file: Option<PathBuf>,
    pub(super) retention_days: Option<Days>,
}

/// How long records are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Days(pub(super) u32);

impl TryFrom<u32> for Days {
    type Error = &'static str;

    fn try_from(days: u32) -> Result<Self, Self::Error> {
        if (1..=36_500).contains(&days) { Ok(Self(days)) } else { Err("write 1 to 36500 days") }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SessionsFields {
    pub(super) idle_seconds: Seconds<60, 604_800>,
    pub(super) absolute_seconds: Seconds<60, 2_592_000>,
    pub(super) recheck_seconds: Seconds<1, 300>,
    pub(super) max_per_person: Count<1, 10_000>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AwsFields {
    pub(super) retries: Retries,
    pub(super) deadline_seconds: Seconds<1, { patience::DEADLINE.as_secs() }>,
    pub(super) interactive_deadline_seconds: Seconds<1, { patience::DEADLINE.as_secs() }>,
    pub(super) connect_timeout_seconds: Seconds<1, 60>,
    pub(super) attempt_timeout_seconds: Seconds<1, 120>,
    pub(super) proxy: Option<ProxyFields>,
    pub(super) no_proxy: Vec<PastProxy>,
    pub(super) endpoint_url: Option<WebUrl>,
    pub(super) iam_endpoint_url: Option<WebUrl>,
    pub(super) federation_url: Option<WebUrl>,
    pub(super) ecr_endpoint_url: Option<WebUrl>,
    pub(super) codeartifact_endpoint_url: Option<WebUrl>,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProxyFields {
    pub(super) url: String,
    #[serde(default)]
    pub(super) username: Option<String>,
    #[serde(default)]
    pub(super) password: Option<SecretRef>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LogFields {
    pub(super) format: LogFormat,
    pub(super) level: Level,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OperationsFields {
    pub(super) address: Option<SocketAddr>,
    pub(super) token: Option<SecretRef>,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// From which weight on something is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MasterKeyFields {
    pub(super) id: String,
    #[serde(default)]
    pub(super) seals: bool,
    pub(super) source: MasterKeyRef,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DirectoryFields {
    pub(super) name: DirectoryName,
    #[serde(default)]
    pub(super) may_grant_admin: bool,
    pub(super) backend: BackendFields,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadIssuerFields {
    pub(super) name: WorkloadIssuerName,
    pub(super) issuer: Preset,
    pub(super) audience: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) jwks_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) private_network: bool,
    #[serde(default)]
    pub(super) mapping: Vec<MappingFields>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BackendFields {
    Local(LocalFields),
    Ldap(Box<LdapConfig<SecretRef>>),
    Crowd(Box<CrowdConfig<SecretRef>>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocalFields {
    #[serde(default)]
    pub(super) people: Vec<LocalPerson>,
    #[serde(default)]
    pub(super) people_file: Option<PathBuf>,
}

/// The file that `people_file` names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleFields {
    #[serde(default)]
    pub(super) person: Vec<LocalPerson>,
}

/// Further attempts after the first.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Retries(pub(super) u32);

impl TryFrom<u32> for Retries {
    type Error = &'static str;

    fn try_from(retries: u32) -> Result<Self, Self::Error> {
        if retries <= 20 { Ok(Self(retries)) } else { Err("at most 20 retries") }
    }
}

impl Default for ListenFields {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8080)), tls: None, trusted_proxies: Vec::new() }
    }
}

impl Default for LimitsFields {
    fn default() -> Self {
        Self {
            connections: const { Count::new(4_096) },
            connections_per_address: const { Count::new(256) },
            requests: const { Count::new(1_024) },
            requests_per_address: const { Count::new(256) },
            vends_per_minute: const { Count::new(6_000) },
            token_requests_per_minute: const { Count::new(3_000) },
            head_seconds: const { Seconds::new(10) },
            body_seconds: const { Seconds::new(20) },
        }
    }
}

impl Default for StoreFields {
    fn default() -> Self {
        Self { url: "sqlite:brokerd.db".to_owned(), password: None }
    }
}

impl Default for SessionsFields {
    fn default() -> Self {
        Self {
            idle_seconds: const { Seconds::new(28_800) },
            absolute_seconds: const { Seconds::new(86_400) },
            recheck_seconds: const { Seconds::new(300) },
            max_per_person: const { Count::new(100) },
        }
    }
}

impl Default for AwsFields {
    fn default() -> Self {
        Self {
            retries: Retries(7),
            deadline_seconds: const { Seconds::new(60) },
            interactive_deadline_seconds: const { Seconds::new(20) },
            connect_timeout_seconds: const { Seconds::new(3) },
            attempt_timeout_seconds: const { Seconds::new(10) },
            proxy: None,
            no_proxy: Vec::new(),
            endpoint_url: None,
            iam_endpoint_url: None,
            federation_url: None,
            ecr_endpoint_url: None,
            codeartifact_endpoint_url: None,
            ca_file: None,
        }
    }
}

impl Default for LogFields {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: Level::Info }
    }
}

fn yes() -> bool {
    true
}
