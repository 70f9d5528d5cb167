//! Where the store is, and its password.

use broker_core::file::with_causes;
use broker_core::store::Location;

use super::fields::StoreFields;
use super::load::Loader;

impl Loader<'_> {
    pub(super) fn store(&mut self, fields: &StoreFields) -> Option<Location> {
        let location = match fields.url.parse::<Location>() {
            Ok(location) => location,
            Err(error) => {
                self.error(&["store", "url"], &with_causes(&error));
                return None;
            }
        };
        let password = match fields.password.as_ref().map(|reference| self.folders.secret(reference)) {
            None => None,
            Some(Ok(secret)) => Some(secret),
            Some(Err(error)) => {
                self.error(&["store", "password"], &with_causes(&error));
                return None;
            }
        };
        match (location, password) {
            (Location::Postgres { url, .. }, password) => Some(Location::Postgres { url, password }),
            (Location::Sqlite(_) | Location::Memory, Some(_)) => {
                self.error(&["store", "password"], "SQLite has no password: take it away");
                None
            }
            (Location::Sqlite(path), None) => Some(Location::Sqlite(self.own_path(&["store", "url"], &path)?)),
            (Location::Memory, None) => {
                self.warn(&["store", "url"], "the trail, keys and sessions are gone when the process is");
                Some(Location::Memory)
            }
        }
    }
}
