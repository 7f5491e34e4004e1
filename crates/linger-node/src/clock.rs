//! The only source of wall time and of chance, handed in by the program.
//!
//! Tests hand in one that they control.

use std::time::{SystemTime, UNIX_EPOCH};

use linger_core::Timestamp;

/// Wall time and chance.
pub trait Clock: Send + Sync {
    /// Returns the wall time.
    fn now(&self) -> Timestamp;

    /// Returns 32 random bytes that nobody can guess.
    fn secret(&self) -> [u8; 32];

    /// Returns a random number that nobody can guess.
    fn random(&self) -> u64 {
        let secret = self.secret();
        u64::from_le_bytes(secret[..8].try_into().expect("eight of 32 bytes"))
    }
}

/// The operating system's time and chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        bytes
    }
}
