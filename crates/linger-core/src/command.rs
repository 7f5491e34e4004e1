//! All commands, in the imperative: everything that one can ask of Linger.
//!
//! Edges make commands from parsed texts; `apply` decides their effects. The names
//! and fields here are the log's stored form: a new one belongs to a new
//! vocabulary, and the meaning of an existing one never changes (old entries replay
//! for ever).

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use crate::{
    Epoch, ExternalId, MessageText, RoomId, RoomName, SenderTime, Slug, TokenHash, Topic, UserId,
    UserName, Vocabulary,
};

/// One thing that an author asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Creates a guest, who holds the token if there is one. Sent by the server.
    CreateGuest {
        /// The guest's name.
        name: UserName,
        /// A caller who presents a token with this hash is this guest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_hash: Option<TokenHash>,
        /// The guest's id for clients of another protocol.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<ExternalId>,
    },
    /// Gives the author another name.
    RenameUser {
        /// The new name.
        name: UserName,
    },
    /// Opens a room; a user who opens one is its first member.
    OpenRoom {
        /// Its name in URLs; unique for ever.
        slug: Slug,
        /// Its name for people.
        name: RoomName,
        /// The room's topic.
        topic: Topic,
        /// Whether everybody may come in, or members only.
        kind: RoomKind,
    },
    /// Makes the author a member of an open room, or again of a closed one.
    JoinRoom {
        /// The room.
        room: RoomId,
    },
    /// Makes another user a member; asked by a member of the room.
    AddMember {
        /// The room.
        room: RoomId,
        /// The user who is added.
        user: UserId,
    },
    /// Ends the author's membership.
    LeaveRoom {
        /// The room.
        room: RoomId,
    },
    /// Sends a message to a room that the author is a member of.
    SendMessage {
        /// The room.
        room: RoomId,
        /// The text.
        text: MessageText,
        /// The time of the sender's own clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sender_time: Option<SenderTime>,
    },
    /// Opens an epoch: cursors from here on carry its value. Sent by the server at
    /// each start. Since vocabulary 2.
    BeginEpoch {
        /// A random value.
        epoch: Epoch,
    },
    /// Does the same as a command whose payload was erased: the same places and
    /// numbers, and no text. Nobody sends it; it replaces the command in the log.
    /// Since vocabulary 2.
    Erased {
        /// The kind of command that it was.
        kind: ErasedKind,
        /// The room.
        room: RoomId,
        /// The vocabulary whose rules decided it, for ever.
        #[serde(with = "vocabulary_number")]
        rules: Vocabulary,
    },
}

/// The kinds of commands whose payload can be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasedKind {
    /// [`Command::SendMessage`].
    SendMessage,
}

impl Command {
    /// Returns the first vocabulary that has this command.
    pub(crate) fn vocabulary(&self) -> Vocabulary {
        match self {
            Command::BeginEpoch { .. } | Command::Erased { .. } => Vocabulary::SECOND,
            _ => Vocabulary::FIRST,
        }
    }

    /// Returns its erased form; none if it has no payload to erase.
    pub(crate) fn erased(&self, rules: Vocabulary) -> Option<Command> {
        match self {
            Command::SendMessage { room, .. } => {
                Some(Command::Erased { kind: ErasedKind::SendMessage, room: *room, rules })
            }
            _ => None,
        }
    }
}

mod vocabulary_number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::Vocabulary;

    pub(super) fn serialize<S: Serializer>(
        vocabulary: &Vocabulary,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        vocabulary.get().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vocabulary, D::Error> {
        let number = u32::deserialize(deserializer)?;
        Vocabulary::known(number).ok_or_else(|| D::Error::custom("no such vocabulary"))
    }
}

/// Whether everybody may come into a room, or members only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Everybody may read; somebody who sends to it joins it.
    Open,
    /// Only members know of it; members add people who never left it.
    Closed,
}

impl RoomKind {
    /// Returns the word that stands for it in the API and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            RoomKind::Open => "open",
            RoomKind::Closed => "closed",
        }
    }
}

impl ToSql for RoomKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for RoomKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "open" => Ok(RoomKind::Open),
            "closed" => Ok(RoomKind::Closed),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}
