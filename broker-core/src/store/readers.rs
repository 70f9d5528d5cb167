//! The connections that all gatherers of a store read by: whoever comes first takes one that is free, so that one that hangs holds up
//! nobody but those who read by it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Pool;
use super::at_hand::AtHand;

#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: Pool,
    count: usize,
    seats: Semaphore,
    /// Those that nobody reads by, the last used last.
    free: Mutex<Vec<AtHand>>,
}

/// The right to read by a connection.
pub(super) struct Seat<'r> {
    _permit: Option<SemaphorePermit<'r>>,
}

impl Readers {
    pub(super) fn of(pool: &Pool) -> Self {
        // SQLite answers faster than anybody could be woken beside it; a server is far away, and one answer must not wait for another.
        let count = match pool {
            Pool::Sqlite(_) => 1,
            Pool::Postgres(_) => FAR,
        };
        let (seats, free) = (Semaphore::new(count), Mutex::new(Vec::with_capacity(count)));
        Self(Arc::new(Shared { pool: pool.clone(), count, seats, free }))
    }

    /// How many can read at the same time.
    pub(super) fn count(&self) -> usize {
        self.0.count
    }

    /// A connection, once one is free.
    pub(super) async fn take(&self) -> (Seat<'_>, AtHand) {
        // It fails only where a semaphore is closed, which nobody does.
        let seat = Seat { _permit: self.0.seats.acquire().await.ok() };
        let kept = self.free().pop();
        (seat, kept.unwrap_or_else(|| AtHand::of(&self.0.pool)))
    }

    /// For the next one.
    pub(super) fn give(&self, seat: Seat<'_>, kept: AtHand) {
        self.free().push(kept);
        drop(seat);
    }

    /// Gives back what nobody has used for a while, and says whether that was all there is.
    pub(super) fn rest(&self) -> bool {
        let mut free = self.free();
        free.retain_mut(|kept| {
            kept.give_back_idle();
            kept.is_kept()
        });
        free.is_empty() && self.0.seats.available_permits() == self.0.count
    }

    fn free(&self) -> MutexGuard<'_, Vec<AtHand>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FAR: usize = 4;
