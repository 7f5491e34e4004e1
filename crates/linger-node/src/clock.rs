//! The only source of wall time and of chance, handed in by the program.
//!
//! Tests hand in one that they control.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use linger_core::Timestamp;

/// Wall time and chance.
pub trait Clock: Send + Sync {
    /// Returns the wall time.
    fn now(&self) -> Timestamp;

    /// Returns 32 random bytes that nobody can guess.
    fn secret(&self) -> [u8; 32];

    /// Returns 32 random bytes for what must differ from all others of its kind, and
    /// need not be kept secret.
    fn nonce(&self) -> [u8; 32] {
        self.secret()
    }

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
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_ms(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => ms(since),
            Err(before) => -ms(before.duration()),
        })
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        bytes
    }
}
