//! Seeded random numbers.

use std::time::Duration;

/// Xorshift, which is good enough to choose actions.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Zero would remain zero.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub fn duration(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.next() % (longest.as_micros() as u64).max(1))
    }

    /// Another generator with other numbers.
    pub fn split(&mut self) -> Self {
        Self::new(self.next())
    }
}
