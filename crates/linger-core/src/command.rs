//! Everything that can be asked of Linger, in the imperative.
//!
//! Edges make commands out of parsed texts; `apply` decides what they do. The
//! names and fields here are the log's stored form: adding is fine, changing the
//! meaning of what is there is not (old entries replay for ever).

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use crate::{
    ExternalId, MessageText, RoomId, RoomName, SenderTime, Slug, TokenHash, Topic, UserId, UserName,
};

/// One thing that an author asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Creates a guest, who holds the token if there is one. Asked by the server.
    CreateGuest {
        /// How the guest is called.
        name: UserName,
        /// Who presents a token with this hash is this guest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_hash: Option<TokenHash>,
        /// How clients of another protocol name this guest.
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
        /// What it is about.
        topic: Topic,
        /// Who may come in.
        kind: RoomKind,
    },
    /// Makes the author a member of an open room.
    JoinRoom {
        /// The room.
        room: RoomId,
    },
    /// Makes another user a member; asked by a member of the room.
    AddMember {
        /// The room.
        room: RoomId,
        /// Who is added.
        user: UserId,
    },
    /// Ends the author's membership.
    LeaveRoom {
        /// The room.
        room: RoomId,
    },
    /// Says something in a room that the author is a member of.
    SendMessage {
        /// The room.
        room: RoomId,
        /// What is said.
        text: MessageText,
        /// What the sender's own clock said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sender_time: Option<SenderTime>,
    },
}

/// Who may come into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Everybody may read; who speaks joins.
    Open,
    /// Only members know of it; members add members.
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
