//! How often one may change something: each kind of change has a quota for a person
//! and one for an address; new guests have one for an address.
//!
//! The quotas are generous: a class behind one address may come all at once, and nobody
//! types as fast as this. A person's quota stops a script; an address's quota also stops
//! one that makes new guests for itself. `LINGER_RATE_LIMITS=off` lifts them all.

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock, clock::DefaultClock};
use linger_core::UserId;

use crate::failure::Failure;

/// A kind of call by which a person changes something. New guests are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Sending a message.
    Message,
    /// Opening a room.
    Room,
    /// Joining a room, leaving it, adding somebody to it.
    Membership,
    /// Taking another name.
    Name,
    /// Sending a file.
    File,
}

/// Calls at once, and then calls in each minute.
type Rate = (u32, u32);

/// A lecture hall comes at once; after that five a second.
const GUESTS_OF_ADDRESS: Rate = (500, 300);
/// More at once than a person types; after that twenty a second.
const MESSAGES: Rate = (200, 1200);
/// A person may fill all the rooms that they may have (500) in some minutes.
const ROOMS: Rate = (100, 120);
/// Somebody who tidies up leaves many rooms at once.
const MEMBERSHIPS: Rate = (200, 300);
/// Each new name is news for everybody in all rooms of this person.
const NAMES: Rate = (20, 30);
/// More at once than a page sends of one selection.
const FILES: Rate = (100, 60);
/// An address has the quota of so many people. It may have more people, but they do not
/// all do the same thing all the time.
const PEOPLE_OF_ADDRESS: u32 = 20;
/// Above so many, those who were quiet for long enough are forgotten.
const KNOWN_MIN: usize = 10_000;

/// The rates of everybody.
pub struct Rates {
    /// None: rates are not limited.
    all: Option<All>,
}

struct All {
    guests: Counts<IpAddr>,
    /// In the order of [`Change`].
    changes: [Quotas; 5],
}

/// The quotas of one kind of call.
struct Quotas {
    of_person: Counts<UserId>,
    of_address: Counts<IpAddr>,
}

/// The calls of each person or address.
struct Counts<K: Clone + Eq + Hash> {
    limiter: DefaultKeyedRateLimiter<K>,
    /// Above so many keys, it is time to forget some.
    tidy_at: AtomicUsize,
}

impl Rates {
    /// Makes quotas, or none if it is off.
    pub(crate) fn new(is_on: bool) -> Rates {
        let all = is_on.then(|| All {
            guests: Counts::new(GUESTS_OF_ADDRESS),
            changes: [MESSAGES, ROOMS, MEMBERSHIPS, NAMES, FILES].map(Quotas::new),
        });
        Rates { all }
    }

    /// Counts a new guest from this address. Errors: 429 with Retry-After.
    pub fn guest(&self, address: IpAddr) -> Result<(), Failure> {
        let Some(all) = &self.all else { return Ok(()) };
        all.guests.count(&network_of(address), "too many new guests from your address")
    }

    /// Counts a change by this person, who calls from this address. Errors: 429 with
    /// Retry-After.
    pub fn count(&self, change: Change, user: UserId, address: IpAddr) -> Result<(), Failure> {
        let Some(all) = &self.all else { return Ok(()) };
        let Quotas { of_person, of_address } = &all.changes[change as usize];
        of_person.count(&user, change.too_often())?;
        of_address.count(&network_of(address), change.too_often_from_address())
    }
}

impl Change {
    fn too_often(self) -> &'static str {
        match self {
            Change::Message => "you are sending too fast",
            Change::Room => "you are opening rooms too fast",
            Change::Membership => "you are changing members too fast",
            Change::Name => "you are changing your name too often",
            Change::File => "you are sending files too fast",
        }
    }

    fn too_often_from_address(self) -> &'static str {
        match self {
            Change::Message => "too many messages from your address",
            Change::Room => "too many new rooms from your address",
            Change::Membership => "too many changes of members from your address",
            Change::Name => "too many new names from your address",
            Change::File => "too many files from your address",
        }
    }
}

impl Quotas {
    fn new(rate: Rate) -> Quotas {
        let (burst, per_minute) = rate;
        let of_address = (burst * PEOPLE_OF_ADDRESS, per_minute * PEOPLE_OF_ADDRESS);
        Quotas { of_person: Counts::new(rate), of_address: Counts::new(of_address) }
    }
}

impl<K: Clone + Eq + Hash> Counts<K> {
    fn new((burst, per_minute): Rate) -> Counts<K> {
        let number = |n| NonZeroU32::new(n).expect("rates are not zero");
        let quota = Quota::per_minute(number(per_minute)).allow_burst(number(burst));
        Counts { limiter: RateLimiter::keyed(quota), tidy_at: AtomicUsize::new(KNOWN_MIN) }
    }

    fn count(&self, key: &K, what: &str) -> Result<(), Failure> {
        if self.limiter.len() > self.tidy_at.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            // Twice as many as are left, so that each new key pays for the look at two others.
            let tidy_at = KNOWN_MIN.max(2 * self.limiter.len());
            self.tidy_at.store(tidy_at, Ordering::Relaxed);
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Failure::too_many(what, wait.as_secs() + 1)
        })
    }
}

/// Returns the part that counts as one address: in IPv6 a household has a whole /64.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use linger_core::Position;

    use super::*;

    const CHANGES: [(Change, Rate); 5] = [
        (Change::Message, MESSAGES),
        (Change::Room, ROOMS),
        (Change::Membership, MEMBERSHIPS),
        (Change::Name, NAMES),
        (Change::File, FILES),
    ];

    fn user(number: u32) -> UserId {
        UserId::new(Position::new(number.into()))
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    /// Returns how many of these calls are granted before one is refused. That may be a few
    /// more than the burst, because time passes.
    fn granted(calls: impl Iterator<Item = Result<(), Failure>>) -> usize {
        calls.take_while(Result::is_ok).count()
    }

    #[test]
    fn each_kind_of_change_is_counted_for_a_person_wherever_they_call_from() {
        for (change, (burst, _)) in CHANGES {
            let rates = Rates::new(true);
            let calls = (0..burst * 2).map(|number| rates.count(change, user(1), address(number)));
            let granted = granted(calls);
            assert!(
                (burst as usize..burst as usize * 2).contains(&granted),
                "{change:?} {granted}"
            );
            assert_eq!(rates.count(change, user(2), address(1)), Ok(()), "{change:?}");
            // Other kinds have quotas of their own.
            for (other, _) in CHANGES.into_iter().filter(|(other, _)| *other != change) {
                assert_eq!(rates.count(other, user(1), address(1)), Ok(()), "{change:?} {other:?}");
            }
        }
    }

    #[test]
    fn each_kind_of_change_is_counted_for_an_address_whoever_calls_from_there() {
        for (change, (burst, _)) in CHANGES {
            let rates = Rates::new(true);
            let burst = burst * PEOPLE_OF_ADDRESS;
            let calls = (0..burst * 2).map(|number| rates.count(change, user(number), address(1)));
            let granted = granted(calls);
            assert!(
                (burst as usize..burst as usize * 2).contains(&granted),
                "{change:?} {granted}"
            );
            assert_eq!(rates.count(change, user(0), address(2)), Ok(()), "{change:?}");
        }
    }

    #[test]
    fn those_who_are_quiet_are_forgotten() {
        let counts = Counts::new((1, 60_000));
        for number in 0..100_000 {
            let _ = counts.count(&number, "too often");
        }
        assert!(counts.limiter.len() < 100_000, "{}", counts.limiter.len());
    }
}
