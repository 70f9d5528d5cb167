//! Rows of local groups: their names. Who is in one stands in the users' own rows.

use super::damaged::found;
use super::{Change, Damage, DamagedRow, Found, Rows, Store, StoreError, Table, proves};
use crate::clock::Millis;
use crate::local_user::LocalGroup;
use crate::vault::{Mac, Purpose};

impl Store {
    /// Every group, in the order of names, and the rows that are out of service: nobody is in those.
    pub async fn all_local_groups(&self) -> Result<Found<LocalGroup>, StoreError> {
        const SQL: &str = "SELECT id, directory, folded, name, revision, created_at, mac
                           FROM local_groups ORDER BY folded, directory";
        Ok(found!(&self.pool, Table::LocalGroups, SQL, |row: Row| self.local_group_of(row)))
    }

    /// Adds a group under a name that is free in its directory.
    pub fn add_local_group(&self, group: &LocalGroup) -> Change {
        const SQL: &str = "INSERT INTO local_groups (directory, folded, name, revision, created_at, mac, id)
                           VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = vec![
            group.directory.as_str().into(),
            group.name.folded().into(),
            group.name.as_str().into(),
            group.revision.into(),
            Millis::from(group.created_at).0.into(),
            self.group_mac_of(group).as_slice().into(),
            group.id.to_string().into(),
        ];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Counts a change to a group, unless someone else changed it since `seen`.
    pub fn count_local_group(&self, group: &LocalGroup, seen: i64) -> Change {
        const SQL: &str = "UPDATE local_groups SET revision = $1, mac = $2 WHERE id = $3 AND revision = $4";
        let mac = self.group_mac_of(group);
        let values = vec![group.revision.into(), mac.as_slice().into(), group.id.to_string().into(), seen.into()];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Removes a group, unless someone else changed it since `seen`. Whoever was in it is so no more.
    pub fn remove_local_group(seen: &LocalGroup) -> Change {
        const SQL: &str = "DELETE FROM local_groups WHERE id = $1 AND revision = $2";
        let values = vec![seen.id.to_string().into(), seen.revision.into()];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    fn local_group_of(&self, row: Row) -> Result<LocalGroup, DamagedRow> {
        let (id, directory, folded, name, revision, created_at, mac) = row;
        let expected = self.local_group_mac([&id, &directory, &folded, &name], revision, created_at);
        if !proves("local_groups", &id, &expected, &mac) {
            return Err(DamagedRow::new(Table::LocalGroups, Damage::NotOurs, &id, &name));
        }
        let parsed = || -> Option<LocalGroup> {
            Some(LocalGroup {
                id: id.parse().ok()?,
                directory: directory.clone().try_into().ok()?,
                name: name.clone().try_into().ok()?,
                revision,
                created_at: Millis(created_at).into(),
            })
        };
        parsed().ok_or_else(|| {
            tracing::error!(table = "local_groups", row = %id, "a row cannot be read by this release and is out of service");
            DamagedRow::new(Table::LocalGroups, Damage::Unreadable, &id, &name)
        })
    }

    fn group_mac_of(&self, group: &LocalGroup) -> Mac {
        let (id, folded) = (group.id.to_string(), group.name.folded());
        let texts = [&id, group.directory.as_str(), &folded, group.name.as_str()];
        self.local_group_mac(texts, group.revision, Millis::from(group.created_at).0)
    }

    fn local_group_mac(&self, texts: [&str; 4], revision: i64, created_at: i64) -> Mac {
        let [id, directory, folded, name] = texts.map(str::as_bytes);
        let (revision, created_at) = (revision.to_be_bytes(), created_at.to_be_bytes());
        let parts: [&[u8]; 7] = [b"local_groups", id, directory, folded, name, &revision, &created_at];
        self.seals.mac(Purpose::Row, &parts)
    }
}

type Row = (String, String, String, String, i64, i64, Vec<u8>);
