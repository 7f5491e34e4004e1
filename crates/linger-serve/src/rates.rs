//! How often one may ask: guests per address, sends per person.
//!
//! Generous: a class behind one address may come all at once, and nobody types
//! as fast as this. It stops scripts, not people. `LINGER_RATE_LIMITS=off`
//! lifts it for benchmarks.

use std::{net::IpAddr, num::NonZeroU32};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock, clock::DefaultClock};
use linger_core::UserId;

use crate::failure::Failure;

/// New guests from one address: a lecture hall at once, then five a second.
const GUESTS: (u32, u32) = (500, 5);
/// Messages of one person: a script's burst, then twenty a second.
const SENDS: (u32, u32) = (200, 20);
/// After so many checks, forget those who have been quiet long enough.
const TIDY_EVERY: usize = 10_000;

/// The rates of everybody.
pub struct Rates {
    limits: Option<Limiters>,
}

struct Limiters {
    guests: DefaultKeyedRateLimiter<IpAddr>,
    sends: DefaultKeyedRateLimiter<UserId>,
}

impl Rates {
    /// Limits rates, or does not.
    pub(crate) fn new(is_on: bool) -> Rates {
        let limits = is_on.then(|| Limiters {
            guests: RateLimiter::keyed(quota(GUESTS)),
            sends: RateLimiter::keyed(quota(SENDS)),
        });
        Rates { limits }
    }

    /// Counts a new guest from this address. Errors: 429 with Retry-After.
    pub fn guest(&self, address: IpAddr) -> Result<(), Failure> {
        let Some(limits) = &self.limits else { return Ok(()) };
        check(&limits.guests, &network_of(address), "too many new guests from your address")
    }

    /// Counts a send by this person. Errors: 429 with Retry-After.
    pub fn send(&self, user: UserId) -> Result<(), Failure> {
        let Some(limits) = &self.limits else { return Ok(()) };
        check(&limits.sends, &user, "you are sending too fast")
    }
}

fn quota((burst, per_second): (u32, u32)) -> Quota {
    let number = |n| NonZeroU32::new(n).expect("rates are not zero");
    Quota::per_second(number(per_second)).allow_burst(number(burst))
}

fn check<K: Clone + Eq + std::hash::Hash>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
    what: &str,
) -> Result<(), Failure> {
    if limiter.len() > TIDY_EVERY {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        Failure::too_many(what, wait.as_secs() + 1)
    })
}

/// Returns what counts as one address: in IPv6 a household has a whole /64.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}
