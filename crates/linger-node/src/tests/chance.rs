//! Chance for tests: a few lines of SplitMix64, the same on every machine.
//!
//! Everything random in a test comes from a seed, so a failure can be replayed.

use std::ops::Range;

/// A stream of numbers that a seed decides.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Begins the stream of a seed. Different purposes take different seeds.
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// Returns a stream of its own for the part with this number.
    pub(crate) fn part(&self, number: u64) -> Chance {
        let mut chance = Chance(self.0 ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        chance.next();
        chance
    }

    /// Returns the next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number of the range, which is not empty.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// Tells whether something happens that happens in so many of 100 cases.
    pub(crate) fn happens(&mut self, percent: u64) -> bool {
        self.within(0..100) < percent
    }

    /// Returns one of several.
    pub(crate) fn pick<T: Copy>(&mut self, several: &[T]) -> T {
        several[self.within(0..several.len() as u64) as usize]
    }
}
