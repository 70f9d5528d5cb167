//! A named way to AWS: which key, acting as whom, with what limits, for which groups.

mod fields;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::fields::{ConnectorFields, MAX_DESCRIPTION, MAX_GROUPS, ReuseFields};
use crate::arn::AccountId;
use crate::destination::{Destination, DestinationError};
use crate::id::ConnectorId;
use crate::mfa::MfaSerial;
use crate::name::{AccessKeyName, ConnectorName, Group};
use crate::partition::Partition;
use crate::principal::{Principal, PrincipalError};

/// A connector in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    pub id: ConnectorId,
    pub name: ConnectorName,
    /// Counts every change, so that nothing vended by an earlier one is given again.
    pub revision: i64,
    pub managed_by: ManagedBy,
    pub spec: ConnectorSpec,
}

/// Who may change something: the connectors file, or the API and the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManagedBy {
    File,
    Api,
}

/// What an administrator says of a connector. Only legal ones exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ConnectorFields", into = "ConnectorFields")]
pub struct ConnectorSpec {
    description: String,
    access_key: AccessKeyName,
    audience: Audience,
    reuse: Reuse,
    require_reason: bool,
    require_second_factor: bool,
    registry_passwords: bool,
    console: Option<Destination>,
    principal: Principal,
}

/// Who may use a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// People in one of these groups, and administrators.
    People(BTreeSet<Group>),
    /// Service tokens that name it; never people.
    System,
}

/// `user` or `system`, as the API and the file call it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    User,
    System,
}

/// Whether the same caller, asking the very same again, gets credentials that still have life left.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ReuseFields", into = "ReuseFields")]
pub enum Reuse {
    Off,
    /// The share of their life, from over 0 to 1, that must be left.
    MinimumShare(f64),
}

/// A combination that would not do what its writer meant.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConnectorError {
    #[error("a system connector is for service tokens: take `groups` away")]
    GroupsOfSystem,
    #[error("a system connector has no console: take `console` away")]
    ConsoleOfSystem,
    #[error("a system connector is for jobs, which have no second factor: take `require_second_factor` away")]
    SecondFactorOfSystem,
    #[error("a system connector is for jobs, which nobody reads a code off a device for: take `mfa_serial` away")]
    MfaOfSystem,
    #[error("AWS's console takes no session tokens: take `console` away")]
    ConsoleOfSessionToken,
    #[error("a description has at most {MAX_DESCRIPTION} characters and no control characters")]
    Description,
    #[error("at most {MAX_GROUPS} groups")]
    TooManyGroups,
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error("reuse is \"off\" or {{ minimum_share = 0.5 }}, over 0 and at most 1")]
    Reuse,
    #[error(transparent)]
    Principal(#[from] PrincipalError),
}

impl ConnectorSpec {
    pub fn description(&self) -> &str {
        &self.description
    }

    pub fn access_key(&self) -> &AccessKeyName {
        &self.access_key
    }

    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    pub fn scope(&self) -> Scope {
        match self.audience {
            Audience::People(_) => Scope::User,
            Audience::System => Scope::System,
        }
    }

    pub fn reuse(&self) -> Reuse {
        // AWS takes a code of an MFA device once, and what came of it is for one asking alone.
        if self.mfa_serial().is_some() { Reuse::Off } else { self.reuse }
    }

    /// Whether whoever asks must say why.
    pub fn require_reason(&self) -> bool {
        self.require_reason
    }

    /// Whether whoever asks must have shown a second factor beside their password.
    pub fn require_second_factor(&self) -> bool {
        self.require_second_factor
    }

    /// Whether AWS is asked for passwords of its registries. Whoever holds credentials can ask AWS without us, so this is a boundary only
    /// for those whose rights do not have it.
    pub fn gives_registry_passwords(&self) -> bool {
        self.registry_passwords
    }

