//! Where the trail is anchored, and how long its records are kept.

use std::path::{Path, PathBuf};

use broker_core::store::Location;

use super::Audit;
use super::fields::AuditFields;
use super::load::Loader;

impl Loader<'_> {
    pub(super) fn audit(&mut self, fields: AuditFields, store: Option<&Location>) -> Audit {
        let anchor_file = match fields.anchor_file {
            Some(path) => self.own_path(&["audit", "anchor_file"], &path),
            None => store.and_then(|store| self.anchors_beside(store)),
        };
        Audit { anchor_file, retention_days: fields.retention_days.map(|days| days.0) }
    }

    /// Better than none: it shows when the file of the database alone was put back or cut. Not more than that.
    fn anchors_beside(&mut self, store: &Location) -> Option<PathBuf> {
        match store {
            Location::Sqlite(database) => Some(beside(database)),
            Location::Memory => None,
            Location::Postgres { .. } => {
                self.warn(&["audit", "anchor_file"], "without anchors nobody can prove that the end of the trail is there, and no restored backup is noticed: name a file");
                None
            }
        }
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".anchors");
    database.with_file_name(name)
}
