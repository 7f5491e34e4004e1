//! The wheel against a naive second opinion: a plain map of keys and due times.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

struct Slot(Timer);

impl AsMut<Timer> for Slot {
    fn as_mut(&mut self) -> &mut Timer {
        &mut self.0
    }
}

/// An operation on the wheel. Keys are taken modulo the slots there are; times are from now.
#[derive(Debug, Clone)]
enum Act {
    Set(usize, u64),
    Clear(usize),
    Pass(u64),
    /// As a shard does: until the wheel says that it should turn.
    Sleep,
}

const WHO: usize = 20;

fn acts() -> impl Strategy<Value = Act> {
    let ahead = prop_oneof![0..500_u64, 0..60_000_u64, 100_000..110_000_u64, 0..1_000_000_u64];
    prop_oneof![
        4 => (0..WHO, ahead).prop_map(|(who, ms)| Act::Set(who, ms)),
        2 => (0..WHO).prop_map(Act::Clear),
        2 => prop_oneof![0..300_u64, 0..20_000_u64, 0..500_000_u64].prop_map(Act::Pass),
        2 => Just(Act::Sleep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn who_is_due_is_called_at_the_next_tick_once_and_nobody_else(
        acts in prop::collection::vec(acts(), 0..200),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut slots = Slots::new();
        for _ in 0..WHO {
            slots.insert(Slot(Timer::OFF));
        }
        let mut wheel = Wheel::new(start);
        // The tick, in milliseconds since the start, at which each is due.
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        for act in acts {
            let ms = (now - start).as_millis() as u64;
            match act {
                Act::Set(who, ahead) => {
                    wheel.set(&mut slots, who as u32, now + Duration::from_millis(ahead));
                    let tick = (ms + ahead).div_ceil(100).max(ms / 100 + 1);
                    model.insert(who as u32, tick * 100);
                }
                Act::Clear(who) => {
                    wheel.clear(&mut slots, who as u32);
                    model.remove(&(who as u32));
                }
                Act::Pass(ms) => now += Duration::from_millis(ms),
                Act::Sleep => {
                    let next = wheel.next_turn();
                    prop_assert_eq!(next.is_some(), !model.is_empty());
                    let first_due = model.values().min();
                    let first_due = first_due.map(|&ms| start + Duration::from_millis(ms));
                    prop_assert!(next <= first_due, "it would oversleep");
                    if let Some(next) = next {
                        prop_assert!(next > now, "it would not sleep");
                        now = next;
                    }
                }
            }
            let ms = (now - start).as_millis() as u64;
            let mut due = Vec::new();
            wheel.turn(&mut slots, now, &mut due);
            due.sort_unstable();
            let expected: Vec<u32> =
                model.iter().filter(|(_, tick)| **tick <= ms).map(|(who, _)| *who).collect();
            model.retain(|_, tick| *tick > ms);
            prop_assert_eq!(due, expected);
        }
        let mut due = Vec::new();
        wheel.turn(&mut slots, now + Duration::from_secs(2000), &mut due);
        due.sort_unstable();
        prop_assert_eq!(due, model.into_keys().collect::<Vec<_>>());
        prop_assert_eq!(wheel.next_turn(), None);
    }
}
