//! Seeded chance for the tests: the same choices in every run.
//!
//! The program under test has its own timing, so a run cannot be repeated exactly;
//! but the clients make the same choices each time.

use std::ops::Range;

/// A source of numbers: SplitMix64.
pub struct Chance(u64);

impl Chance {
    /// Begins a sequence of its own for each seed.
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Returns a number from the range.
    pub fn pick(&mut self, range: Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }
}
