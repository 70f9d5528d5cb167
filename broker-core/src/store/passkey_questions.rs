//! Questions to a passkey that were answered. They give nobody anything; they only keep an answer from counting twice.

use super::heard::heard;
use super::{Change, Rows, Store, StoreError, on};
use crate::clock::Millis;

impl Store {
    /// Lets the answer to a question count, once: `Taken` where one has before.
    pub(crate) fn take_question(question: &[u8; 32], now: Millis) -> Change {
        const SQL: &str = "INSERT INTO passkey_questions (question, answered_at) VALUES ($1, $2)";
        Change { sql: SQL, values: vec![question.as_slice().into(), now.0.into()], rows: Rows::One, announces: false }
    }

    /// Whether an answer has counted.
    pub(crate) async fn is_question_taken(&self, question: &[u8; 32]) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT answered_at FROM passkey_questions WHERE question = $1";
        let answered: Option<i64> =
            heard!(&self.pool, pool => sqlx::query_scalar(SQL).bind(question.as_slice()).fetch_optional(pool).await)?;
        Ok(answered.is_some())
    }

    /// Forgets questions that nobody can answer any more.
    pub(crate) async fn sweep_questions(&self, answered_before: Millis) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM passkey_questions WHERE answered_at < $1";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(answered_before.0).execute(pool).await?;
        });
        Ok(())
    }
}
