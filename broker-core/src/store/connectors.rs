//! Rows of connectors.

use super::access_keys::encode;
use super::damaged::found;
use super::{Change, Damage, DamagedRow, Found, Rows, Store, StoreError, Table, proves};
use crate::connector::Connector;
use crate::id::ConnectorId;
use crate::vault::{Mac, Purpose};

impl Store {
    /// Every connector that proves to be ours, in the order of names. One that does not is reported and out of service.
    pub async fn connectors(&self) -> Result<Vec<Connector>, StoreError> {
        Ok(self.all_connectors().await?.good)
    }

    /// The same, and the rows that are out of service.
    pub async fn all_connectors(&self) -> Result<Found<Connector>, StoreError> {
        const SQL: &str = "SELECT id, name, revision, managed_by, spec, mac FROM connectors ORDER BY name";
        Ok(found!(&self.pool, Table::Connectors, SQL, |row: Row| self.connector(row)))
    }

    /// Adds a connector under a name that is free.
    pub fn add_connector(&self, connector: &Connector) -> Result<Change, StoreError> {
        const SQL: &str = "INSERT INTO connectors (name, revision, managed_by, access_key, spec, mac, id)
                           VALUES ($1, $2, $3, $4, $5, $6, $7)";
        self.write_connector(SQL, connector, None)
    }

    /// Puts a connector in the place of a damaged row, whose id and contents are gone then.
    pub fn repair_connector(&self, connector: &Connector, damaged: &DamagedRow) -> Result<Change, StoreError> {
        const SQL: &str = "UPDATE connectors SET name = $1, revision = $2, managed_by = $3, access_key = $4, spec = $5,
                           mac = $6, id = $7 WHERE CAST(id AS TEXT) = $8";
        let mut change = self.write_connector(SQL, connector, None)?;
        change.values.push(damaged.id().into());
        Ok(change)
    }

    /// Replaces a connector, unless someone else changed it since `seen`.
    pub fn replace_connector(&self, connector: &Connector, seen: i64) -> Result<Change, StoreError> {
        const SQL: &str = "UPDATE connectors SET name = $1, revision = $2, managed_by = $3, access_key = $4, spec = $5,
                           mac = $6 WHERE id = $7 AND revision = $8";
        self.write_connector(SQL, connector, Some(seen))
    }

    /// Takes a connector out of service, unless someone else changed it since `seen`. The trail keeps its name.
    pub fn remove_connector(id: ConnectorId, seen: i64) -> Change {
        const SQL: &str = "DELETE FROM connectors WHERE id = $1 AND revision = $2";
        Change { sql: SQL, values: vec![id.to_string().into(), seen.into()], rows: Rows::One, announces: true }
    }

    fn write_connector(
        &self,
        sql: &'static str,
        connector: &Connector,
        seen: Option<i64>,
    ) -> Result<Change, StoreError> {
        let spec = encode(&connector.spec)?;
        let managed_by = encode(&connector.managed_by)?;
        let (id, name) = (connector.id.to_string(), connector.name.as_str());
        let mac = self.connector_mac(&id, name, connector.revision, &managed_by, &spec);
        let mut values = vec![
            name.into(),
            connector.revision.into(),
            managed_by.into(),
            connector.spec.access_key().as_str().into(),
            spec.into(),
            mac.as_slice().into(),
            id.into(),
        ];
        values.extend(seen.map(Into::into));
        Ok(Change { sql, values, rows: Rows::One, announces: true })
    }

    fn connector(&self, (id, name, revision, managed_by, spec, mac): Row) -> Result<Connector, DamagedRow> {
        let expected = self.connector_mac(&id, &name, revision, &managed_by, &spec);
        if !proves("connectors", &id, &expected, &mac) {
            return Err(DamagedRow::new(Table::Connectors, Damage::NotOurs, &id, &name));
        }
        let parsed = || -> Option<Connector> {
            Some(Connector {
                id: id.parse().ok()?,
                name: name.clone().try_into().ok()?,
                revision,
                managed_by: serde_json::from_str(&managed_by).ok()?,
                spec: serde_json::from_str(&spec).ok()?,
            })
        };
        parsed().ok_or_else(|| {
            tracing::error!(table = "connectors", row = %id, "a row cannot be read by this release and is out of service");
            DamagedRow::new(Table::Connectors, Damage::Unreadable, &id, &name)
        })
    }

    fn connector_mac(&self, id: &str, name: &str, revision: i64, managed_by: &str, spec: &str) -> Mac {
        let revision = revision.to_be_bytes();
        let parts: [&[u8]; 6] =
            [b"connectors", id.as_bytes(), name.as_bytes(), &revision, managed_by.as_bytes(), spec.as_bytes()];
        self.seals.mac(Purpose::Row, &parts)
    }
}

type Row = (String, String, i64, String, String, Vec<u8>);
