//! Failed attempts to sign in, counted by account, by address and by the pair of both; and networks that succeeded lately.

use std::collections::HashMap;

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

/// What there is against whoever tries something.
#[derive(Debug, Default)]
pub struct Standing {
    counts: HashMap<String, Failures>,
    /// When they last proved, as far as that was noted, that they are at home where they are.
    pub familiar_at: Option<Millis>,
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
    /// That it is at home on this network has been noted lately.
    pub is_noted: bool,
}

impl Store {
    /// What stands against whoever tries something, by the keys of counters; and whether an account signed in from a network since then.
    pub async fn standing<const COUNTERS: usize>(
        &self,
        counters: [&str; COUNTERS],
        account: &str,
        network: &str,
        since: Millis,
    ) -> Result<Standing, StoreError> {
        // One journey to the store. What is familiar comes as a row without a counter.
        const SQL: &str = "SELECT subject, failures, last_failed_at FROM throttles WHERE subject IN ($1, $2, $3, $4)
                           UNION ALL
                           SELECT NULL, 0, last_success_at FROM familiar_networks
                           WHERE account = $5 AND network = $6 AND last_success_at >= $7";
        const { assert!(COUNTERS <= 4, "there are places for four") }
        let counter = |place: usize| counters.get(place).copied();
        let rows: Vec<(Option<String>, i64, i64)> = heard!(&self.pool, pool => {
            let query = sqlx::query_as(SQL).bind(counter(0)).bind(counter(1)).bind(counter(2)).bind(counter(3));
            query.bind(account).bind(network).bind(since.0).fetch_all(pool).await?
        });
        let mut standing = Standing::default();
        for (counter, count, last) in rows {
            match counter {
                Some(counter) => drop(standing.counts.insert(counter, Failures { count, last: Some(Millis(last)) })),
                None => standing.familiar_at = Some(Millis(last)),
            }
        }
        Ok(standing)
    }

    /// Counts one more attempt, unless another came in between what was seen and now: then it counts nothing and says no, and the caller looks
    /// again. So a thousand guesses at once are counted one by one.
    pub async fn count_attempt(&self, attempt: CountedAttempt<'_>) -> Result<bool, StoreError> {
        self.is_counted(attempt.counted()).await
    }

    /// The same in two counters, in both or in none. What more others wait for comes last.
    pub async fn count_in_both(&self, attempts: [CountedAttempt<'_>; 2]) -> Result<bool, StoreError> {
        self.is_counted(counted_in_both(attempts)).await
    }

    async fn is_counted(&self, change: Change) -> Result<bool, StoreError> {
        match self.commit_counts(vec![change]).await {
            Ok(()) => Ok(true),
            Err(StoreError::Stale) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes one attempt back: it was no failure. Where none came after it, everything is as before, the time too.
    pub async fn forgive_attempt(&self, attempt: CountedAttempt<'_>) -> Result<(), StoreError> {
        self.commit_counts(vec![attempt.taken_back()]).await
    }

    /// Forgets all failures of a subject: it proved itself.
    pub async fn forgive(&self, subject: &str) -> Result<(), StoreError> {
        self.commit_counts(vec![forgiven([subject, subject])]).await
    }

    /// Writes down that an attempt was right: neither what was typed nor whose it was has failures any more in the counter that goes with it, and each is
    /// familiar with the network; of the counter that strangers share, this attempt alone is taken back. Not in one commit: each by itself is
    /// no less than what somebody has proved.
    pub async fn attempt_was_right(
        &self,
        typed: ProvedAccount<'_>,
        person: Option<ProvedAccount<'_>>,
        network: &str,
        shared: CountedAttempt<'_>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let accounts = || [Some(typed), person].into_iter().flatten();
        let news = accounts().filter(|proved| !proved.is_noted).map(|proved| familiar(proved.account, network, now));
        let counters = [typed.counter, person.map_or(typed.counter, |person| person.counter)];
        // What all neighbours wait for comes last.
        for change in [forgiven(counters)].into_iter().chain(news).chain([shared.taken_back()]) {
            self.commit_counts(vec![change]).await?;
        }
        Ok(())
    }

    /// Remembers that an account signed in from a network.
    pub async fn note_familiar(&self, account: &str, network: &str, now: Millis) -> Result<(), StoreError> {
        self.commit_counts(vec![familiar(account, network, now)]).await
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

impl Standing {
    /// Whether they are at home where they are.
    pub fn is_familiar(&self) -> bool {
        self.familiar_at.is_some()
    }

    /// What is counted in a counter that was asked for.
    pub fn failures(&self, counter: &str) -> Failures {
        self.counts.get(counter).copied().unwrap_or_default()
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

/// Counts in two counters by one statement, which SQLite needs no transaction for: where either is not as it was seen, it finds nothing to
/// write; and where a server's other transaction changes one at this very moment, fewer rows are written than are meant, and none stays. One that
/// is taken away at this very moment may come back with what was seen in it: more than should count, never less.
fn counted_in_both([first, second]: [CountedAttempt<'_>; 2]) -> Change {
    const SQL: &str = "
        INSERT INTO throttles (subject, failures, last_failed_at)
        SELECT subject, failures, at
        FROM (SELECT CAST($1 AS TEXT) AS subject, CAST($2 AS BIGINT) AS failures, CAST($3 AS BIGINT) AS at
              UNION ALL SELECT CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($8 AS BIGINT)) AS attempts
        WHERE (SELECT count(*) FROM throttles WHERE subject IN ($1, $6)) = $11
          AND (SELECT count(*) FROM throttles WHERE (subject = $1 AND failures = $4 AND last_failed_at = $5)
                                                 OR (subject = $6 AND failures = $9 AND last_failed_at = $10)) = $11
        ON CONFLICT (subject) DO UPDATE SET failures = EXCLUDED.failures, last_failed_at = EXCLUDED.last_failed_at
        WHERE (throttles.subject = $1 AND throttles.failures = $4 AND throttles.last_failed_at = $5)
           OR (throttles.subject = $6 AND throttles.failures = $9 AND throttles.last_failed_at = $10)";
    let mut values = Vec::with_capacity(11);
    for CountedAttempt { subject, before, now } in [first, second] {
        values.extend([subject.into(), now.count.into(), now.millis().into()]);
        values.extend([before.count.into(), before.millis().into()]);
    }
    let were_there = [first, second].iter().filter(|attempt| attempt.before.last.is_some()).count();
    values.push(i64::try_from(were_there).unwrap_or(i64::MAX).into());
    Change { sql: SQL, values, rows: Rows::AllOrNone(2), announces: false }
}

fn forgiven(counters: [&str; 2]) -> Change {
    const SQL: &str = "DELETE FROM throttles WHERE subject IN ($1, $2)";
    Change { sql: SQL, values: counters.map(Value::from).into(), rows: Rows::Any, announces: false }
}

fn familiar(account: &str, network: &str, now: Millis) -> Change {
    const SQL: &str = "INSERT INTO familiar_networks (account, network, last_success_at) VALUES ($1, $2, $3)
                       ON CONFLICT (account, network) DO UPDATE SET last_success_at = EXCLUDED.last_success_at";
    Change { sql: SQL, values: vec![account.into(), network.into(), now.0.into()], rows: Rows::Any, announces: false }
}
