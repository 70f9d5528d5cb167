//! Who is signed in, for those who may look; and an end to it, by those who may.

use std::collections::BTreeSet;

use serde_json::json;

use super::SignIn;
use crate::caller::Subject;
use crate::clock::Millis;
use crate::id::SessionId;
use crate::name::DirectoryName;
use crate::permission::{Auditor, Operator};
use crate::session::{Session, Username, Whose};
use crate::store::{Page, Store, StoreError};
use crate::trail::{Action, Entry, TakenAway, Vec1};

impl SignIn {
    /// Somebody's sessions that are not over, the newest first.
    pub async fn sessions(
        &self,
        _: &Auditor,
        whose: &Whose,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Session>, StoreError> {
        let now = Millis::from(self.0.clock.now());
        self.0.store.sessions_newest_first(whose, after, limit, now, self.idle_since(now)).await
    }

    /// Ends somebody's session at once, on every node, whether or not that can be recorded at this moment. Says whether there was
    /// one.
    pub async fn end_session(&self, id: SessionId, by: &Operator) -> Result<bool, StoreError> {
        // A row that is not ours has no owner that could be told, and ends all the same.
        let session = self.0.store.session(id).await?;
        let entry = ended(id, session.as_ref(), by);
        Ok(self.0.trail.take_away(vec![Store::end_session(id)], Vec1::new(entry)).await? != TakenAway::Nothing)
    }

    /// Ends all sessions of whoever is called so there, each with a record of its own, and those that began under an earlier name of theirs as
    /// well. How many there were.
    pub async fn end_sessions_of(
        &self,
        directory: &DirectoryName,
        person: &Username,
        by: &Operator,
    ) -> Result<u32, StoreError> {
        let whose = Whose { directory: Some(directory.clone()), person: Some(person.clone()) };
        let (mut subjects, mut count) = (BTreeSet::new(), 0);
        for _ in 0..ROUNDS {
            let found = self.of(&whose, &mut subjects).await?;
            if found.is_empty() {
                return Ok(count);
            }
            let together = u32::try_from(found.len()).unwrap_or(u32::MAX);
            let changes = found.iter().map(|session| Store::end_session(session.id)).collect();
            let entries = found.iter().map(|session| ended(session.id, Some(session), by)).collect();
            let Ok(entries) = Vec1::try_from_vec(entries) else { return Ok(count) };
            // One of them may have ended meanwhile: then all are looked for again.
            if self.0.trail.take_away(changes, entries).await? != TakenAway::Nothing {
                count = together.saturating_add(count);
            }
        }
        Err(StoreError::Stale)
    }

    /// Some of the sessions of those who are called so, or who were among `subjects` when that was last asked.
    async fn of(&self, whose: &Whose, subjects: &mut BTreeSet<Subject>) -> Result<Vec<Session>, StoreError> {
        let store = &self.0.store;
        let now = Millis::from(self.0.clock.now());
        let idle_since = self.idle_since(now);
        let mut after = None;
        let mut found = loop {
            let page = store.sessions_newest_first(whose, after.as_deref(), AT_ONCE, now, idle_since).await?;
            if page.next.is_none() || !page.items.is_empty() {
                break page.items;
            }
            after = page.next;
        };
        subjects.extend(found.iter().map(|session| session.person.subject.clone()));
        let epoch = store.epoch().await?;
        for subject in subjects.iter() {
            for id in store.sessions_beyond(0, subject, epoch, now, idle_since).await? {
                if !found.iter().any(|session| session.id == id) {
                    found.extend(store.session(id).await?);
                }
            }
        }
        found.truncate(AT_ONCE);
        Ok(found)
    }
}

fn ended(id: SessionId, session: Option<&Session>, by: &Operator) -> Entry {
    let owner = session.map(|Session { person, .. }| {
        (format!("{}/{}", person.subject.directory, person.username), person.subject.id.clone())
    });
    let (person, person_id) = owner.unzip();
    by.did(Action::SessionEnded).changes(json!({ "session_id": id, "person": person, "person_id": person_id }))
}

/// In one commit.
const AT_ONCE: usize = 50;
/// More than the most sessions that one person may have.
const ROUNDS: usize = 1_000;
