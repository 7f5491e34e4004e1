//! What is known of files: for messages, for those who ask for one, and for the store of
//! their bytes.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::message;
use crate::{File, FileHash, FileId, MessageId, RequestId, Timestamp, UserId, sum};

/// A file that was added, with what is for the server alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedFile {
    /// What everybody sees of it.
    pub file: File,
    /// The user who added it.
    pub owner: UserId,
    /// When it was added.
    pub at: Timestamp,
    /// The hash under which its bytes are kept.
    pub hash: FileHash,
}

/// A row of the table `files`.
pub(crate) struct Stored {
    pub(crate) id: FileId,
    pub(crate) owner: UserId,
    pub(crate) at: Timestamp,
    pub(crate) request_id: Option<RequestId>,
    /// None once it is erased.
    pub(crate) description: Option<(File, FileHash)>,
    /// How many messages have it.
    pub(crate) messages: u32,
}

/// Selects rows for [`Stored::of_row`].
macro_rules! select_files {
    ($rest:literal) => {
        concat!(
            "SELECT id, owner, at_ms, request_id, name, kind, size, hash, width, height,
             thumbnail, messages, sum FROM files ",
            $rest
        )
    };
}

/// Returns a file that is there for `reader`: they added it, or they see a message that
/// has it.
///
/// Cost: the messages that have it, up to the first one that the reader sees.
pub fn file_for(
    connection: &Connection,
    reader: Option<UserId>,
    id: FileId,
) -> rusqlite::Result<Option<AddedFile>> {
    let Some(Stored { owner, at, description: Some((file, hash)), .. }) = stored(connection, id)?
    else {
        return Ok(None);
    };
    let added = AddedFile { file, owner, at, hash };
    if reader == Some(owner) {
        return Ok(Some(added));
    }
    let mut select = connection
        .prepare_cached("SELECT file, message, sum FROM message_files WHERE file = ?1")?;
    let mut rows = select.query([id])?;
    while let Some(row) = rows.next()? {
        sum::check(row, "message_files")?;
        let message_id: MessageId = row.get(1)?;
        if message(connection, reader, message_id)?.is_some_and(|(_, it)| !it.deleted) {
            return Ok(Some(added));
        }
    }
    Ok(None)
}

/// Returns up to `limit` files that no message has, and that were added before `before`.
pub fn files_without_message(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<FileId>> {
    const SELECT: &str =
        select_files!("INDEXED BY files_without_message WHERE messages = 0 ORDER BY id LIMIT ?1");
    let mut select = connection.prepare_cached(SELECT)?;
    let found = select.query_map([limit], |row| {
        sum::check(row, "files")?;
        Ok((row.get::<_, FileId>(0)?, Timestamp::from_ms(row.get(2)?)))
    })?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().filter(|(_, at)| *at < before).map(|(id, _)| id).collect())
}

/// Tells whether a file with these bytes is known.
pub fn is_hash_known(connection: &Connection, hash: FileHash) -> rusqlite::Result<bool> {
    let found = connection
        .prepare_cached("SELECT 1 FROM files WHERE hash = ?1 LIMIT 1")?
        .query_one(params![hash.0], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

/// Returns a file of a message.
pub(crate) fn file(connection: &Connection, id: FileId) -> rusqlite::Result<File> {
    let description = stored(connection, id)?.and_then(|stored| stored.description);
    let missing = || sum::damaged(format!("file {id} is in a message and is not there"));
    description.map(|(file, _)| file).ok_or_else(missing)
}

/// Returns a file's row.
pub(crate) fn stored(connection: &Connection, id: FileId) -> rusqlite::Result<Option<Stored>> {
    const SELECT: &str = select_files!("WHERE id = ?1");
    connection.prepare_cached(SELECT)?.query_one([id], Stored::of_row).optional()
}

impl Stored {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
        sum::check(row, "files")?;
        let id = row.get(0)?;
        let description = match row.get(4)? {
            None => None,
            Some(name) => {
                let (kind, size, thumbnail) = (row.get(5)?, row.get(6)?, row.get(10)?);
                let (width, height) = (row.get(8)?, row.get(9)?);
                let file = File { id, name, kind, size, width, height, thumbnail };
                Some((file, FileHash(row.get(7)?)))
            }
        };
        Ok(Stored {
            id,
            owner: row.get(1)?,
            at: Timestamp::from_ms(row.get(2)?),
            request_id: row.get(3)?,
            description,
            messages: row.get(11)?,
        })
    }

    /// Writes the row, in the place of the one before.
    pub(crate) fn write(&self, tx: &Connection) -> rusqlite::Result<()> {
        let Stored { id, owner, request_id, messages, .. } = self;
        let file = self.description.as_ref().map(|(file, _)| file);
        let hash = self.description.as_ref().map(|(_, hash)| hash.0);
        let (name, kind) = (file.map(|file| &file.name), file.map(|file| &file.kind));
        let size = file.map(|file| file.size);
        let (width, height) = (file.and_then(|file| file.width), file.and_then(|file| file.height));
        let (at, thumbnail) = (self.at.as_ms(), file.is_some_and(|file| file.thumbnail));
        let sum = sum::of_values(&[
            id, owner, &at, request_id, &name, &kind, &size, &hash, &width, &height, &thumbnail,
            messages,
        ])?;
        tx.prepare_cached(
            "INSERT OR REPLACE INTO files (id, owner, at_ms, request_id, name, kind, size, hash,
             width, height, thumbnail, messages, sum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            id, owner, at, request_id, name, kind, size, hash, width, height, thumbnail, messages,
            sum
        ])?;
        Ok(())
    }
}
