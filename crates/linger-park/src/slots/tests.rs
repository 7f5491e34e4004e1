//! The places against a plain map, and that the memory of those who left goes too.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn who_comes_and_goes_is_as_in_a_plain_map(
        acts in prop::collection::vec((any::<bool>(), any::<usize>()), 0..600),
        more_come in any::<bool>(),
    ) {
        let mut slots = Slots::new();
        let mut map = BTreeMap::new();
        for (number, (comes, which)) in acts.into_iter().enumerate() {
            if comes || (more_come && which % 3 > 0) || map.is_empty() {
                let next = slots.next_key();
                let key = slots.insert(number);
                prop_assert_eq!(key, next);
                prop_assert_eq!(map.insert(key, number), None, "{} was taken", key);
            } else {
                let key = *map.keys().nth(which % map.len()).unwrap();
                prop_assert_eq!(slots.remove(key), map.remove(&key).unwrap());
                prop_assert!(slots.get_mut(key).is_none());
            }
            prop_assert_eq!(slots.len(), map.len());
            let listed: Vec<_> = slots.iter().map(|(key, value)| (key, *value)).collect();
            let expected: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(listed, expected);
            prop_assert!(map.iter().all(|(key, value)| slots[*key] == *value));
            // No chunk is kept without need, and none beyond the most ever needed.
            let chunks = slots.chunks.iter().flatten();
            prop_assert!(chunks.clone().all(|chunk| chunk.taken > 0));
        }
    }
}

#[test]
fn one_who_stays_keeps_one_chunk() {
    let mut slots = Slots::new();
    for number in 0..100 * CHUNK {
        assert_eq!(slots.insert(number), number);
    }
    for stays in [0, 99 * CHUNK] {
        for key in (0..100 * CHUNK).filter(|key| *key != stays) {
            if slots.get_mut(key).is_some() {
                slots.remove(key);
            }
        }
        assert_eq!(slots.chunks.iter().flatten().count(), 1);
        slots.remove(stays);
        assert_eq!((slots.len(), slots.chunks.capacity()), (0, 0));
        for _ in 0..100 * CHUNK {
            slots.insert(0);
        }
    }
}
