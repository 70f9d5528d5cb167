//! Rows of local users: found by name or by id, proved by a keyed hash over all that decides, their groups among it.

use super::access_keys::encode;
use super::damaged::found;
use super::heard::heard;
use super::{Change, Damage, DamagedRow, Found, Rows, Store, StoreError, Table, on, proves};
use crate::clock::Millis;
use crate::id::LocalUserId;
use crate::local_user::LocalUser;
use crate::name::DirectoryName;
use crate::vault::{Mac, Purpose, Sealed};

impl Store {
    /// Counts every change of local users and groups; nodes that hold copies look here.
    pub async fn people_revision(&self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT people_revision FROM installation WHERE singleton = 1";
        Ok(heard!(&self.pool, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?)
    }

    /// Tells nodes that hold copies of users and groups to read them again. First of all changes of a commit, so that whoever else means
    /// to change something waits here and never for each other.
    pub fn announce_people() -> Change {
        const SQL: &str = "UPDATE installation SET people_revision = people_revision + 1 WHERE singleton = 1";
        Change { sql: SQL, values: Vec::new(), rows: Rows::One, announces: false }
    }

    /// The same for whoever decided by the rows of others too: `Stale` where any user or group has changed since `revision`.
    pub fn announce_people_since(revision: i64) -> Change {
        const SQL: &str = "UPDATE installation SET people_revision = people_revision + 1
                           WHERE singleton = 1 AND people_revision = $1";
        Change { sql: SQL, values: vec![revision.into()], rows: Rows::One, announces: false }
    }

    /// Every user, in the order of names, and the rows that are out of service.
    pub async fn all_local_users(&self) -> Result<Found<LocalUser>, StoreError> {
        const SQL: &str =
            "SELECT id, directory, folded, name, revision, details, sealed_password, password_changed_at, mac
                           FROM local_users ORDER BY folded, directory";
        Ok(found!(&self.pool, Table::LocalUsers, SQL, |row: Row| self.local_user_of(row)))
    }

    /// The user of a directory who has this name, as it is compared. Nobody where the row does not prove to be ours.
    pub async fn local_user_named(
        &self,
        directory: &DirectoryName,
        folded: &str,
    ) -> Result<Option<LocalUser>, StoreError> {
        const SQL: &str =
            "SELECT id, directory, folded, name, revision, details, sealed_password, password_changed_at, mac
                           FROM local_users WHERE directory = $1 AND folded = $2";
        let row: Option<Row> = heard!(&self.pool, pool => {
            sqlx::query_as(SQL).bind(directory.as_str()).bind(folded).fetch_optional(pool).await
        })?;
        Ok(row.and_then(|row| self.local_user_of(row).ok()))
    }

    /// The user with this id; the same.
    pub async fn local_user(&self, id: LocalUserId) -> Result<Option<LocalUser>, StoreError> {
        const SQL: &str =
            "SELECT id, directory, folded, name, revision, details, sealed_password, password_changed_at, mac
                           FROM local_users WHERE id = $1";
        let row: Option<Row> =
            heard!(&self.pool, pool => sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(pool).await)?;
        Ok(row.and_then(|row| self.local_user_of(row).ok()))
    }

    /// Adds a user under a name that is free in their directory.
    pub fn add_local_user(&self, user: &LocalUser) -> Result<Change, StoreError> {
        const SQL: &str = "INSERT INTO local_users (directory, folded, name, revision, details, sealed_password,
                                                    password_changed_at, mac, id)
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        self.write_local_user(SQL, user, None)
    }

    /// Replaces what is known of a user, unless someone else changed them since `seen`, or their hash was made anew.
    pub fn replace_local_user(&self, user: &LocalUser, seen: &LocalUser) -> Result<Change, StoreError> {
        const SQL: &str = "UPDATE local_users SET directory = $1, folded = $2, name = $3, revision = $4, details = $5,
                           sealed_password = $6, password_changed_at = $7, mac = $8 WHERE id = $9 AND mac = $10";
        self.write_local_user(SQL, user, Some(seen))
    }

