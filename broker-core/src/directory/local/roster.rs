//! What the store's users are at this moment, in memory: so that whoever was taken out of a group is so within a moment, on every node,
//! though their session was looked up a minute ago.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::stored::mark_of;
use crate::caller::{Person, Subject};
use crate::directory::PasswordMark;
use crate::local_user::LocalUser;
use crate::name::DirectoryName;
use crate::store::{Store, StoreError};

/// A copy of the users in the store, a quarter of a second old at most. It lets nobody in: it only says who is to be looked up again.
#[derive(Clone, Debug)]
pub struct Roster {
    store: Store,
    current: Arc<RwLock<Arc<Copy>>>,
    /// Whose turn it is to read: what was read first must not be put in the place of what was read later.
    reading: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct Copy {
    /// Nothing before the first reading.
    revision: Option<i64>,
    /// Those who may come in.
    people: HashMap<Subject, (Person, PasswordMark)>,
    users: Vec<LocalUser>,
}

impl Roster {
    /// Has nothing in it until it is read.
    pub fn of(store: Store) -> Self {
        Self { store, current: Arc::default(), reading: Arc::default() }
    }

    /// Reads again if anything changed.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _turn = self.reading.lock().await;
        let revision = self.store.people_revision().await?;
        if self.current().revision == Some(revision) { Ok(()) } else { self.read(revision).await }
    }

    /// Reads again whatever the counter says: whoever writes to the database may hold it back.
    async fn reread(&self) -> Result<(), StoreError> {
        let _turn = self.reading.lock().await;
        self.read(self.store.people_revision().await?).await
    }

    async fn read(&self, revision: i64) -> Result<(), StoreError> {
        // What changes after this is read twice rather than never.
        let (users, groups) = (self.store.all_local_users().await?.good, self.store.all_local_groups().await?.good);
        let good =
            users.iter().filter(|user| !user.details.disabled).map(|user| (user.in_groups(&groups), mark_of(user)));
        let people = good.map(|(person, mark)| (person.subject.clone(), (person, mark))).collect();
        let next = Arc::new(Copy { revision: Some(revision), people, users });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// Follows the changes of other nodes and of the command line for good.
    pub async fn follow(self) {
        let (mut failing, mut read_at) = (false, Instant::now());
        loop {
            let read = if read_at.elapsed() < REREAD_EVERY {
                self.refresh().await
            } else {
                read_at = Instant::now();
                self.reread().await
            };
            match read {
                Ok(()) => failing = false,
                // Logged once a failure. Whoever signs in, or is looked up again, is read from the store itself.
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, source = ?std::error::Error::source(&error), "cannot read which local users have changed");
                }
                Err(_) => {}
            }
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }

    /// Whether they are as they were, as far as is known here.
    pub(super) fn says_the_same_of(&self, person: &Person, is_theirs: impl Fn(&PasswordMark) -> bool) -> bool {
        let current = self.current();
        let is_so = || current.people.get(&person.subject).is_some_and(|(now, mark)| now == person && is_theirs(mark));
        current.revision.is_none() || is_so()
    }

    /// The users of a directory whose names fit.
    pub(super) fn users_of(&self, directory: &DirectoryName, fits: impl Fn(&LocalUser) -> bool) -> Vec<LocalUser> {
        let current = self.current();
        current.users.iter().filter(|user| user.directory == *directory && fits(user)).cloned().collect()
    }

    fn current(&self) -> Arc<Copy> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

const FOLLOW_EVERY: Duration = Duration::from_millis(250);
const REREAD_EVERY: Duration = Duration::from_secs(30);
