//! The settings by which people's groups are found, and by which they are named.

use super::super::config::{GroupsConfig, InChainConfig, TokenGroupsConfig};
use super::super::dn::Dn;
use super::super::filter::{FilterError, Template};
use super::super::group_name::{Naming, NeedsBase};
use super::super::preset::Preset;
use super::unfit::{LdapSettingsError, SettingsProblem, attribute};

#[derive(Clone, Debug)]
pub(in crate::directory::ldap) enum Groups {
    MemberOf { attribute: String, naming: Naming, primary: bool },
    Search { base: String, filter: Template, naming: Naming, nested: bool, page_size: u32, primary: bool },
    InChain { base: String, naming: Naming, page_size: u32 },
    Token { base: String, naming: Naming, page_size: u32 },
}

impl Groups {
    /// Whether only Active Directory can tell them.
    pub(in crate::directory::ldap) fn want_active_directory(&self) -> bool {
        match self {
            Self::InChain { .. } | Self::Token { .. } => true,
            Self::MemberOf { primary, .. } | Self::Search { primary, .. } => *primary,
        }
    }
}

pub(super) fn groups(preset: Preset, config: GroupsConfig) -> Result<Groups, LdapSettingsError> {
    let usual_primary = preset.users().is_some_and(|usual| usual.primary_group);
    match config {
        GroupsConfig::MemberOf(config) => {
            let at_base = |problem| LdapSettingsError::at("groups.member_of.base", problem);
            let base = config.base.map(|base| Dn::parse(&base)).transpose();
            let base = base.map_err(|_| at_base(SettingsProblem::NotADn))?;
            let name = attribute("groups.member_of.name_attribute", config.name_attribute)?;
            let naming = Naming::new(name, base).map_err(|NeedsBase| at_base(SettingsProblem::NeedsBase))?;
            if !naming.is_by_dn_alone() {
                return Err(LdapSettingsError::at("groups.member_of.name_attribute", SettingsProblem::NotInTheName));
            }
            let attribute = attribute("groups.member_of.attribute", config.attribute)?;
            Ok(Groups::MemberOf { attribute, naming, primary: config.primary_group.unwrap_or(usual_primary) })
        }
        GroupsConfig::Search(config) => {
            let at_filter = |error: FilterError| LdapSettingsError::at("groups.search.filter", error);
            let filter = Template::for_groups(&config.filter).map_err(at_filter)?;
            if config.nested && !filter.takes_dn() {
                return Err(LdapSettingsError::at("groups.search.nested", SettingsProblem::NestedNeedsDn));
            }
            let (base, naming) = named_below(config.base, config.name, ("groups.search.base", "groups.search.name"))?;
            Ok(Groups::Search {
                base,
                filter,
                naming,
                nested: config.nested,
                page_size: page_size("groups.search.page_size", config.page_size)?,
                primary: config.primary_group.unwrap_or(usual_primary),
            })
        }
        GroupsConfig::InChain(InChainConfig { base, name, page_size: at_once }) => {
            let (base, naming) = named_below(base, name, ("groups.in_chain.base", "groups.in_chain.name"))?;
            Ok(Groups::InChain { base, naming, page_size: page_size("groups.in_chain.page_size", at_once)? })
        }
        GroupsConfig::TokenGroups(TokenGroupsConfig { base, name, page_size: at_once }) => {
            let (base, naming) = named_below(base, name, ("groups.token_groups.base", "groups.token_groups.name"))?;
            Ok(Groups::Token { base, naming, page_size: page_size("groups.token_groups.page_size", at_once)? })
        }
    }
}

fn named_below(
    base: String,
    name: String,
    (base_key, name_key): (&'static str, &'static str),
) -> Result<(String, Naming), LdapSettingsError> {
    let dn = Dn::parse(&base).map_err(|_| LdapSettingsError::at(base_key, SettingsProblem::NotADn))?;
    let naming = Naming::new(attribute(name_key, name)?, Some(dn));
    Ok((base, naming.map_err(|NeedsBase| LdapSettingsError::at(base_key, SettingsProblem::NeedsBase))?))
}

fn page_size(key: &'static str, size: u32) -> Result<u32, LdapSettingsError> {
    if (1..=MAX_PAGE).contains(&size) {
        Ok(size)
    } else {
        let range = SettingsProblem::OutOfRange { found: size.into(), min: 1, max: MAX_PAGE.into() };
        Err(LdapSettingsError::at(key, range))
    }
}

/// Active Directory's own limit, the largest that is common.
const MAX_PAGE: u32 = 5_000;