    /// The same user by the same password, hashed or sealed in another way, unless anything of them has changed since `seen`. Says
    /// whether it was done.
    pub(crate) async fn rehash_local_user(&self, user: &LocalUser, seen: &LocalUser) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE local_users SET sealed_password = $1, mac = $2 WHERE id = $3 AND mac = $4";
        let (mac, before) = (self.mac_of(user)?, self.mac_of(seen)?);
        let (id, sealed) = (user.id.to_string(), user.sealed_password.as_str());
        let changed = on!(&self.pool, pool => {
            let query = sqlx::query(SQL).bind(sealed).bind(mac.as_slice()).bind(id).bind(before.as_slice());
            query.execute(pool).await?.rows_affected()
        });
        Ok(changed == 1)
    }

    /// Removes a user, unless anything of them has changed since `seen`.
    pub fn remove_local_user(&self, seen: &LocalUser) -> Result<Change, StoreError> {
        const SQL: &str = "DELETE FROM local_users WHERE id = $1 AND mac = $2";
        let values = vec![seen.id.to_string().into(), self.mac_of(seen)?.as_slice().into()];
        Ok(Change { sql: SQL, values, rows: Rows::One, announces: false })
    }

    fn write_local_user(
        &self,
        sql: &'static str,
        user: &LocalUser,
        seen: Option<&LocalUser>,
    ) -> Result<Change, StoreError> {
        let mut values = vec![
            user.directory.as_str().into(),
            user.name.folded().into(),
            user.name.as_str().into(),
            user.revision.into(),
            encode(&user.details)?.into(),
            user.sealed_password.as_str().into(),
            Millis::from(user.password_changed_at).0.into(),
            self.mac_of(user)?.as_slice().into(),
            user.id.to_string().into(),
        ];
        if let Some(seen) = seen {
            values.push(self.mac_of(seen)?.as_slice().into());
        }
        Ok(Change { sql, values, rows: Rows::One, announces: false })
    }

    fn local_user_of(&self, row: Row) -> Result<LocalUser, DamagedRow> {
        let (id, directory, folded, name, revision, details, sealed, password_changed_at, mac) = row;
        let texts = [&id, &directory, &folded, &name, &details, &sealed].map(String::as_str);
        if !proves("local_users", &id, &self.local_user_mac(texts, revision, password_changed_at), &mac) {
            return Err(DamagedRow::new(Table::LocalUsers, Damage::NotOurs, &id, &name));
        }
        let parsed = || -> Option<LocalUser> {
            Some(LocalUser {
                id: id.parse().ok()?,
                directory: directory.clone().try_into().ok()?,
                name: name.clone().try_into().ok()?,
                revision,
                details: serde_json::from_str(&details).ok()?,
                password_changed_at: Millis(password_changed_at).into(),
                sealed_password: Sealed::from_store(sealed.clone()),
            })
        };
        parsed().ok_or_else(|| {
            tracing::error!(table = "local_users", row = %id, "a row cannot be read by this release and is out of service");
            DamagedRow::new(Table::LocalUsers, Damage::Unreadable, &id, &name)
        })
    }

    /// The keyed hash that the user's row has.
    fn mac_of(&self, user: &LocalUser) -> Result<Mac, StoreError> {
        let (id, folded, details) = (user.id.to_string(), user.name.folded(), encode(&user.details)?);
        let sealed = user.sealed_password.as_str();
        let texts = [&id, user.directory.as_str(), &folded, user.name.as_str(), &details, sealed];
        Ok(self.local_user_mac(texts, user.revision, Millis::from(user.password_changed_at).0))
    }

    fn local_user_mac(&self, texts: [&str; 6], revision: i64, password_changed_at: i64) -> Mac {
        let [id, directory, folded, name, details, sealed] = texts.map(str::as_bytes);
        let (revision, changed_at) = (revision.to_be_bytes(), password_changed_at.to_be_bytes());
        let parts: [&[u8]; 9] = [b"local_users", id, directory, folded, name, &revision, details, sealed, &changed_at];
        self.seals.mac(Purpose::Row, &parts)
    }
}

type Row = (String, String, String, String, i64, String, String, i64, Vec<u8>);
