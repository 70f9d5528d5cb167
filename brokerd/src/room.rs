//! Room for connections and for requests: so many in all, and so many of one address, so that nobody takes everybody's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_core::network::Network;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of places, and how many of them one address may have. Clones share the places.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
}

/// One place, given back when it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// One of an address's places, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    of: Network,
}

#[derive(Debug)]
struct Shares {
    limit: usize,
    taken: Mutex<HashMap<Network, usize>>,
}

impl Room {
    pub(crate) fn new(places: usize, share: usize) -> Self {
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { places, shares: Arc::new(Shares { limit: share, taken: Mutex::default() }) }
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// A place, if one is free.
    pub(crate) fn free_place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// One more of what an address may have, if it has not had all of it.
    pub(crate) fn share(&self, address: IpAddr) -> Option<Share> {
        let of = Network::of(address);
        let mut taken = self.shares.taken();
        let count = taken.entry(of).or_default();
        if *count >= self.shares.limit {
            return None;
        }
        *count += 1;
        Some(Share { shares: Arc::clone(&self.shares), of })
    }
}

impl Shares {
    /// Nothing that holds the lock can panic; were it otherwise, the numbers would still be right.
    fn taken(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Some(count) = taken.get_mut(&self.of) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_share_and_no_more_and_gives_it_back() {
        let room = Room::new(10, 2);
        let held = [(); 2].map(|()| room.share(address("192.0.2.1")).unwrap());
        assert!(room.share(address("192.0.2.1")).is_none());
        assert!(room.share(address("::ffff:192.0.2.1")).is_none(), "written otherwise it is the same");
        assert!(room.share(address("192.0.2.2")).is_some(), "others have theirs");
        drop(held);
        assert!(room.shares.taken().is_empty(), "nobody is remembered who has nothing");
        assert!(room.share(address("192.0.2.1")).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let room = Room::new(10, 1);
        let _held = room.share(address("2001:db8:1:2::1")).unwrap();
        assert!(room.share(address("2001:db8:1:2:ffff::9")).is_none());
        assert!(room.share(address("2001:db8:1:3::1")).is_some());
    }

    #[test]
    fn places_are_limited_for_all() {
        let room = Room::new(1, 9);
        let held = room.free_place().unwrap();
        assert!(room.free_place().is_none());
        drop(held);
        assert!(room.free_place().is_some());
    }
}
