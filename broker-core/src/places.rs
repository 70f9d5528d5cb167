//! So many at a time for each of many, so that what is slow or greedy takes nobody else's place.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of places for each key. Only those that are in use are remembered.
#[derive(Debug)]
pub(crate) struct Places<K> {
    each: usize,
    used: Mutex<HashMap<K, Arc<Semaphore>>>,
}

/// One place, given back when it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl<K: Eq + Hash> Places<K> {
    pub(crate) fn new(each: usize) -> Self {
        Self { each, used: Mutex::default() }
    }

    /// A place, if one is free.
    pub(crate) fn free(&self, key: K) -> Option<Place> {
        self.of(key).try_acquire_owned().ok()
    }

    /// Waits for a place.
    pub(crate) async fn next(&self, key: K) -> Option<Place> {
        self.of(key).acquire_owned().await.ok()
    }

    fn of(&self, key: K) -> Arc<Semaphore> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has a place, or waits for one, holds on to it.
        used.retain(|_, places| Arc::strong_count(places) > 1);
        Arc::clone(used.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_has_so_many_and_nobody_is_remembered_who_has_none() {
        let places = Places::new(2);
        let held = [(); 2].map(|()| places.free("one").unwrap());
        assert!(places.free("one").is_none());
        let other = places.next("other").await.unwrap();
        drop(held);
        assert!(places.free("one").is_some(), "given back");
        drop(other);
        let _last = places.free("last").unwrap();
        assert_eq!(places.used.lock().unwrap().keys().collect::<Vec<_>>(), [&"last"]);
    }
}
