//! Rewrites entries in their erased form: the one way in which an entry of the log ever
//! changes.
//!
//! The writer calls it, between two commits. It overwrites what it erases, and empties the
//! WAL, which has the pages from before. Done again, it does the same: a server that was
//! killed in between does it again after the next start.

use linger_core::{Position, StoredEntry, empty_wal, queries::Erasure};
use rusqlite::{Connection, OptionalExtension, params};

use super::file::{damaged, set_meta, stored_entry};
use crate::log::{ReadError, erased_form};

/// How far everything is erased, in the table `meta`.
const ERASED_UPTO: &str = "erased_upto";

/// Rewrites these entries, and empties the WAL. Tells whether nothing is left of what is
/// erased; it may be while somebody reads.
///
/// Errors: an entry cannot be read, or the database failed. Then it is as it was.
pub(super) fn erase(connection: &mut Connection, erasures: &[Erasure]) -> Result<bool, ReadError> {
    let tx = connection.transaction()?;
    for erasure in erasures {
        rewrite(&tx, erasure)?;
    }
    tx.commit()?;
    Ok(empty_wal(connection)?)
}

fn rewrite(tx: &Connection, erasure: &Erasure) -> Result<(), ReadError> {
    let position = erasure.entry;
    let select =
        "SELECT position, vocabulary, at_ms, author, request_id, command, asked, salt, nonce,
         checksum FROM entries WHERE position = ?1";
    let (_, stored, checksum) = tx.prepare_cached(select)?.query_one([position], stored_entry)?;
    if stored.checksum(position) != checksum {
        return Err(damaged(position, "the entry is not what was stored").into());
    }
    let draft = stored.decode(position)?.draft;
    if StoredEntry::is_erased(&draft) {
        return Ok(());
    }
    let erased = erased_form(&draft, erasure)
        .ok_or_else(|| damaged(position, "it has no text that could be erased"))?;
    tx.prepare_cached(
        "UPDATE entries SET vocabulary = ?2, command = ?3, asked = ?4, salt = ?5, checksum = ?6
         WHERE position = ?1",
    )?
    .execute(params![
        position,
        erased.vocabulary,
        erased.command,
        erased.asked,
        erased.salt,
        erased.checksum(position)
    ])?;
    Ok(())
}

/// Returns how far everything is erased.
pub(super) fn erased_upto(connection: &Connection) -> rusqlite::Result<Position> {
    let value = connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [ERASED_UPTO], |row| {
            row.get::<_, String>(0)
        })
        .optional()?;
    // From what cannot be read it would only be done once more.
    let number = value.and_then(|value| value.parse().ok());
    Ok(number
        .filter(|number| *number <= Position::MAX.get())
        .map_or(Position::START, Position::new))
}

/// Notes how far everything is erased.
pub(super) fn note_erased(connection: &Connection, upto: Position) -> rusqlite::Result<()> {
    set_meta(connection, ERASED_UPTO, &upto.to_string())
}
