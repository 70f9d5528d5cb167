//! The settings by which people are found, and what their entries are read by.

use super::super::account::AccountRule;
use super::super::config::{DisabledConfig, UsersConfig, UsersScope};
use super::super::filter::Template;
use super::super::identity::Identity;
use super::super::preset::{Preset, PresetUsers};
use super::super::request::Scope;
use super::unfit::{LdapSettingsError, SettingsProblem, attribute, checked_dn};

#[derive(Clone, Debug)]
pub(in crate::directory::ldap) struct Users {
    pub(in crate::directory::ldap) base: String,
    pub(in crate::directory::ldap) scope: Scope,
    pub(in crate::directory::ldap) filter: Template,
    pub(in crate::directory::ldap) username: String,
    pub(in crate::directory::ldap) id: Identity,
    pub(in crate::directory::ldap) display_name: Option<String>,
    pub(in crate::directory::ldap) email: Option<String>,
    pub(in crate::directory::ldap) account_rules: Vec<AccountRule>,
    pub(in crate::directory::ldap) disabled: Option<DisabledConfig>,
}

pub(super) fn users(preset: Preset, config: UsersConfig) -> Result<Users, LdapSettingsError> {
    let usual = preset.users();
    let or_usual = |key, written: Option<String>, of: fn(&PresetUsers) -> &'static str| {
        let usual = usual.as_ref().map(|usual| of(usual).to_owned());
        written.or(usual).map(|name| attribute(key, name)).transpose()
    };
    let needed = |key, written, of| {
        or_usual(key, written, of)?.ok_or_else(|| LdapSettingsError::at(key, SettingsProblem::NothingUsual))
    };
    if let Some(disabled) = &config.disabled {
        attribute("users.disabled.attribute", disabled.attribute.clone())?;
    }
    Ok(Users {
        base: checked_dn("users.base", config.base)?,
        scope: match config.scope {
            UsersScope::Subtree => Scope::Subtree,
            UsersScope::OneLevel => Scope::OneLevel,
        },
        filter: users_filter(usual.as_ref(), config.filter, config.sign_in_attributes)?,
        username: needed("users.username_attribute", config.username_attribute, |usual| usual.username)?,
        id: Identity::by(needed("users.id_attribute", config.id_attribute, |usual| usual.id)?),
        display_name: or_usual("users.display_name_attribute", config.display_name_attribute, |usual| {
            usual.display_name
        })?,
        email: or_usual("users.email_attribute", config.email_attribute, |usual| usual.email)?,
        account_rules: config
            .account_rules
            .unwrap_or_else(|| usual.as_ref().map_or(Vec::new(), |usual| usual.account_rules.to_vec())),
        disabled: config.disabled,
    })
}

fn users_filter(
    usual: Option<&PresetUsers>,
    filter: Option<String>,
    attributes: Option<Vec<String>>,
) -> Result<Template, LdapSettingsError> {
    let at = |problem| LdapSettingsError::at("users.sign_in_attributes", problem);
    let text = match (filter, attributes) {
        (Some(_), Some(_)) => return Err(at(SettingsProblem::FilterAndAttributes)),
        (Some(filter), None) => filter,
        (None, written) => {
            let usual_ones = || usual.map(|usual| usual.sign_in.iter().map(|name| (*name).to_owned()).collect());
            let nothing = || LdapSettingsError::at("users.filter", SettingsProblem::NothingUsual);
            let names: Vec<String> = written.or_else(usual_ones).ok_or_else(nothing)?;
            let one = |name| Ok(format!("({}={{username}})", attribute("users.sign_in_attributes", name)?));
            let by_name = names.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
            let by_name = match by_name.as_slice() {
                [] => return Err(at(SettingsProblem::NoAttribute)),
                [one] => one.clone(),
                many => format!("(|{})", many.concat()),
            };
            match usual.map_or("", |usual| usual.class_filter) {
                "" => by_name,
                class => format!("(&{class}{by_name})"),
            }
        }
    };
    Template::for_users(&text).map_err(|error| LdapSettingsError::at("users.filter", error))
}
