//! The only source of wall time and of chance, handed in by the program.
//!
//! Tests hand in one that they control.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use linger_core::Timestamp;

/// Wall time and chance.
pub trait Clock: Send + Sync {
    /// Returns the wall time.
    fn now(&self) -> Timestamp;

    /// Returns 32 random bytes that nobody can guess.
    fn secret(&self) -> [u8; 32];

    /// Returns 32 random bytes that differ from all others of their kind. They need not be
    /// kept secret.
    fn nonce(&self) -> [u8; 32] {
        self.secret()
    }

    /// Returns a random number that nobody can guess.
    fn random(&self) -> u64 {
        let secret = self.secret();
        u64::from_le_bytes(secret[..8].try_into().expect("eight of 32 bytes"))
    }
}

/// How many nonces are taken from the system at once: without that, each send would cost
/// one more system call.
const NONCES: usize = 64;

/// Nonces that nobody has yet.
struct Nonces {
    bytes: [[u8; 32]; NONCES],
    left: usize,
}

thread_local! {
    static NONCES_HERE: RefCell<Nonces> =
        const { RefCell::new(Nonces { bytes: [[0; 32]; NONCES], left: 0 }) };
}

impl Nonces {
    fn next(&mut self) -> [u8; 32] {
        if self.left == 0 {
            fill(self.bytes.as_flattened_mut());
            self.left = NONCES;
        }
        self.left -= 1;
        self.bytes[self.left]
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
        fill(&mut bytes);
        bytes
    }

    fn nonce(&self) -> [u8; 32] {
        NONCES_HERE.with_borrow_mut(Nonces::next)
    }
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system has randomness");
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn no_nonce_comes_twice_on_any_thread() {
        let take = || -> Vec<_> { (0..NONCES * 3 + 1).map(|_| SystemClock.nonce()).collect() };
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(take)).collect();
        let nonces = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        let all: Vec<_> = nonces.chain(take()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert!(!all.contains(&[0; 32]));
    }
}
