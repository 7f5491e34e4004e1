//! All commands, in the imperative: everything that one can ask of Linger.
//!
//! Edges make commands from parsed texts; `apply` decides their effects. The names
//! and fields here are the log's stored form: a new one belongs to a new
//! vocabulary, and the meaning of an existing one never changes (old entries replay
//! for ever).

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use crate::{
    Emoji, Entities, Epoch, ExternalId, FileHash, FileId, FileName, MediaType, MessageId,
    MessageText, Rejection, RoomId, RoomName, SenderTime, Slug, TokenHash, Topic, UserId, UserName,
    Vocabulary,
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
        /// The formatting of the text. Since vocabulary 4.
        #[serde(default, skip_serializing_if = "Entities::is_empty")]
        entities: Entities,
        /// The message that it answers, in the same room. Since vocabulary 4.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// Files that the author added. Since vocabulary 4.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<FileId>,
    },
    /// Gives a message of the author another text. Since vocabulary 4.
    EditMessage {
        /// The message.
        message: MessageId,
        /// The new text.
        text: MessageText,
        /// The formatting of the new text.
        #[serde(default, skip_serializing_if = "Entities::is_empty")]
        entities: Entities,
    },
    /// Takes a message of the author back: its text is erased. Since vocabulary 4.
    DeleteMessage {
        /// The message.
        message: MessageId,
    },
    /// Answers to a message with an emoji. Since vocabulary 4.
    AddReaction {
        /// The message.
        message: MessageId,
        /// The emoji.
        emoji: Emoji,
    },
    /// Takes that back. Since vocabulary 4.
    RemoveReaction {
        /// The message.
        message: MessageId,
        /// The emoji.
        emoji: Emoji,
    },
    /// Pins a message, for all in its room. Since vocabulary 4.
    PinMessage {
        /// The message.
        message: MessageId,
    },
    /// Unpins it. Since vocabulary 4.
    UnpinMessage {
        /// The message.
        message: MessageId,
    },
    /// Changes what its opener said about a room. Since vocabulary 4.
    ChangeRoom {
        /// The room.
        room: RoomId,
        /// Another name, if it gets one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<RoomName>,
        /// Another topic, if it gets one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Topic>,
    },
    /// Makes a file known, so that the author can send it. Since vocabulary 4.
    AddFile {
        /// The file's name.
        name: FileName,
        /// The type of its content.
        kind: MediaType,
        /// How many bytes it has.
        size: u64,
        /// The hash under which its bytes are kept.
        hash: FileHash,
        /// How wide it is, in pixels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        width: Option<u32>,
        /// How high it is, in pixels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height: Option<u32>,
        /// Whether there is a small picture of it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        thumbnail: bool,
    },
    /// Forgets a file that no message has. Sent by the server. Since vocabulary 4.
    DropFile {
        /// The file.
        file: FileId,
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
        /// The message that it answered. Since vocabulary 4.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// The files that it had. Since vocabulary 4.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<FileId>,
    },
    /// Does the same as an [`Command::EditMessage`] whose text was erased.
    ErasedEdit {
        /// The message.
        message: MessageId,
        /// As of [`Command::Erased`].
        #[serde(with = "vocabulary_number")]
        rules: Vocabulary,
    },
    /// Does the same as an [`Command::AddFile`] whose description was erased.
    ErasedFile {
        /// As of [`Command::Erased`].
        #[serde(with = "vocabulary_number")]
        rules: Vocabulary,
    },
    /// Stands for a command with a payload that changed nothing: a repeat, one that was
    /// rejected, or an edit that left the text as it was.
    ErasedInVain {
        /// As of [`Command::Erased`]: they say how its time counts.
        #[serde(with = "vocabulary_number")]
        rules: Vocabulary,
        /// The reason why it was rejected, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rejection: Option<Rejection>,
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
    /// Says a plain text in a room, and nothing else.
    pub fn say(room: RoomId, text: MessageText) -> Command {
        Command::SendMessage {
            room,
            text,
            sender_time: None,
            entities: Entities::default(),
            reply_to: None,
            files: Vec::new(),
        }
    }

    /// Returns the first vocabulary that has this command, with these fields.
    pub fn vocabulary(&self) -> Vocabulary {
        match self {
            Command::CreateGuest { .. }
            | Command::RenameUser { .. }
            | Command::OpenRoom { .. }
            | Command::JoinRoom { .. }
            | Command::AddMember { .. }
            | Command::LeaveRoom { .. } => Vocabulary::FIRST,
            Command::SendMessage { entities, reply_to, files, .. } => {
                match entities.is_empty() && reply_to.is_none() && files.is_empty() {
                    true => Vocabulary::FIRST,
                    false => Vocabulary::FOURTH,
                }
            }
            Command::Erased { reply_to, files, .. } => {
                match reply_to.is_none() && files.is_empty() {
                    true => Vocabulary::SECOND,
                    false => Vocabulary::FOURTH,
                }
            }
            Command::BeginEpoch { .. } => Vocabulary::SECOND,
            Command::EditMessage { .. }
            | Command::DeleteMessage { .. }
            | Command::AddReaction { .. }
            | Command::RemoveReaction { .. }
            | Command::PinMessage { .. }
            | Command::UnpinMessage { .. }
            | Command::ChangeRoom { .. }
            | Command::AddFile { .. }
            | Command::DropFile { .. }
            | Command::ErasedEdit { .. }
            | Command::ErasedFile { .. }
            | Command::ErasedInVain { .. } => Vocabulary::FOURTH,
        }
    }

    /// Returns its erased form; none if it has no payload to erase.
    pub(crate) fn erased(&self, rules: Vocabulary) -> Option<Command> {
        match self {
            Command::SendMessage { room, reply_to, files, .. } => Some(Command::Erased {
                kind: ErasedKind::SendMessage,
                room: *room,
                rules,
                reply_to: *reply_to,
                files: files.clone(),
            }),
            Command::EditMessage { message, .. } => {
                Some(Command::ErasedEdit { message: *message, rules })
            }
            Command::AddFile { .. } => Some(Command::ErasedFile { rules }),
            _ => None,
        }
    }

    /// Tells whether it has a payload to erase.
    pub(crate) fn has_payload(&self) -> bool {
        use Command::{AddFile, EditMessage, SendMessage};
        matches!(self, SendMessage { .. } | EditMessage { .. } | AddFile { .. })
    }

    /// Returns the vocabulary whose rules decided it, if it is an erased form.
    pub(crate) fn erased_rules(&self) -> Option<Vocabulary> {
        match self {
            Command::Erased { rules, .. }
            | Command::ErasedEdit { rules, .. }
            | Command::ErasedFile { rules }
            | Command::ErasedInVain { rules, .. } => Some(*rules),
            _ => None,
        }
    }

    /// Tells whether it is an erased form.
    pub(crate) fn is_erased(&self) -> bool {
        self.erased_rules().is_some()
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
