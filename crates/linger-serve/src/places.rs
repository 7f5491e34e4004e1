//! Places: how many connections there may be, all together and from one address.
//!
//! A [`Place`] is a right to a connection. It travels with the connection, into
//! the park and out again, and is given back when the connection is dropped. The door
//! hands places out; nobody else counts connections.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::Semaphore;

use crate::rates::network_of;

/// The places of one server.
pub(crate) struct Places {
    free: Semaphore,
    per_address_max: Option<usize>,
    /// Connections by address. Only addresses that have some are here, so it is bounded.
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// A right to one connection.
pub(crate) struct Place {
    places: Arc<Places>,
    /// The address that counts it, if any.
    address: Option<IpAddr>,
}

// It is a part of every parked connection's record.
const _: () = assert!(size_of::<Place>() <= 40, "a place is too large to be parked");

impl Places {
    /// Makes so many places. None: one address may take them all.
    pub(crate) fn new(places: usize, per_address_max: Option<usize>) -> Arc<Places> {
        let free = Semaphore::new(places);
        Arc::new(Places { free, per_address_max, counts: Mutex::default() })
    }

    /// Waits for a place.
    pub(crate) async fn take(self: &Arc<Places>) -> Place {
        self.free.acquire().await.expect("it is never closed").forget();
        Place { places: self.clone(), address: None }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().expect("no holder of this lock panics")
    }
}

impl Place {
    /// Counts it for an address. Tells whether it may stay, because the address has not
    /// too many already. An IPv6 /64 counts as one address.
    pub(crate) fn count_for(&mut self, address: IpAddr) -> bool {
        let Some(max) = self.places.per_address_max else { return true };
        assert!(self.address.is_none(), "it is counted for {:?} already", self.address);
        let address = network_of(address);
        let mut counts = self.places.lock();
        let count = counts.entry(address).or_default();
        if *count >= max {
            return false;
        }
        *count += 1;
        drop(counts);
        self.address = Some(address);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut counts = self.places.lock();
            let Entry::Occupied(mut count) = counts.entry(address) else {
                panic!("{address} has a place and no count");
            };
            match count.get() {
                1 => drop(count.remove()),
                _ => *count.get_mut() -= 1,
            }
        }
        self.places.free.add_permits(1);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Place, Places};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_gets_it_back() {
        let places = Places::new(10, Some(2));
        let mut taken: Vec<Place> = Vec::new();
        let cases = [
            ("first", "192.0.2.1", true),
            ("second, in another form", "::ffff:192.0.2.1", true),
            ("one too many", "192.0.2.1", false),
            ("a neighbour", "192.0.2.2", true),
            ("a household", "2001:db8:0:1::1", true),
            ("the same household", "2001:db8:0:1:ffff::2", true),
            ("the same again", "2001:db8:0:1::3", false),
            ("another household", "2001:db8:0:2::1", true),
        ];
        for (case, from, expected) in cases {
            let mut place = places.take().await;
            assert_eq!(place.count_for(address(from)), expected, "{case}");
            if expected {
                taken.push(place);
            }
        }
        assert_eq!(places.free.available_permits(), 10 - taken.len());
        drop(taken.remove(0));
        assert!(places.take().await.count_for(address("192.0.2.1")), "one was given back");
        taken.clear();
        assert_eq!(places.free.available_permits(), 10);
        assert_eq!(places.lock().len(), 0, "nobody is remembered who has no connection");
    }

    #[tokio::test]
    async fn without_a_share_one_address_may_take_all() {
        let places = Places::new(10, None);
        let mut taken = Vec::new();
        for _ in 0..10 {
            let mut place = places.take().await;
            assert!(place.count_for(address("192.0.2.1")));
            taken.push(place);
        }
        assert_eq!(places.free.available_permits(), 0);
    }
}
