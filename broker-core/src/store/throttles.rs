//! Failed attempts to sign in, counted by account, by address and by the pair of both; and networks that succeeded lately.

use super::change::{Change, Rows, Value};
use super::heard::heard;
use super::{Store, StoreError, on};
use crate::clock::Millis;

/// How often an attempt failed lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: i64,
    pub last: Option<Millis>,
}

/// An attempt in one counter: what was seen there before, and what stands there with it.
#[derive(Clone, Copy, Debug)]
pub struct CountedAttempt<'a> {
    pub subject: &'a str,
    pub before: Failures,
    pub now: Failures,
}

/// An account that somebody has proved to be theirs, and the counter that attempts on it stood in.
#[derive(Clone, Copy, Debug)]
pub struct ProvedAccount<'a> {
    pub account: &'a str,
    pub counter: &'a str,
}

impl Store {
    /// What is counted against a subject.
    pub async fn failures(&self, subject: &str) -> Result<Failures, StoreError> {
        const SQL: &str = "SELECT failures, last_failed_at FROM throttles WHERE subject = $1";
        let row: Option<(i64, i64)> =
            heard!(&self.pool, pool => sqlx::query_as(SQL).bind(subject).fetch_optional(pool).await)?;
        Ok(row.map_or_else(Failures::default, |(count, last)| Failures { count, last: Some(Millis(last)) }))
    }

    /// Counts one more attempt in each of these counters, in one commit, unless another came in between what was seen and now in any of them: then it
    /// counts nothing and says no, and the caller looks again. So a thousand guesses at once are counted one by one.
    pub async fn count_attempts(&self, attempts: &[CountedAttempt<'_>]) -> Result<bool, StoreError> {
        match self.commit(attempts.iter().map(|attempt| attempt.counted()).collect()).await {
            Ok(()) => Ok(true),
            Err(StoreError::Stale) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes one attempt back: it was no failure. Where none came after it, everything is as before, the time too.
    pub async fn forgive_attempt(&self, attempt: CountedAttempt<'_>) -> Result<(), StoreError> {
        self.commit(vec![attempt.taken_back()]).await
    }

    /// Forgets all failures of a subject: it proved itself.
    pub async fn forgive(&self, subject: &str) -> Result<(), StoreError> {
        self.commit(vec![forgiven(subject)]).await
    }

    /// Writes down in one commit that an attempt was right: each account has no failures any more in the counter that goes with it, and is familiar
    /// with the network; of the counter that strangers share, this attempt alone is taken back.
    pub async fn attempt_was_right(
        &self,
        accounts: &[ProvedAccount<'_>],
        network: &str,
        shared: CountedAttempt<'_>,
        now: Millis,
    ) -> Result<(), StoreError> {
        // In the same order always, so that no two wait for each other; what all neighbours wait for comes last.
        let mut changes: Vec<Change> = accounts.iter().map(|proved| forgiven(proved.counter)).collect();
        changes.extend(accounts.iter().map(|proved| familiar(proved.account, network, now)));
        changes.push(shared.taken_back());
        self.commit(changes).await
    }

    /// Remembers that an account signed in from a network.
    pub async fn note_familiar(&self, account: &str, network: &str, now: Millis) -> Result<(), StoreError> {
        self.commit(vec![familiar(account, network, now)]).await
    }

    /// Whether an account signed in from a network since then.
    pub async fn is_familiar(&self, account: &str, network: &str, since: Millis) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT last_success_at FROM familiar_networks
                           WHERE account = $1 AND network = $2 AND last_success_at >= $3";
        let row: Option<i64> = heard!(&self.pool, pool => {
            sqlx::query_scalar(SQL).bind(account).bind(network).bind(since.0).fetch_optional(pool).await?
        });
        Ok(row.is_some())
    }

    /// Forgets what no longer counts.
    pub async fn sweep_throttles(&self, failed_before: Millis, familiar_before: Millis) -> Result<u64, StoreError> {
        const FAILED: &str = "DELETE FROM throttles WHERE last_failed_at < $1";
        const FAMILIAR: &str = "DELETE FROM familiar_networks WHERE last_success_at < $1";
        Ok(on!(&self.pool, pool => {
            let failed = sqlx::query(FAILED).bind(failed_before.0).execute(pool).await?.rows_affected();
            failed + sqlx::query(FAMILIAR).bind(familiar_before.0).execute(pool).await?.rows_affected()
        }))
    }
}

impl CountedAttempt<'_> {
    fn counted(self) -> Change {
        const FIRST: &str = "INSERT INTO throttles (subject, failures, last_failed_at) VALUES ($1, $2, $3)
                             ON CONFLICT (subject) DO NOTHING";
        const NEXT: &str = "UPDATE throttles SET failures = $2, last_failed_at = $3
                            WHERE subject = $1 AND failures = $4 AND last_failed_at = $5";
        let Self { subject, before, now } = self;
        let mut values = vec![subject.into(), now.count.into(), now.millis().into()];
        let sql = if before.last.is_none() {
            FIRST
        } else {
            values.extend([before.count.into(), before.millis().into()]);
            NEXT
        };
        Change { sql, values, rows: Rows::One, announces: false }
    }

    fn taken_back(self) -> Change {
        const SQL: &str = "UPDATE throttles
                           SET failures = CASE WHEN failures = $4 AND last_failed_at = $5 THEN $2 ELSE failures - 1 END,
                               last_failed_at = CASE WHEN failures = $4 AND last_failed_at = $5 THEN $3 ELSE last_failed_at END
                           WHERE subject = $1 AND (failures > 0 OR (failures = $4 AND last_failed_at = $5))";
        let Self { subject, before, now } = self;
        let as_before: [Value; 2] = [before.count.into(), before.millis().or(now.millis()).into()];
        let values = [subject.into()].into_iter().chain(as_before).chain([now.count.into(), now.millis().into()]);
        Change { sql: SQL, values: values.collect(), rows: Rows::Any, announces: false }
    }
}

impl Failures {
    fn millis(self) -> Option<i64> {
        self.last.map(|at| at.0)
    }
}

fn forgiven(subject: &str) -> Change {
    const SQL: &str = "DELETE FROM throttles WHERE subject = $1";
    Change { sql: SQL, values: vec![subject.into()], rows: Rows::Any, announces: false }
}

fn familiar(account: &str, network: &str, now: Millis) -> Change {
    const SQL: &str = "INSERT INTO familiar_networks (account, network, last_success_at) VALUES ($1, $2, $3)
                       ON CONFLICT (account, network) DO UPDATE SET last_success_at = EXCLUDED.last_success_at";
    Change { sql: SQL, values: vec![account.into(), network.into(), now.0.into()], rows: Rows::Any, announces: false }
}
