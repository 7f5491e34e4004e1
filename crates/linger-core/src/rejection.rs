//! Rejections: the reasons for which the rules say no.
//!
//! `apply` (or a query) decides a rejection, in the log's order, the same on every
//! node; one that a bound decides, before the append, says so. Its code is stable:
//! clients are written against it, and it is the stored form of a rejection in the log.

use serde::{Deserialize, Serialize};

/// One reason for which the rules say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// There is no such room, or not for this reader: to those outside, a closed room
    /// looks like a missing one.
    #[error(
        "there is no such room, or it is closed to you; GET /api/v1/rooms lists those you may enter"
    )]
    RoomNotFound,
    /// A room's slug is taken for ever.
    #[error("a room with this slug exists already; choose another slug")]
    SlugTaken,
    /// Only members may do this.
    #[error("only members may do this; join the room first")]
    NotAMember,
    /// There is no such user.
    #[error("there is no user with this id")]
    UserNotFound,
    /// Only the person who left a closed room can bring themselves back.
    #[error(
        "they left this room, so nobody else can bring them back; they come back by PUT /api/v1/rooms/{{room}}/members/me of their own"
    )]
    LeftBefore,
    /// A person is in as many rooms as allowed. Decided before the append, because apply
    /// has no such bounds.
    #[error(
        "a person is in 500 rooms at most, and others bring nobody into more than 250; this would be one more, so they leave another first: DELETE /api/v1/rooms/{{room}}/members/me"
    )]
    TooManyRooms,
    /// There is no such message, or not for this reader.
    #[error("there is no such message, or it is not yours to read")]
    MessageNotFound,
    /// Only its author may do this.
    #[error("only its author may do this")]
    NotTheAuthor,
    /// The message was taken back.
    #[error("this message was deleted; nothing can be done with it any more")]
    MessageDeleted,
    /// A message has as many different reactions as allowed.
    #[error("a message has 20 different reactions at most; take one of those that are there")]
    TooManyReactions,
    /// A room has as many pinned messages as allowed.
    #[error("a room has 100 pinned messages at most; unpin another first")]
    TooManyPins,
    /// Only the person who opened the room may do this.
    #[error("only the person who opened this room may do this")]
    NotTheOpener,
    /// There is no such file, or the author did not add it.
    #[error("there is no such file of yours; add it first: POST /api/v1/files")]
    FileNotFound,
    /// The author used this request id before, for something else.
    #[error("you used this request id before, for something else; take a new one")]
    RequestIdReused,
    /// Another guest is known by this external id already.
    #[error("another guest is known by this id already; take a new one")]
    ExternalIdTaken,
    /// Another guest holds this token already.
    #[error("another guest holds this token already; make a new one")]
    TokenTaken,
    /// Only the server itself may ask for this.
    #[error("only the server itself may ask for this")]
    NotForUsers,
    /// Only users may ask for this.
    #[error("only users may ask for this; get a token first: POST /api/v1/guests")]
    NotForTheServer,
}

impl Rejection {
    /// Returns the stable code.
    pub fn code(self) -> &'static str {
        match self {
            Rejection::RoomNotFound => "room_not_found",
            Rejection::SlugTaken => "slug_taken",
            Rejection::NotAMember => "not_a_member",
            Rejection::UserNotFound => "user_not_found",
            Rejection::LeftBefore => "left_before",
            Rejection::TooManyRooms => "too_many_rooms",
            Rejection::MessageNotFound => "message_not_found",
            Rejection::NotTheAuthor => "not_the_author",
            Rejection::MessageDeleted => "message_deleted",
            Rejection::TooManyReactions => "too_many_reactions",
            Rejection::TooManyPins => "too_many_pins",
            Rejection::NotTheOpener => "not_the_opener",
            Rejection::FileNotFound => "file_not_found",
            Rejection::RequestIdReused => "request_id_reused",
            Rejection::ExternalIdTaken => "external_id_taken",
            Rejection::TokenTaken => "token_taken",
            Rejection::NotForUsers => "not_for_users",
            Rejection::NotForTheServer => "not_for_the_server",
        }
    }
}

impl std::str::FromStr for Rejection {
    type Err = serde_json::Error;

    /// Reads a code.
    fn from_str(code: &str) -> Result<Rejection, serde_json::Error> {
        serde_json::from_value(code.into())
    }
}
