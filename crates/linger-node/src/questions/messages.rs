//! Questions about single messages and files.

use linger_core::{
    FileHash, FileId, LogId, Message, MessageId, Timestamp, UserId,
    queries::{self, AddedFile, Version},
};
use rusqlite::Connection;

use super::Question;
use crate::RoomRef;

/// What is this message like now, for this reader?
#[derive(Debug, Clone)]
pub struct MessageNow {
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// The message.
    pub id: MessageId,
}

impl Question for MessageNow {
    type Answer = Option<Message>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<Message>> {
        let _moment = queries::moment(connection)?;
        let found = queries::message(connection, self.reader, self.id)?;
        Ok(found.map(|(_, message)| message))
    }
}

/// Which texts had this message?
#[derive(Debug, Clone)]
pub struct Versions {
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// The message.
    pub id: MessageId,
}

impl Question for Versions {
    type Answer = Option<Vec<Version>>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Self::Answer> {
        let _moment = queries::moment(connection)?;
        queries::versions(connection, self.reader, self.id)
    }
}

/// Which messages are pinned in this room?
#[derive(Debug, Clone)]
pub struct Pins {
    /// The room.
    pub room: RoomRef,
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
}

impl Question for Pins {
    type Answer = Vec<Message>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Vec<Message>> {
        let _moment = queries::moment(connection)?;
        queries::pins(connection, self.room.id, self.reader)
    }
}

/// What is known of this file, if it is there for this reader?
#[derive(Debug, Clone)]
pub struct FileFor {
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// The file.
    pub id: FileId,
}

impl Question for FileFor {
    type Answer = Option<AddedFile>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<AddedFile>> {
        let _moment = queries::moment(connection)?;
        queries::file_for(connection, self.reader, self.id)
    }
}

/// Does a file have these bytes?
#[derive(Debug, Clone)]
pub(crate) struct IsHashKnown(pub(crate) FileHash);

impl Question for IsHashKnown {
    type Answer = bool;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<bool> {
        queries::is_hash_known(connection, self.0)
    }
}

/// Which files were added before this time, and no message has them?
#[derive(Debug, Clone)]
pub(crate) struct WithoutMessage {
    /// The time.
    pub(crate) before: Timestamp,
    /// Most files in the answer.
    pub(crate) limit: usize,
}

impl Question for WithoutMessage {
    type Answer = Vec<FileId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Vec<FileId>> {
        queries::files_without_message(connection, self.before, self.limit)
    }
}
