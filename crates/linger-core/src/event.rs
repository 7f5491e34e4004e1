//! Events: the news that readers get, in the past tense.
//!
//! An accepted command leaves at most one event, at its own position. The JSON
//! form is the public one, field by field that of the native API; it is encoded
//! once, when the event happens, and every reader gets those bytes.

use serde::{Deserialize, Serialize};

use crate::{
    Audience, Emoji, Entities, File, MessageId, MessageText, Position, RequestId, RoomId, RoomKind,
    RoomName, SenderTime, Slug, Timestamp, Topic, UserId, UserName,
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
    /// The author of a message gave it another text.
    MessageEdited {
        /// The message, as it was then.
        message: Message,
    },
    /// The author of a message took it back.
    MessageDeleted {
        /// The rest of it.
        message: Message,
    },
    /// `by` answered to a message with an emoji.
    ReactionAdded {
        /// The message.
        message_id: MessageId,
        /// The emoji.
        emoji: Emoji,
    },
    /// `by` took that back.
    ReactionRemoved {
        /// The message.
        message_id: MessageId,
        /// The emoji.
        emoji: Emoji,
    },
    /// `by` pinned a message.
    MessagePinned {
        /// The message.
        message_id: MessageId,
    },
    /// `by` unpinned a message.
    MessageUnpinned {
        /// The message.
        message_id: MessageId,
    },
    /// A room has another name, or another topic.
    RoomChanged {
        /// The room, as it was then.
        changed: RoomThen,
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
    /// The formatting of the text.
    #[serde(default, skip_serializing_if = "Entities::is_empty")]
    pub entities: Entities,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub reply_to: Option<Quote>,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// The time of the sender's own clock, in protocols that carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub sender_time: Option<SenderTime>,
    /// When its text was changed last, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub edited_at: Option<Timestamp>,
    /// Whether its text is gone for ever.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The answers by emoji, in the order in which each emoji came first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// Whether it is pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The name that its author chose for the request, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_id: Option<RequestId>,
}

/// A message in another one that answers it, in short. It is made when it is read. A reader
/// who may not read the message gets its id alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quote {
    /// The message's id.
    pub id: MessageId,
    /// Its number in the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub number: Option<u64>,
    /// Its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub by: Option<Person>,
    /// The first characters of its text; absent when it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_length = 120))]
    pub text: Option<String>,
    /// Whether it is deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// One emoji, and those who answered to a message with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reaction {
    /// The emoji.
    pub emoji: Emoji,
    /// Those people, in the order in which they did, under their names at that time.
    pub by: Vec<Person>,
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
    /// Whether it shows another message of a closed room, which some who see the event may
    /// not see: [`crate::visibility::as_seen`] leaves that out for them.
    pub is_narrow: bool,
    /// The number of the message that it is about, where the event has its id alone. It is
    /// made when the event is read, and is for edges that name messages by their numbers.
    pub about: Option<u64>,
}

impl News {
    pub(crate) fn new(event: Event, audience: Audience) -> News {
        let json = serde_json::to_string(&event).expect("an event has no failing parts");
        News { event, audience, json: json.into(), is_narrow: false, about: None }
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
            EventKind::MessageSent { .. }
            | EventKind::MessageEdited { .. }
            | EventKind::MessageDeleted { .. }
            | EventKind::ReactionAdded { .. }
            | EventKind::ReactionRemoved { .. }
            | EventKind::MessagePinned { .. }
            | EventKind::MessageUnpinned { .. }
            | EventKind::RoomChanged { .. } => None,
        }
    }

    /// Returns the message, if it is one.
    pub fn message(&self) -> Option<&Message> {
        match &self.event.kind {
            EventKind::MessageSent { message } => Some(message),
            _ => None,
        }
    }

    /// Returns the message that it shows, as it was then: one that was sent, or changed.
    pub fn shown(&self) -> Option<&Message> {
        match &self.event.kind {
            EventKind::MessageSent { message }
            | EventKind::MessageEdited { message }
            | EventKind::MessageDeleted { message } => Some(message),
            _ => None,
        }
    }

    /// Returns the id of the message that it is about, if it shows none: of an answer by emoji,
    /// or a pin.
    pub(crate) fn touched(&self) -> Option<MessageId> {
        match self.event.kind {
            EventKind::ReactionAdded { message_id, .. }
            | EventKind::ReactionRemoved { message_id, .. }
            | EventKind::MessagePinned { message_id }
            | EventKind::MessageUnpinned { message_id } => Some(message_id),
            _ => None,
        }
    }

    /// Tells whether it shows another message than one that was just sent.
    pub(crate) fn shows_others(&self) -> bool {
        let is_answer = |message: &Message| message.reply_to.is_some();
        matches!(self.event.kind, EventKind::MessageEdited { .. })
            || self.shown().is_some_and(is_answer)
    }

    /// Returns the event with its message changed; the same if it shows none.
    #[must_use]
    pub(crate) fn with_shown(&self, change: impl FnOnce(&mut Message)) -> News {
        let mut event = self.event.clone();
        match &mut event.kind {
            EventKind::MessageSent { message }
            | EventKind::MessageEdited { message }
            | EventKind::MessageDeleted { message } => change(message),
            _ => {}
        }
        News {
            is_narrow: self.is_narrow,
            about: self.about,
            ..News::new(event, self.audience.clone())
        }
    }

    /// Returns the event without the text of a message that is deleted; none if it does not
    /// have any.
    pub fn without_text_of(&self, deleted: MessageId) -> Option<News> {
        let shown = self.shown()?;
        let is_quoted = shown.reply_to.as_ref().is_some_and(|quote| quote.id == deleted);
        let mut news = match (shown.id == deleted, is_quoted) {
            (true, _) => self.with_shown(|message| *message = message.without_payload()),
            (false, true) => self.with_shown(|message| {
                let quote = message.reply_to.as_mut().expect("it was there just now");
                (quote.text, quote.deleted) = (None, true);
            }),
            (false, false) => return None,
        };
        news.is_narrow &= news.shows_others();
        Some(news)
    }
}

impl Quote {
    /// Most characters of its text.
    pub const CHARACTERS_MAX: usize = 120;

    /// Returns a quote that says nothing but which message it is.
    pub(crate) fn bare(id: MessageId) -> Quote {
        Quote { id, number: None, by: None, text: None, deleted: false }
    }
}

impl Message {
    /// Returns what is left of it when it is deleted.
    #[must_use]
    pub(crate) fn without_payload(&self) -> Message {
        Message {
            id: self.id,
            room: self.room.clone(),
            number: self.number,
            at: self.at,
            by: self.by.clone(),
            text: None,
            entities: Entities::default(),
            reply_to: None,
            files: Vec::new(),
            sender_time: None,
            edited_at: None,
            deleted: true,
            reactions: Vec::new(),
            pinned: false,
            request_id: self.request_id.clone(),
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
            EventKind::MessageEdited { .. } => "message_edited",
            EventKind::MessageDeleted { .. } => "message_deleted",
            EventKind::ReactionAdded { .. } => "reaction_added",
            EventKind::ReactionRemoved { .. } => "reaction_removed",
            EventKind::MessagePinned { .. } => "message_pinned",
            EventKind::MessageUnpinned { .. } => "message_unpinned",
            EventKind::RoomChanged { .. } => "room_changed",
        }
    }
}
