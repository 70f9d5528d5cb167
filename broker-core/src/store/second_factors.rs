//! Rows of what people have enrolled: proved by a keyed hash, found by whose they are. A code of a moment moves its row's step forward, and a recovery
//! code goes away, by a statement that does so once.

use sqlx::FromRow;

use super::heard::heard;
use super::{Change, Rows, Store, StoreError, proves, readable};
use crate::caller::Subject;
use crate::clock::Millis;
use crate::id::SecondFactorId;
use crate::second_factor::{Enrolled, FactorKind, FactorLabel, RecoveryCode, SecondFactor};
use crate::vault::{Mac, Purpose, Sealed};

impl Store {
    /// All that somebody has enrolled. A row that does not prove to be ours counts, and opens nothing: taken out of service, it must not take its
    /// owner's protection along.
    pub async fn enrolled(&self, subject: &Subject) -> Result<Enrolled, StoreError> {
        // SQLite takes any type in any column.
        const SQL: &str = "SELECT id, subject, kind, label, sealed, created_at, last_used_at, last_step, mac
                           FROM second_factors WHERE subject = $1 ORDER BY id";
        const CODES: &str = "SELECT count(*) FROM recovery_codes WHERE subject = $1";
        let of = subject.to_string();
        let (found, rows, codes): (Vec<Row>, usize, i64) = heard!(&self.pool, pool => {
            let found = sqlx::query(SQL).bind(&of).fetch_all(pool).await?;
            let codes: i64 = sqlx::query_scalar(CODES).bind(&of).fetch_one(pool).await?;
            (readable(TABLE, found.iter().map(FromRow::from_row)), found.len(), codes)
        });
        let factors: Vec<SecondFactor> = found.iter().filter_map(|row| self.read_second_factor(row)).collect();
        let damaged = rows.saturating_sub(factors.len());
        Ok(Enrolled { factors, damaged, recovery_codes: u32::try_from(codes).unwrap_or(u32::MAX) })
    }

