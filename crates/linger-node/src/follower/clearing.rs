//! Clears the unused middle of each page of a database file.
//!
//! When SQLite spreads rows anew over pages that are full (`rebuildPage` in 3.54.1), copies of some
//! stay where no row is any more: between the list of a page's cells and the cells.
//! `secure_delete` overwrites what is deleted, and not these copies; SQLite itself never reads
//! them. Source: "Database File Format", section 1.6.
//!
//! The caller makes sure that nobody writes the file meanwhile: all is committed, its WAL is
//! empty, and the caller is the one who writes.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

/// Bytes that are looked through at once: others wait for the follower meanwhile.
const BYTES_AT_ONCE: u64 = 32 << 20;
/// The header of the file, in its first page.
const FILE_HEADER: usize = 100;
/// SQLite locks bytes here, and keeps nothing in their page.
const LOCKED: u64 = 1 << 30;

/// Clears a part of the file, from a byte on. Returns where the next part begins; none at the
/// end.
///
/// Errors: the file cannot be read or written, or it is no database.
pub(super) fn clear_from(path: &Path, begin: u64) -> io::Result<Option<u64>> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut header = [0; FILE_HEADER];
    file.read_exact_at(&mut header, 0)?;
    // 1 stands for 65536.
    let page_bytes = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 1 << 16,
        bytes => bytes,
    };
    if !header.starts_with(b"SQLite format 3\0")
        || !page_bytes.is_power_of_two()
        || page_bytes < 512
    {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no database"));
    }
    let reserved = usize::from(header[20]);
    let end = file.metadata()?.len() / page_bytes * page_bytes;
    let mut page = vec![0; page_bytes as usize];
    let mut place = begin;
    while place < end && place < begin + BYTES_AT_ONCE {
        if place / page_bytes != LOCKED / page_bytes {
            file.read_exact_at(&mut page, place)?;
            let header_at = if place == 0 { FILE_HEADER } else { 0 };
            let usable = page.len() - reserved;
            if let Some((from, to)) = middle(&page[..usable], header_at)
                && page[from..to].iter().any(|byte| *byte != 0)
            {
                let zeros = vec![0; to - from];
                file.write_all_at(&zeros, place + from as u64)?;
            }
        }
        place += page_bytes;
    }
    if place < end {
        return Ok(Some(place));
    }
    file.sync_data()?;
    Ok(None)
}

/// Returns the unused middle of a page of a B-tree; none of other pages. Those begin with the
/// number of another page, below 2^24, or are empty: their first byte is 0.
fn middle(page: &[u8], header_at: usize) -> Option<(usize, usize)> {
    let header = &page[header_at..];
    let header_len = match header[0] {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let number = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let from = header_at + header_len + 2 * number(3);
    let to = match number(5) {
        0 => 1 << 16,
        to => to,
    };
    (from < to && to <= page.len()).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::{Connection, params};

    use super::*;
    use crate::tests::chance::Chance;

    /// Returns the words that stand in the file.
    fn found(path: &Path, words: &[String]) -> Vec<String> {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        words.iter().filter(|word| text.contains(*word)).cloned().collect()
    }

    /// Has rows written, grown and deleted for a while, as seeded. Returns the words of those
    /// that are gone, and of those that are there.
    fn written(path: &Path, seed: u64) -> (Vec<String>, Vec<String>) {
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        db.pragma_update(None, "secure_delete", true).unwrap();
        db.execute_batch(
            "CREATE TABLE rows (id INTEGER PRIMARY KEY, place INTEGER, text TEXT);
             CREATE INDEX by_place ON rows (place, id)",
        )
        .unwrap();
        let mut chance = Chance::new(seed);
        let (mut words, mut gone) = (BTreeMap::new(), Vec::new());
        for round in 0..6 {
            db.execute_batch("BEGIN").unwrap();
            for step in 0..if round == 0 { 300 } else { 50 } {
                let id = if round == 0 { step } else { chance.within(0..300) };
                let word = format!("word-{round}-{step}-end");
                let is_kept = round == 0 || chance.happens(50);
                let text = format!("{word} {}", "x".repeat(chance.within(0..600) as usize));
                let sql = "INSERT OR REPLACE INTO rows VALUES (?1, ?1 % 7, ?2)";
                db.execute(sql, params![id, is_kept.then_some(text)]).unwrap();
                let before = if is_kept { words.insert(id, word) } else { words.remove(&id) };
                gone.extend(before);
            }
            db.execute_batch("COMMIT").unwrap();
        }
        assert!(linger_core::empty_wal(&db).unwrap());
        let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        (gone, words.into_values().collect())
    }

    #[test]
    fn copies_that_sqlite_leaves_of_deleted_rows_are_cleared_and_the_file_is_sound() {
        let mut left = 0;
        for seed in 1..=12 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("some.db");
            let (gone, kept) = written(&path, seed);
            left += found(&path, &gone).len();
            let mut next = Some(0);
            while let Some(begin) = next {
                next = clear_from(&path, begin).unwrap();
            }
            assert_eq!(found(&path, &gone), Vec::<String>::new(), "seed {seed}");
            assert_eq!(found(&path, &kept), kept, "seed {seed}");
            let db = Connection::open(&path).unwrap();
            let verdict: String =
                db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(verdict, "ok");
        }
        assert!(left > 0, "this SQLite leaves no copies: it may do without `clear_from`");
    }
}
