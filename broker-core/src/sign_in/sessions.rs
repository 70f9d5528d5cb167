//! Who is signed in, for those who may look; and an end to it, by those who may.

use serde_json::json;

use super::SignIn;
use crate::clock::Millis;
use crate::id::SessionId;
use crate::permission::{Auditor, Operator};
use crate::session::Session;
use crate::store::{Page, Store, StoreError};
use crate::trail::{Action, TakenAway, Vec1};

impl SignIn {
    /// Sessions that are not over, the newest first.
    pub async fn sessions(&self, _: &Auditor, after: Option<&str>, limit: usize) -> Result<Page<Session>, StoreError> {
        let now = Millis::from(self.0.clock.now());
        self.0.store.sessions_newest_first(after, limit, now, self.idle_since(now)).await
    }

    /// Ends somebody's session at once, on every node, whether or not that can be recorded at this moment. Says whether there was
    /// one.
    pub async fn end_session(&self, id: SessionId, by: &Operator) -> Result<bool, StoreError> {
        // A row that is not ours has no owner that could be told, and ends all the same.
        let person = self.0.store.session(id).await?.map(|session| session.person);
        let owner =
            person.map(|person| (format!("{}/{}", person.subject.directory, person.username), person.subject.id));
        let (person, person_id) = owner.unzip();
        let changes = json!({ "session_id": id, "person": person, "person_id": person_id });
        let entry = by.did(Action::SessionEnded).changes(changes);
        Ok(self.0.trail.take_away(vec![Store::end_session(id)], Vec1::new(entry)).await? != TakenAway::Nothing)
    }
}