    /// Whether a password alone lets somebody in no more.
    pub(crate) async fn is_enrolled(&self, subject: &Subject) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT count(*) FROM (SELECT 1 FROM second_factors WHERE subject = $1 LIMIT 1) AS found";
        let found: i64 = heard!(&self.pool, pool => {
            sqlx::query_scalar(SQL).bind(subject.to_string()).fetch_one(pool).await?
        });
        Ok(found > 0)
    }

    /// Whose there is anything, in the order of directories and ids; rows that are not ours among it.
    pub(crate) async fn subjects_enrolled(&self) -> Result<Vec<Subject>, StoreError> {
        const SQL: &str = "SELECT CAST(subject AS TEXT) FROM second_factors
                           UNION SELECT CAST(subject AS TEXT) FROM recovery_codes ORDER BY 1";
        let found: Vec<(String,)> = heard!(&self.pool, pool => {
            readable(TABLE, sqlx::query(SQL).fetch_all(pool).await?.iter().map(FromRow::from_row))
        });
        // What is no directory's name and an id is nobody's.
        Ok(found.iter().filter_map(|(text,)| subject_of(text)).collect())
    }

    /// Everything that proves to be ours, and by their own ids the rows that do not, with the seal that each has.
    pub(super) async fn all_second_factors(&self) -> Result<(Vec<SecondFactor>, Vec<(String, String)>), StoreError> {
        const SQL: &str = "SELECT id, subject, kind, label, sealed, created_at, last_used_at, last_step, mac
                           FROM second_factors ORDER BY id";
        const SEALS: &str = "SELECT CAST(id AS TEXT), CAST(sealed AS TEXT) FROM second_factors ORDER BY id";
        let (found, seals): (Vec<Row>, Vec<(String, String)>) = heard!(&self.pool, pool => {
            let found = sqlx::query(SQL).fetch_all(pool).await?;
            let seals = sqlx::query(SEALS).fetch_all(pool).await?;
            (readable(TABLE, found.iter().map(FromRow::from_row)), readable(TABLE, seals.iter().map(FromRow::from_row)))
        });
        Ok((found.iter().filter_map(|row| self.read_second_factor(row)).collect(), seals))
    }

    /// Enrols something. `Taken` where that very enrolment has been ended before.
    pub(crate) fn add_second_factor(&self, factor: &SecondFactor) -> Change {
        const SQL: &str =
            "INSERT INTO second_factors (id, subject, kind, label, sealed, created_at, last_used_at, last_step, mac)
                           VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)";
        let values = vec![
            factor.id.to_string().into(),
            factor.subject.to_string().into(),
            factor.kind.as_str().into(),
            factor.label.as_str().into(),
            factor.sealed.as_str().into(),
            Millis::from(factor.created_at).0.into(),
            factor.last_step.into(),
            self.second_factor_mac(factor).as_slice().into(),
        ];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Another name for it, unless somebody else just changed it.
    pub(crate) fn rename_second_factor(&self, factor: &SecondFactor, label: FactorLabel) -> Change {
        const SQL: &str = "UPDATE second_factors SET label = $2, mac = $3 WHERE id = $1 AND mac = $4";
        let renamed = SecondFactor { label, ..factor.clone() };
        let values = vec![
            factor.id.to_string().into(),
            renamed.label.as_str().into(),
            self.second_factor_mac(&renamed).as_slice().into(),
            self.second_factor_mac(factor).as_slice().into(),
        ];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// The same secret under another seal, unless somebody else just changed it.
    pub(super) fn reseal_second_factor(&self, before: &SecondFactor, resealed: &SecondFactor) -> Change {
        const SQL: &str = "UPDATE second_factors SET sealed = $2, mac = $3 WHERE id = $1 AND mac = $4";
        let values = vec![
            before.id.to_string().into(),
            resealed.sealed.as_str().into(),
            self.second_factor_mac(resealed).as_slice().into(),
            self.second_factor_mac(before).as_slice().into(),
        ];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Takes the code of a step: `Stale` where that step, or a later one, has been taken.
    pub(crate) fn take_step(id: SecondFactorId, step: i64, now: Millis) -> Change {
        const SQL: &str =
            "UPDATE second_factors SET last_step = $2, last_used_at = $3 WHERE id = $1 AND last_step < $2";
        let values = vec![id.to_string().into(), step.into(), now.0.into()];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Takes what a passkey signed, with its counter: `Stale` where that did not go forward, unless it has none.
    pub(crate) fn take_counter(id: SecondFactorId, counter: u32, now: Millis) -> Change {
        const SQL: &str = "UPDATE second_factors SET last_step = $2, last_used_at = $3
                           WHERE id = $1 AND (last_step < $2 OR (last_step = 0 AND $2 = 0))";
        let values = vec![id.to_string().into(), i64::from(counter).into(), now.0.into()];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Takes a recovery code: `Stale` where there is none such, or somebody was faster.
    pub(crate) fn take_recovery_code(&self, subject: &Subject, code: &RecoveryCode) -> Change {
        const SQL: &str = "DELETE FROM recovery_codes WHERE code = $1 AND subject = $2";
        let values = vec![code.hash(subject, &self.seals).as_slice().into(), subject.to_string().into()];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Whether a recovery code is still to be used.
    pub(crate) async fn has_recovery_code(&self, subject: &Subject, code: &RecoveryCode) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT count(*) FROM recovery_codes WHERE code = $1 AND subject = $2";
        let hash = code.hash(subject, &self.seals);
        let there: i64 = heard!(&self.pool, pool => {
            sqlx::query_scalar(SQL).bind(hash.as_slice()).bind(subject.to_string()).fetch_one(pool).await?
        });
        Ok(there > 0)
    }

    /// Puts new recovery codes in the place of those that somebody had.
    pub(crate) fn replace_recovery_codes(&self, subject: &Subject, codes: &[RecoveryCode], now: Millis) -> Vec<Change> {
        const SQL: &str = "INSERT INTO recovery_codes (code, subject, created_at) VALUES ($1, $2, $3)";
        let mut changes = vec![Self::drop_recovery_codes(subject)];
        changes.extend(codes.iter().map(|code| {
            let hash = code.hash(subject, &self.seals);
            let values = vec![hash.as_slice().into(), subject.to_string().into(), now.0.into()];
            Change { sql: SQL, values, rows: Rows::One, announces: false }
        }));
        changes
    }

    /// Takes one thing away. `Stale` where it is not there any more.
    pub(crate) fn remove_second_factor(subject: &Subject, id: SecondFactorId) -> Change {
        const SQL: &str = "DELETE FROM second_factors WHERE id = $1 AND subject = $2";
        let values = vec![id.to_string().into(), subject.to_string().into()];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Takes all away that somebody has, rows that are not ours among it.
    pub(crate) fn drop_second_factors(subject: &Subject) -> Vec<Change> {
        const SQL: &str = "DELETE FROM second_factors WHERE subject = $1";
        let factors = Change { sql: SQL, values: vec![subject.to_string().into()], rows: Rows::Any, announces: false };
        vec![factors, Self::drop_recovery_codes(subject)]
    }

    /// Takes somebody's recovery codes away.
    pub(crate) fn drop_recovery_codes(subject: &Subject) -> Change {
        const SQL: &str = "DELETE FROM recovery_codes WHERE subject = $1";
        Change { sql: SQL, values: vec![subject.to_string().into()], rows: Rows::Any, announces: false }
    }

    fn read_second_factor(&self, row: &Row) -> Option<SecondFactor> {
        let (id, subject, kind, label, sealed, created_at, last_used_at, last_step, mac) = row;
        let expected = self.mac_of_second_factor([id, subject, kind, label, sealed], *created_at);
        if !proves(TABLE, id, &expected, mac) {
            return None;
        }
        let parsed = || -> Option<SecondFactor> {
            Some(SecondFactor {
                id: id.parse().ok()?,
                subject: subject_of(subject)?,
                kind: FactorKind::ALL.into_iter().find(|known| known.as_str() == kind)?,
                label: label.clone().try_into().ok()?,
                created_at: Millis(*created_at).into(),
                last_used_at: last_used_at.map(|at| Millis(at).into()),
                sealed: Sealed::from_store(sealed.clone()),
                last_step: *last_step,
            })
        };
        let factor = parsed();
        if factor.is_none() {
            tracing::error!(table = TABLE, row = %id, "a row cannot be read by this release and is out of service");
        }
        factor
    }

    fn second_factor_mac(&self, factor: &SecondFactor) -> Mac {
        let (id, subject) = (factor.id.to_string(), factor.subject.to_string());
        let texts = [&id, &subject, factor.kind.as_str(), factor.label.as_str(), factor.sealed.as_str()];
        self.mac_of_second_factor(texts, Millis::from(factor.created_at).0)
    }

    /// When it was used last, and which code, decides in one direction only; the rest is proved.
    fn mac_of_second_factor(&self, texts: [&str; 5], created_at: i64) -> Mac {
        let [id, subject, kind, label, sealed] = texts.map(str::as_bytes);
        let parts: [&[u8]; 7] = [TABLE.as_bytes(), id, subject, kind, label, sealed, &created_at.to_be_bytes()];
        self.seals.mac(Purpose::Row, &parts)
    }
}

/// As they are written by `Display`.
fn subject_of(text: &str) -> Option<Subject> {
    let (directory, id) = text.split_once('/')?;
    Some(Subject { directory: directory.to_owned().try_into().ok()?, id: id.to_owned() })
}

type Row = (String, String, String, String, String, i64, Option<i64>, i64, Vec<u8>);
const TABLE: &str = "second_factors";
