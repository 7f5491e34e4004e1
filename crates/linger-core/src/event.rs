//! Events: the news that readers get, in the past tense.
//!
//! An accepted command leaves at most one event, at its own position. The JSON
//! form is the public one, field by field that of the native API; it is encoded
//! once, when the event happens, and every reader gets those bytes.

use serde::{Deserialize, Serialize};

use crate::{
    Audience, MessageId, MessageText, Position, RequestId, RoomId, RoomKind, RoomName, SenderTime,
    Slug, Timestamp, Topic, UserId, UserName,
};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its place in the log.
    pub position: Position,
    /// Its place in its room: 1, 2, 3 … without gaps. Absent outside of rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub number: Option<u64>,
    /// The room that it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub room: Option<Slug>,
    /// When it happened; not earlier than the event before it, unless a wrong clock
    /// was put right in between.
    pub at: Timestamp,
    /// The user who did it; absent for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub by: Option<Person>,
    /// The kind of the event, with its own fields.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody sent a message.
    MessageSent {
        /// The message.
        message: Message,
    },
    /// A room was opened; `by` is its first member.
    RoomOpened {
        /// The room, as it was then.
        opened: RoomThen,
    },
    /// Somebody became a member.
    MemberJoined {
        /// The new member; `by` is the one who brought them in, often themselves.
        member: Person,
        /// The room, with them in it, so that a client need not ask for it.
        entered: RoomThen,
    },
    /// Somebody is no longer a member.
    MemberLeft {
        /// The former member.
        member: Person,
    },
    /// Somebody has another name; `by` has the new one.
    UserRenamed {
        /// The name until then.
        old_name: UserName,
    },
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The slug of its room.
    pub room: Slug,
    /// The number of its event in the room.
    pub number: u64,
    /// When it was sent.
    pub at: Timestamp,
    /// The author, under their name at that time.
    pub by: Person,
    /// The text; absent when it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub text: Option<MessageText>,
    /// The time of the sender's own clock, in protocols that carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub sender_time: Option<SenderTime>,
    /// Whether its text is gone for ever.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The name that its author chose for the request, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_id: Option<RequestId>,
}

/// A room, as it was when the event happened. The event itself has the room's slug and
/// the number of its latest event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomThen {
    /// Its id.
    pub id: RoomId,
    /// Its name for people.
    pub name: RoomName,
    /// The room's topic.
    pub topic: Topic,
    /// Whether everybody may come in, or members only.
    pub kind: RoomKind,
    /// How many members it had.
    pub members: u64,
}

/// A user, under their name at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub name: UserName,
}

/// An event, ready for delivery: with its audience, and its JSON, encoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The event.
    pub event: Event,
    /// Its audience.
    pub audience: Audience,
    /// The event as JSON, as the native API shows it.
    pub json: Box<str>,
}

impl News {
    pub(crate) fn new(event: Event, audience: Audience) -> News {
        let json = serde_json::to_string(&event).expect("an event has no failing parts");
        News { event, audience, json: json.into() }
    }

    /// Returns the room that it happened in, if it was in one.
    pub fn room_id(&self) -> Option<RoomId> {
        match self.audience {
            Audience::Room(room) => Some(room),
            Audience::Person(_) | Audience::RoomMates { .. } => None,
        }
    }

    /// Returns its place in the log.
    pub fn position(&self) -> Position {
        self.event.position
    }

    /// Returns the user whose membership or name it is about: they see it wherever it happened.
    pub fn subject(&self) -> Option<UserId> {
        match &self.event.kind {
            EventKind::MemberJoined { member, .. } | EventKind::MemberLeft { member } => {
                Some(member.id)
            }
            EventKind::RoomOpened { .. } | EventKind::UserRenamed { .. } => {
                self.event.by.as_ref().map(|by| by.id)
            }
            EventKind::MessageSent { .. } => None,
        }
    }

    /// Returns the message, if it is one.
    pub fn message(&self) -> Option<&Message> {
        match &self.event.kind {
            EventKind::MessageSent { message } => Some(message),
            _ => None,
        }
    }
}

impl EventKind {
    /// Returns the type's name, as in the JSON form.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::MessageSent { .. } => "message_sent",
            EventKind::RoomOpened { .. } => "room_opened",
            EventKind::MemberJoined { .. } => "member_joined",
            EventKind::MemberLeft { .. } => "member_left",
            EventKind::UserRenamed { .. } => "user_renamed",
        }
    }
}
