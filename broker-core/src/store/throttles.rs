//! Failed attempts to sign in, counted by account, by address and by the pair of both; and networks that succeeded lately.

use super::heard::heard;
use super::{Store, StoreError, on};
use crate::clock::Millis;

/// How often an attempt failed lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: i64,
    pub last: Option<Millis>,
}

impl Store {
    /// What is counted against a subject.
    pub async fn failures(&self, subject: &str) -> Result<Failures, StoreError> {
        const SQL: &str = "SELECT failures, last_failed_at FROM throttles WHERE subject = $1";
        let row: Option<(i64, i64)> =
            heard!(&self.pool, pool => sqlx::query_as(SQL).bind(subject).fetch_optional(pool).await)?;
        Ok(row.map_or_else(Failures::default, |(count, last)| Failures { count, last: Some(Millis(last)) }))
    }

    /// Counts one more attempt, unless another came in between `seen` and now: then it says no, and the caller looks again.
    /// So a thousand guesses at once are counted one by one.
    pub async fn count_attempt(
        &self,
        subject: &str,
        seen: Failures,
        count: i64,
        now: Millis,
    ) -> Result<bool, StoreError> {
        const FIRST: &str = "INSERT INTO throttles (subject, failures, last_failed_at) VALUES ($1, $2, $3)
                             ON CONFLICT (subject) DO NOTHING";
        const NEXT: &str = "UPDATE throttles SET failures = $2, last_failed_at = $3
                            WHERE subject = $1 AND failures = $4 AND last_failed_at = $5";
        let changed = on!(&self.pool, pool => match seen.last {
            None => sqlx::query(FIRST).bind(subject).bind(count).bind(now.0).execute(pool).await?.rows_affected(),
            Some(last) => {
                let query = sqlx::query(NEXT).bind(subject).bind(count).bind(now.0).bind(seen.count).bind(last.0);
                query.execute(pool).await?.rows_affected()
            }
        });
        Ok(changed == 1)
    }

    /// Takes one attempt back: it was no failure. Where none came after it, everything is as `before`, the time too.
    pub async fn forgive_attempt(&self, subject: &str, counted: Failures, before: Failures) -> Result<(), StoreError> {
        const LAST: &str = "UPDATE throttles SET failures = $2, last_failed_at = $3
                            WHERE subject = $1 AND failures = $4 AND last_failed_at = $5";
        const ONE: &str = "UPDATE throttles SET failures = failures - 1 WHERE subject = $1 AND failures > 0";
        let at = counted.last.map(|at| at.0);
        on!(&self.pool, pool => {
            let query = sqlx::query(LAST).bind(subject).bind(before.count).bind(before.last.map(|at| at.0).or(at));
            if query.bind(counted.count).bind(at).execute(pool).await?.rows_affected() == 0 {
                sqlx::query(ONE).bind(subject).execute(pool).await?;
            }
        });
        Ok(())
    }

    /// Forgets all failures of a subject: it proved itself.
    pub async fn forgive(&self, subject: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM throttles WHERE subject = $1";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(subject).execute(pool).await?;
        });
        Ok(())
    }

    /// Remembers that an account signed in from a network.
    pub async fn note_familiar(&self, account: &str, network: &str, now: Millis) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO familiar_networks (account, network, last_success_at) VALUES ($1, $2, $3)
                           ON CONFLICT (account, network) DO UPDATE SET last_success_at = EXCLUDED.last_success_at";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(account).bind(network).bind(now.0).execute(pool).await?;
        });
        Ok(())
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
