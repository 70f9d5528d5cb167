//! What is usual in directories of a kind, so that an administrator need not write it.

use serde::Deserialize;

use super::account::AccountRule;

/// A kind of directory. It stands for defaults and nothing else: each of them can be written otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    #[default]
    Openldap,
    ActiveDirectory,
    Freeipa,
    /// Nothing is taken for granted.
    Custom,
}

/// How people look where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresetUsers {
    /// What is common to all entries of people, beside the name.
    pub class_filter: &'static str,
    /// By what people may name themselves.
    pub sign_in: &'static [&'static str],
    pub username: &'static str,
    pub id: &'static str,
    pub display_name: &'static str,
    pub email: &'static str,
    pub account_rules: &'static [AccountRule],
    /// Whether each person has one group that no list names.
    pub primary_group: bool,
}

impl Preset {
    /// The defaults; none where everything is to be written out.
    pub fn users(self) -> Option<PresetUsers> {
        let openldap = PresetUsers {
            class_filter: "",
            sign_in: &["uid"],
            username: "uid",
            id: "entryUUID",
            display_name: "displayName",
            email: "mail",
            account_rules: &[AccountRule::PasswordPolicy, AccountRule::Shadow],
            primary_group: false,
        };
        match self {
            Self::Openldap => Some(openldap),
            Self::ActiveDirectory => Some(PresetUsers {
                // Computers are users too there, of another category.
                class_filter: "(objectCategory=person)(objectClass=user)",
                sign_in: &["sAMAccountName", "userPrincipalName"],
                username: "sAMAccountName",
                id: "objectGUID",
                account_rules: &[AccountRule::ActiveDirectory],
                primary_group: true,
                ..openldap
            }),
            Self::Freeipa => Some(PresetUsers {
                class_filter: "(objectClass=posixAccount)",
                id: "ipaUniqueID",
                account_rules: &[AccountRule::Freeipa],
                ..openldap
            }),
            Self::Custom => None,
        }
    }
}
