//! Marks: what was taken out of the trail lawfully, each proved by a keyed hash. Only ever inserted and read.

use super::change::Value;
use super::heard::heard;
use super::{Change, Rows, Store, StoreError, proves};
use crate::clock::Millis;
use crate::id::ChainId;
use crate::vault::{Mac, Purpose};

/// Which of a chain's records need not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub chain: ChainId,
    pub kind: MarkKind,
    /// The last of them, and its hash.
    pub sequence: i64,
    pub hash: Mac,
    pub at: Millis,
}

/// Why they need not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// They were older than they had to be kept: all from the chain's beginning.
    Pruned,
    /// A backup was restored that did not have them, and an operator has said so: those after the one that was kept, or all where none was.
    Lost { kept: Option<Kept> },
}

/// The last record that a loss has left: its number and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub sequence: i64,
    pub hash: Mac,
}

impl Mark {
    /// Whether this record of its chain need not be there.
    pub fn excuses(&self, sequence: i64) -> bool {
        let is_after_kept = match self.kind {
            MarkKind::Pruned | MarkKind::Lost { kept: None } => true,
            MarkKind::Lost { kept: Some(kept) } => sequence > kept.sequence,
        };
        is_after_kept && sequence <= self.sequence
    }
}

impl Store {
    /// Marks a chain. The same mark twice is one.
    pub(crate) fn add_trail_mark(&self, mark: &Mark) -> Change {
        const SQL: &str =
            "INSERT INTO trail_marks (chain, kind, sequence, hash, at, kept, kept_hash, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                           ON CONFLICT (chain, kind, sequence) DO NOTHING";
        let kept = mark.kind.kept();
        let words = (mark.chain.to_string(), mark.kind.as_str());
        let mac = self.mark_mac((&words.0, words.1), mark.sequence, &mark.hash, mark.at.0, kept);
        let values = vec![
            words.0.into(),
            words.1.into(),
            mark.sequence.into(),
            mark.hash.as_slice().into(),
            mark.at.0.into(),
            kept.map(|kept| kept.sequence).into(),
            kept.map(|kept| kept.hash.to_vec()).into(),
            mac.as_slice().into(),
        ];
        Change { sql: SQL, values, rows: Rows::Any, announces: false }
    }

    /// Removes a chain's records up to one, the first step of pruning; its mark goes into the same commit.
    pub(crate) fn remove_links(chain: ChainId, upto: i64) -> Change {
        const SQL: &str = "DELETE FROM trail WHERE chain = $1 AND sequence <= $2";
        let values: Vec<Value> = vec![chain.to_string().into(), upto.into()];
        Change { sql: SQL, values, rows: Rows::Any, announces: false }
    }

    /// The marks of a chain at this sequence or after it, the nearest first.
    pub async fn trail_marks(&self, chain: ChainId, from: i64) -> Result<Vec<Mark>, StoreError> {
        const SQL: &str = "SELECT chain, kind, sequence, hash, at, kept, kept_hash, mac FROM trail_marks
                           WHERE chain = $1 AND sequence >= $2 ORDER BY sequence";
        let rows: Vec<Row> = heard!(&self.pool, pool => {
            sqlx::query_as(SQL).bind(chain.to_string()).bind(from).fetch_all(pool).await?
        });
        Ok(rows.into_iter().filter_map(|row| self.read_mark(row)).collect())
    }

    /// The last mark of each chain that was pruned.
    pub async fn pruned_chains(&self) -> Result<Vec<Mark>, StoreError> {
        const SQL: &str = "SELECT chain, kind, sequence, hash, at, kept, kept_hash, mac FROM trail_marks AS marks WHERE kind = 'pruned'
                           AND sequence = (SELECT MAX(others.sequence) FROM trail_marks AS others
                                           WHERE others.chain = marks.chain AND others.kind = 'pruned')";
        let rows: Vec<Row> = heard!(&self.pool, pool => sqlx::query_as(SQL).fetch_all(pool).await?);
        Ok(rows.into_iter().filter_map(|row| self.read_mark(row)).collect())
    }

    /// All losses that were accepted.
    pub async fn accepted_losses(&self) -> Result<Vec<Mark>, StoreError> {
        const SQL: &str =
            "SELECT chain, kind, sequence, hash, at, kept, kept_hash, mac FROM trail_marks WHERE kind = 'lost_after'
                           ORDER BY chain, sequence";
        let rows: Vec<Row> = heard!(&self.pool, pool => sqlx::query_as(SQL).fetch_all(pool).await?);
        Ok(rows.into_iter().filter_map(|row| self.read_mark(row)).collect())
    }

    fn read_mark(&self, row: Row) -> Option<Mark> {
        let (chain, kind, sequence, hash, at, kept, kept_hash, mac) = row;
        let (kept, mac) = match (kept, kept_hash.map(Mac::try_from)) {
            (Some(sequence), Some(Ok(hash))) => (Some(Kept { sequence, hash }), mac),
            (None, None) => (None, mac),
            // Nobody's hash is over one half.
            (Some(_) | None, Some(_)) | (Some(_), None) => (None, Vec::new()),
        };
        let expected = self.mark_mac((&chain, &kind), sequence, &hash, at, kept);
        if !proves("trail_marks", &chain, &expected, &mac) {
            return None;
        }
        let kind = [MarkKind::Pruned, MarkKind::Lost { kept }].into_iter().find(|known| known.as_str() == kind)?;
        Some(Mark { chain: chain.parse().ok()?, kind, sequence, hash: hash.try_into().ok()?, at: Millis(at) })
    }

    fn mark_mac(&self, (chain, kind): (&str, &str), sequence: i64, hash: &[u8], at: i64, kept: Option<Kept>) -> Mac {
        let numbers = [sequence, at].map(i64::to_be_bytes);
        let mut parts: Vec<&[u8]> =
            vec![b"trail_marks", chain.as_bytes(), kind.as_bytes(), &numbers[0], hash, &numbers[1]];
        let kept = kept.map(|kept| (kept.sequence.to_be_bytes(), kept.hash));
        if let Some((sequence, hash)) = &kept {
            parts.extend([&sequence[..], &hash[..]]);
        }
        self.seals.mac(Purpose::Row, &parts)
    }
}

impl MarkKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pruned => "pruned",
            Self::Lost { .. } => "lost_after",
        }
    }

    fn kept(self) -> Option<Kept> {
        match self {
            Self::Pruned => None,
            Self::Lost { kept } => kept,
        }
    }
}

type Row = (String, String, i64, Vec<u8>, i64, Option<i64>, Option<Vec<u8>>, Vec<u8>);
