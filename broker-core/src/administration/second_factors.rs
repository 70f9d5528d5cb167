//! What people have enrolled as second factors, as those see it who look after the installation; and its reset for whoever lost theirs.

use serde_json::json;

use super::Administration;
use crate::caller::Subject;
use crate::id::SecondFactorId;
use crate::permission::{Administrator, Auditor};
use crate::second_factor::Enrolled;
use crate::store::{Store, StoreError};
use crate::trail::{Action, TrailError, Vec1};

/// Why nothing was taken away.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    #[error("nobody resets their own second factor by this route: it is changed on the page My account")]
    OwnFactors,
    #[error("nobody of that directory and id has enrolled anything")]
    NothingEnrolled,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

impl Administration {
    /// Everybody who has something enrolled, or recovery codes left, by directory and id.
    pub async fn people_enrolled(&self, _by: &Auditor) -> Result<Vec<(Subject, Enrolled)>, StoreError> {
        let mut people = Vec::new();
        for subject in self.store.subjects_enrolled().await? {
            let enrolled = self.store.enrolled(&subject).await?;
            people.push((subject, enrolled));
        }
        Ok(people)
    }

    /// Takes away all that somebody else has enrolled, who lost it; their sessions end, and what came of them.
    pub async fn reset_second_factors(&self, subject: &Subject, by: &Administrator) -> Result<Enrolled, ResetError> {
        if by.is(subject) {
            return Err(ResetError::OwnFactors);
        }
        let enrolled = self.store.enrolled(subject).await?;
        if !enrolled.is_enrolled() && enrolled.recovery_codes == 0 {
            return Err(ResetError::NothingEnrolled);
        }
        let mut changes = Store::drop_second_factors(subject);
        changes.push(Store::end_sessions_but(subject, None));
        let ids: Vec<SecondFactorId> = enrolled.factors.iter().map(|factor| factor.id).collect();
        let facts = json!({ "second_factor_ids": ids, "damaged": enrolled.damaged });
        let entry = by.did(Action::SecondFactorsReset).about(Some(subject)).changes(facts);
        // It takes the protection of an account away, and so is not done where it cannot be written down.
        self.trail.commit(changes, Vec1::new(entry)).await?;
        Ok(enrolled)
    }
}
