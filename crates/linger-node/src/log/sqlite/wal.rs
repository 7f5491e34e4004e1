//! Looks at a log's write-ahead log before SQLite does: was something lost in the
//! middle of it?
//!
//! SQLite reads a WAL up to the first frame that does not fit, and treats that as
//! its end. That is right after a crash, which may leave the last transaction half
//! written. But each transaction is synced before the next one begins. So if frames
//! go on correctly behind one that does not fit, and they are more than the rest of
//! that one transaction, then something was damaged that had been acknowledged.
//!
//! Source: the SQLite file format, "The Write-Ahead Log".

use std::{fs, io, path::Path};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Big-endian checksums. On little-endian machines SQLite writes the other number.
const MAGIC_BIG: u32 = 0x377f_0683;
const MAGIC_LITTLE: u32 = 0x377f_0682;

/// The running checksum of a WAL.
type Checksum = (u32, u32);

/// Tells whether frames are lost in the middle of the WAL at `path`. Reads all of it; a
/// missing WAL has lost nothing.
pub(crate) fn has_lost_frames(path: &Path) -> io::Result<bool> {
    match fs::read(path) {
        Ok(bytes) => Ok(Wal::of(&bytes).is_some_and(|wal| wal.has_lost_frames())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

struct Wal<'a> {
    header: &'a [u8],
    frames: Vec<&'a [u8]>,
    is_big: bool,
}

impl<'a> Wal<'a> {
    fn of(bytes: &'a [u8]) -> Option<Wal<'a>> {
        let header = bytes.get(..HEADER)?;
        // If the header itself is damaged, the frames after it show that: each form
        // is tried.
        let page = match word(header, 8) as usize {
            page if page.is_power_of_two() && (512..=65_536).contains(&page) => page,
            _ => 4096,
        };
        let frames = bytes[HEADER..].chunks_exact(FRAME_HEADER + page).collect();
        Some(Wal { header, frames, is_big: word(header, 0) != MAGIC_LITTLE })
    }

    fn has_lost_frames(&self) -> bool {
        let known = [MAGIC_BIG, MAGIC_LITTLE].contains(&word(self.header, 0));
        let orders: &[bool] = if known { &[self.is_big] } else { &[false, true] };
        orders.iter().any(|&is_big| Wal { is_big, ..self.clone() }.goes_on_after_a_break())
    }

    fn clone(&self) -> Wal<'a> {
        Wal { header: self.header, frames: self.frames.clone(), is_big: self.is_big }
    }

    fn goes_on_after_a_break(&self) -> bool {
        let computed = self.sum((0, 0), &self.header[..24]);
        let stored = checksum(self.header, 24);
        if computed != stored {
            return self.goes_on([computed, stored], &self.frames, true);
        }
        let mut sum = stored;
        for (place, frame) in self.frames.iter().enumerate() {
            let computed = self.frame_sum(sum, frame);
            let stored = checksum(frame, 16);
            if computed != stored || !self.is_of_this_generation(frame) {
                let rest = &self.frames[place + 1..];
                // An older generation left its frames behind, which follow each other, too.
                let ours = rest.iter().take_while(|frame| self.is_of_this_generation(frame));
                let rest = &rest[..ours.count()];
                return self.goes_on([computed, stored], rest, is_commit(frame));
            }
            sum = computed;
        }
        false
    }

    /// Tells whether these frames follow one of the checksums, and there is one after
    /// the end of a transaction.
    fn goes_on(&self, from: [Checksum; 2], frames: &[&[u8]], was_commit: bool) -> bool {
        let follows = |mut sum: Checksum| {
            let mut is_after_commit = was_commit;
            for frame in frames {
                sum = self.frame_sum(sum, frame);
                if sum != checksum(frame, 16) {
                    return false;
                }
                if is_after_commit {
                    return true;
                }
                is_after_commit = is_commit(frame);
            }
            false
        };
        from.into_iter().any(follows)
    }

    /// Tells whether a frame was written since the WAL was last begun anew.
    fn is_of_this_generation(&self, frame: &[u8]) -> bool {
        frame[8..16] == self.header[16..24]
    }

    fn frame_sum(&self, sum: Checksum, frame: &[u8]) -> Checksum {
        self.sum(self.sum(sum, &frame[..8]), &frame[FRAME_HEADER..])
    }

    fn sum(&self, (mut one, mut other): Checksum, bytes: &[u8]) -> Checksum {
        for pair in bytes.chunks_exact(8) {
            let number = |at: usize| {
                let word: [u8; 4] = pair[at..at + 4].try_into().expect("four of eight bytes");
                if self.is_big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
            };
            one = one.wrapping_add(number(0)).wrapping_add(other);
            other = other.wrapping_add(number(4)).wrapping_add(one);
        }
        (one, other)
    }
}

/// Tells whether a frame is the last of its transaction.
fn is_commit(frame: &[u8]) -> bool {
    word(frame, 4) != 0
}

fn checksum(bytes: &[u8], at: usize) -> Checksum {
    (word(bytes, at), word(bytes, at + 4))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A WAL of so many transactions of one row each, as a killed process leaves it.
    fn wal(transactions: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("a.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("CREATE TABLE t (v TEXT)").unwrap();
        for number in 1..transactions {
            connection.execute("INSERT INTO t VALUES (?1)", [format!("row {number}")]).unwrap();
        }
        fs::read(folder.path().join("a.db-wal")).unwrap()
    }

    fn has_lost(bytes: &[u8]) -> bool {
        Wal::of(bytes).is_some_and(|wal| wal.has_lost_frames())
    }

    #[test]
    fn a_whole_wal_and_one_that_ends_early_have_lost_nothing() {
        let whole = wal(10);
        assert!(!has_lost(&whole));
        assert!(!has_lost(&[]));
        for end in (0..whole.len()).step_by(97) {
            assert!(!has_lost(&whole[..end]), "cut off at {end}");
        }
        let mut padded = whole.clone();
        padded.extend([0; 20_000]);
        assert!(!has_lost(&padded));
        // Frames that an earlier generation left behind it are no loss.
        let mut over_older = wal(4);
        over_older.extend(&whole[over_older.len()..]);
        assert!(!has_lost(&over_older));
    }

    #[test]
    fn any_damaged_byte_that_is_not_in_the_last_transaction_is_a_loss() {
        let whole = wal(10);
        let last = whole.len() - FRAME_HEADER - 4096;
        for at in (0..HEADER + FRAME_HEADER + 64).chain((0..last).step_by(61)) {
            // The salts of a frame are in no checksum; SQLite stops there, too. The page's
            // size says where frames begin, and the rest of the header is not used.
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert!(has_lost(&damaged), "byte {at}");
        }
        for at in (last..whole.len()).step_by(61) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            // A crash leaves the same.
            assert!(!has_lost(&damaged), "byte {at}");
        }
    }
}
