//! What a person's groups give them, as far as the configuration and the connectors file say it.

use broker_core::caller::{AdminGroups, AdminRole, Person};
use broker_core::catalog::{self, FileConnector};
use broker_core::entitlement::{Rules, grant_of};

use crate::config::Config;

/// Read once, without the store.
#[derive(Debug)]
pub(super) struct Grants {
    admin_groups: AdminGroups,
    rules: Rules,
    /// Nothing where there is no connectors file, or one with mistakes, which are `brokerd check`'s to tell.
    connectors: Option<Vec<FileConnector>>,
}

impl Grants {
    pub(super) fn of(config: &Config) -> Self {
        let file = config.connectors_file.as_deref();
        let catalog = file.and_then(|file| catalog::read(file, &config.catalog_context(None)).ok());
        Self {
            admin_groups: config.admin_groups.clone(),
            rules: config.rules,
            connectors: catalog.map(|catalog| catalog.connectors),
        }
    }

    pub(super) fn role(&self, person: &Person) -> Option<AdminRole> {
        self.admin_groups.role_of(&person.groups)
    }

    /// Which of the file's connectors they could use.
    pub(super) fn connectors(&self, person: &Person) -> Option<Vec<String>> {
        let role = self.role(person);
        let granted = |it: &&FileConnector| grant_of(person, role, &it.spec, self.rules).is_some();
        Some(self.connectors.as_ref()?.iter().filter(granted).map(|it| it.name.to_string()).collect())
    }
}
