//! Connectors that somebody may use, as the broker lists them.

use broker_api::{PrincipalType, Scope};
use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use serde::Serialize;

use crate::lent::{AccountId, Arn};
use crate::name::ConnectorName;
use crate::text::Text;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) id: Text,
    pub(crate) name: ConnectorName,
    pub(crate) description: Text,
    pub(crate) principal: PrincipalType,
    pub(crate) account_id: Option<AccountId>,
    pub(crate) role_arn: Option<Arn>,
    pub(crate) partition: Text,
    pub(crate) scope: Scope,
    pub(crate) max_duration_seconds: u32,
    pub(crate) default_duration_seconds: u32,
    pub(crate) console: bool,
    pub(crate) require_reason: bool,
    pub(crate) require_second_factor: bool,
    pub(crate) mfa_serial: Option<Text>,
}

impl TryFrom<broker_api::Connector> for Listed {
    type Error = &'static str;

    fn try_from(told: broker_api::Connector) -> Result<Self, Self::Error> {
        Ok(Self {
            id: Text::of(&told.id),
            name: told.name.parse().map_err(|_| "name")?,
            description: Text::of(&told.description),
            principal: told.principal,
            account_id: told.account_id.map(AccountId::parse).transpose()?,
            role_arn: told.role_arn.map(Arn::parse).transpose()?,
            partition: Text::of(&told.partition),
            scope: told.scope,
            max_duration_seconds: told.max_duration_seconds,
            default_duration_seconds: told.default_duration_seconds,
            console: told.console,
            require_reason: told.require_reason,
            require_second_factor: told.require_second_factor,
            mfa_serial: told.mfa_serial.as_deref().map(Text::of),
        })
    }
}

/// Those that a few letters fit, the best first; without letters, all by name.
pub(crate) fn matching(mut listed: Vec<Listed>, letters: Option<&str>) -> Vec<Listed> {
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    let Some(letters) = letters else { return listed };
    let matcher = Matcher::default();
    let mut scored: Vec<_> = listed.into_iter().filter_map(|one| Some((matcher.score(&one, letters)?, one))).collect();
    scored.sort_by(|(a, _), (b, _)| b.cmp(a));
    scored.into_iter().map(|(_, one)| one).collect()
}

/// Says how well a few letters fit a connector.
pub(crate) struct Matcher(SkimMatcherV2);

impl Default for Matcher {
    fn default() -> Self {
        Self(SkimMatcherV2::default().ignore_case())
    }
}

impl Matcher {
    /// The more the better; nothing where they do not fit.
    pub(crate) fn score(&self, one: &Listed, letters: &str) -> Option<i64> {
        // A match in the name counts before any in the words behind it.
        if let Some(score) = self.0.fuzzy_match(one.name.as_str(), letters) {
            return Some(BY_NAME.saturating_add(score));
        }
        let account = one.account_id.as_ref().map_or("", AccountId::as_str);
        self.0.fuzzy_match(&format!("{} {account} {}", one.name, one.description), letters)
    }
}

/// More than any match gets by its letters.
const BY_NAME: i64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_a_connector_by_its_name_first() {
        let all = [("prod-admin", "All of production"), ("dev", "Runs as admin of dev"), ("billing", "Invoices")];
        let all: Vec<_> = all.map(|(name, description)| listed(name, description)).into();
        let found = |letters| -> Vec<String> {
            matching(all.clone(), letters).iter().map(|one| one.name.to_string()).collect()
        };
        assert_eq!(found(None), ["billing", "dev", "prod-admin"]);
        assert_eq!(found(Some("admin")), ["prod-admin", "dev"]);
        assert_eq!(found(Some("pdadm")), ["prod-admin"]);
        assert_eq!(found(Some("INVOI")), ["billing"]);
        assert!(found(Some("zzz")).is_empty());
    }

    #[test]
    fn a_connector_whose_name_is_none_is_not_one() {
        let told = |name: &str| broker_api::Connector { name: name.to_owned(), ..told("dev", "") };
        for bad in ["../x", "a\u{1b}[2J", "a]", ""] {
            assert!(Listed::try_from(told(bad)).is_err(), "{bad}");
        }
    }

    fn listed(name: &str, description: &str) -> Listed {
        told(name, description).try_into().unwrap()
    }

    fn told(name: &str, description: &str) -> broker_api::Connector {
        broker_api::Connector {
            id: "0192".to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            principal: PrincipalType::AssumeRole,
            account_id: Some("111111111111".to_owned()),
            role_arn: None,
            partition: "aws".to_owned(),
            scope: Scope::User,
            max_duration_seconds: 3_600,
            default_duration_seconds: 3_600,
            console: true,
            require_reason: false,
            require_second_factor: false,
            mfa_serial: None,
        }
    }
}