    /// The MFA device whose code whoever asks must give each time, for AWS. What came of one is never given again.
    pub fn mfa_serial(&self) -> Option<&MfaSerial> {
        self.principal.mfa_serial()
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Where a console link leads when nobody says.
    pub fn console_destination(&self) -> Option<&Destination> {
        self.console.as_ref()
    }

    /// Whether a console link can be made at all. Whoever holds credentials can make one without us, so this is no boundary;
    /// AWS's console takes no session tokens, and jobs have no browser.
    pub fn has_console(&self) -> bool {
        match (&self.audience, &self.principal) {
            (Audience::System, _) | (_, Principal::SessionToken(_)) => false,
            (Audience::People(_), Principal::AssumeRole(_) | Principal::FederatedUser(_)) => true,
        }
    }

    /// The partition of its ARNs or its console, where it names any.
    pub fn partition(&self) -> Option<Partition> {
        self.principal.partition().or_else(|| self.console.as_ref().map(Destination::partition))
    }

    pub fn account(&self) -> Option<AccountId> {
        self.principal.account()
    }
}

impl Default for Reuse {
    fn default() -> Self {
        Self::MinimumShare(0.5)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(change: impl FnOnce(&mut Value)) -> Result<ConnectorSpec, String> {
        let mut fields = json!({
            "access_key": "main", "groups": ["corp/release"],
            "principal": { "assume_role": { "role_arn": "arn:aws:iam::123456789012:role/deploy" } },
        });
        change(&mut fields);
        serde_json::from_value(fields).map_err(|error| error.to_string())
    }

    #[test]
    fn a_system_connector_has_neither_groups_nor_a_console() {
        assert!(spec(|c| c["scope"] = json!("system")).unwrap_err().contains("take `groups` away"));
        let with_console = spec(|c| {
            *c = json!({ "access_key": "main", "scope": "system", "principal": { "session_token": {} } });
            c["console"] = json!({ "destination": "https://console.aws.amazon.com/" });
        });
        assert!(with_console.unwrap_err().contains("console"));
        let with_factor = spec(|c| {
            *c = json!({ "access_key": "main", "scope": "system", "principal": { "session_token": {} } });
            c["require_second_factor"] = json!(true);
        });
        assert!(with_factor.unwrap_err().contains("take `require_second_factor` away"));
        let with_device = spec(|c| {
            let token = json!({ "mfa_serial": "GAHT12345678" });
            *c = json!({ "access_key": "main", "scope": "system", "principal": { "session_token": token } });
        });
        assert!(with_device.unwrap_err().contains("take `mfa_serial` away"));
    }

    #[test]
    fn a_console_on_a_session_token_cannot_be_written_down() {
        let refusal = spec(|c| {
            c["principal"] = json!({ "session_token": {} });
            c["console"] = json!({ "destination": "https://console.aws.amazon.com/" });
        });
        assert!(refusal.unwrap_err().contains("takes no session tokens"));
    }

    #[test]
    fn the_console_is_of_the_roles_partition() {
        let console = |url: &str| spec(|c| c["console"] = json!({ "destination": url }));
        assert!(console("https://eu-central-1.console.aws.amazon.com/ecs").is_ok());
        assert!(console("https://console.amazonaws.cn/").is_err());
        assert!(console("https://evil.example/").is_err());
    }

    #[test]
    fn a_description_is_what_one_reads() {
        let described = |text: &str| spec(|fields| fields["description"] = json!(text));
        assert_eq!(described("Deploys, and more").unwrap().description(), "Deploys, and more");
        for unfit in ["\u{202e}syolpeD", "Deploys\u{200b}", "two\nlines", &"x".repeat(501)] {
            assert_eq!(described(unfit).unwrap_err(), ConnectorError::Description.to_string(), "{unfit:?}");
        }
    }

    #[test]
    fn reuse_is_off_or_a_share() {
        assert_eq!(spec(|_| ()).unwrap().reuse(), Reuse::MinimumShare(0.5));
        assert_eq!(spec(|c| c["reuse"] = json!("off")).unwrap().reuse(), Reuse::Off);
        assert_eq!(spec(|c| c["reuse"] = json!({ "minimum_share": 1 })).unwrap().reuse(), Reuse::MinimumShare(1.0));
        for bad in [json!("on"), json!({ "minimum_share": 0 }), json!({ "minimum_share": 1.1 }), json!(0.5)] {
            assert!(spec(|c| c["reuse"] = bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_groups_means_administrators_only_and_is_legal() {
        let nobody = spec(|c| c["groups"] = json!([])).unwrap();
        assert_eq!(nobody.audience(), &Audience::People(BTreeSet::new()));
        assert!(spec(|c| c["groups"] = json!(["release"])).unwrap_err().contains("DIRECTORY/GROUP"));
    }

    #[test]
    fn no_reason_is_required_unless_it_says_so() {
        assert!(!spec(|_| ()).unwrap().require_reason());
        assert!(spec(|c| c["require_reason"] = json!(true)).unwrap().require_reason());
        assert!(spec(|c| c["require_reason"] = json!("yes")).is_err());
    }

    #[test]
    fn what_is_not_said_is_not_stored_so_that_the_release_before_reads_it() {
        let written = serde_json::to_value(spec(|_| ()).unwrap()).unwrap();
        assert!(written.get("require_second_factor").is_none(), "{written}");
        assert!(written.get("require_reason").is_none() && written.get("registry_passwords").is_none(), "{written}");
        assert!(spec(|_| ()).unwrap().gives_registry_passwords());
        assert!(!spec(|c| c["registry_passwords"] = json!(false)).unwrap().gives_registry_passwords());
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let spec = spec(|c| {
            c["reuse"] = json!("off");
            c["registry_passwords"] = json!(false);
            c["require_reason"] = json!(true);
            c["require_second_factor"] = json!(true);
        })
        .unwrap();
        let again: ConnectorSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }
}
