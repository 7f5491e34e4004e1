//! The shapes of the native API, for its OpenAPI document.
//!
//! What is sent is encoded by linger-core, once for all readers; these types say
//! what it looks like, and are never made. Who changes an answer changes both.

#![allow(dead_code, reason = "shapes for the document, never values")]

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    IntoParams, IntoResponses, ToSchema,
    openapi::{
        ContentBuilder, Ref, RefOr,
        response::{Response, ResponseBuilder},
    },
};

use linger_serve::Problem;

/// What may go wrong with a call that only reads.
pub(super) struct Reading;

/// What may go wrong with a call that changes something.
pub(super) struct Writing;

impl IntoResponses for Reading {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 404, 503])
    }
}

impl IntoResponses for Writing {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 408, 409, 413, 429, 503])
    }
}

fn problems(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let problem = |status: u16| {
        let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response = ResponseBuilder::new()
            .description(words.unwrap_or_default())
            .content("application/problem+json", content)
            .build();
        (status.to_string(), response.into())
    };
    statuses.iter().map(|&status| problem(status)).collect()
}

/// A user, as they were called then.
#[derive(ToSchema)]
#[schema(as = Person)]
pub(super) struct PersonShape {
    #[schema(example = 17)]
    id: u64,
    #[schema(example = "Quiet Otter")]
    name: String,
}

/// A user as they are now.
#[derive(ToSchema)]
#[schema(as = User)]
pub(super) struct UserShape {
    #[schema(example = 17)]
    id: u64,
    #[schema(example = "Quiet Otter", min_length = 1, max_length = 40)]
    name: String,
    #[schema(example = "guest")]
    role: String,
}

/// A new guest, with the token that makes one this guest.
#[derive(ToSchema)]
#[schema(as = NewGuest)]
pub(super) struct NewGuestShape {
    /// Send it as `Authorization: Bearer TOKEN`. The cookie holds the same.
    token: String,
    user: UserShape,
}

/// Whoever asks, as they are now.
#[derive(ToSchema)]
#[schema(as = Me)]
pub(super) struct MeShape {
    user: UserShape,
    /// The rooms that the user is in, at most 500.
    rooms: Vec<RoomShape>,
    /// There if the user is in more: they joined before a person's rooms had a bound.
    #[schema(required = false)]
    more_rooms: bool,
    /// The events after this cursor bring the answer up to date.
    #[schema(example = "k3tq7vbn2x-1024")]
    cursor: String,
}

/// A user who was changed.
#[derive(ToSchema)]
#[schema(as = Renamed)]
pub(super) struct RenamedShape {
    user: UserShape,
}

/// A room as it is now.
#[derive(ToSchema)]
#[schema(as = Room)]
pub(super) struct RoomShape {
    #[schema(example = 1)]
    id: u64,
    #[schema(example = "lobby", min_length = 1, max_length = 64)]
    slug: String,
    #[schema(example = "Lobby", min_length = 1, max_length = 80)]
    name: String,
    #[schema(max_length = 250)]
    topic: String,
    kind: KindShape,
    /// How many members it has.
    members: u64,
    /// The number of its latest event.
    last_number: u64,
}

/// Who may come into a room.
#[derive(ToSchema)]
#[schema(as = RoomKind, rename_all = "snake_case")]
pub(super) enum KindShape {
    Open,
    Closed,
}

/// Rooms, in the order in which they were opened.
#[derive(ToSchema)]
#[schema(as = Rooms)]
pub(super) struct RoomsShape {
    rooms: Vec<RoomShape>,
    /// Whether there are later ones.
    more: bool,
}

/// Members, in the order of their ids.
#[derive(ToSchema)]
#[schema(as = Members)]
pub(super) struct MembersShape {
    members: Vec<UserShape>,
    /// Whether there are later ones.
    more: bool,
}

/// What somebody said.
#[derive(ToSchema)]
#[schema(as = Message)]
pub(super) struct MessageShape {
    id: u64,
    /// The slug of its room.
    #[schema(example = "lobby")]
    room: String,
    /// The number of its event in the room.
    number: u64,
    /// RFC 3339, UTC, with milliseconds.
    #[schema(example = "2026-11-21T20:50:05.123Z")]
    at: String,
    by: PersonShape,
    /// Absent when it is deleted.
    #[schema(min_length = 1, max_length = 4000, required = false)]
    text: Option<String>,
    /// What the sender's own clock said, in protocols that carry it.
    #[schema(required = false)]
    sender_time: Option<String>,
    /// Whether its text is gone for ever.
    #[schema(required = false)]
    deleted: Option<bool>,
    /// The request id that its author chose, if they did.
    #[schema(required = false, max_length = 64)]
    request_id: Option<String>,
}

/// A message that was sent.
#[derive(ToSchema)]
#[schema(as = Sent)]
pub(super) struct SentShape {
    message: MessageShape,
}

/// A page of a room's history, oldest first.
#[derive(ToSchema)]
#[schema(as = History)]
pub(super) struct HistoryShape {
    messages: Vec<MessageShape>,
    /// Whether there are older ones: ask with `before` the first one's id.
    more: bool,
}

/// One thing that happened. What belongs to other types is absent.
#[derive(ToSchema)]
#[schema(as = Event)]
pub(super) struct EventShape {
    /// Its place in the log.
    position: u64,
    /// Its place in its room: 1, 2, 3 … without gaps. Absent outside of rooms.
    #[schema(required = false)]
    number: Option<u64>,
    /// The slug of its room. Absent outside of rooms.
    #[schema(required = false)]
    room: Option<String>,
    r#type: EventTypeShape,
    /// RFC 3339, UTC, with milliseconds; not earlier than the event before it, unless a
    /// wrong clock was put right in between.
    at: String,
    /// Who did it; absent when the server did.
    #[schema(required = false)]
    by: Option<PersonShape>,
    /// `message_sent`: what was said.
    #[schema(required = false)]
    message: Option<MessageShape>,
    /// `room_opened`: the room; `by` is its first member.
    #[schema(required = false)]
    opened: Option<RoomThenShape>,
    /// `member_joined`: the room, with the new member in it.
    #[schema(required = false)]
    entered: Option<RoomThenShape>,
    /// `member_joined`, `member_left`: who.
    #[schema(required = false)]
    member: Option<PersonShape>,
    /// `user_renamed`: the name until then; `by` has the new one.
    #[schema(required = false)]
    old_name: Option<String>,
}

/// What happened. New types may be added: ignore those you do not know.
#[derive(ToSchema)]
#[schema(as = EventType, rename_all = "snake_case")]
pub(super) enum EventTypeShape {
    MessageSent,
    RoomOpened,
    MemberJoined,
    MemberLeft,
    UserRenamed,
}

/// A room, as it was when the event happened.
#[derive(ToSchema)]
#[schema(as = RoomThen)]
pub(super) struct RoomThenShape {
    id: u64,
    name: String,
    topic: String,
    kind: KindShape,
    members: u64,
}

/// Events, oldest first, and where to go on.
#[derive(ToSchema)]
#[schema(as = Page)]
pub(super) struct PageShape {
    /// The cursor is of no use here: fetch afresh and go on from the new one.
    #[schema(required = false)]
    reset: Option<ResetShape>,
    events: Vec<EventShape>,
    /// Give it back as `after`. Newer than yours also when there is no news.
    #[schema(example = "k3tq7vbn2x-1024")]
    cursor: String,
}

/// Why a cursor is of no use.
#[derive(ToSchema)]
#[schema(as = Reset)]
pub(super) struct ResetShape {
    /// `other_log` or `beyond_the_end`.
    #[schema(example = "other_log")]
    reason: String,
}

/// Where a reader is and how long to hold the request.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsParameters {
    /// A cursor from an earlier answer; `latest`: from now on; `start`: from the
    /// beginning. With SSE the header `Last-Event-ID`, or else `lastEventId` in the address, comes first.
    #[param(required = false, example = "latest")]
    after: Option<String>,
    /// Seconds that the request may be held while there is no news: 0 is a short
    /// poll; 25 by default, at most 55. `Prefer: wait=N` means the same.
    #[param(required = false, minimum = 0, example = 25)]
    wait: Option<f64>,
    /// Most events in the answer.
    #[param(required = false, minimum = 1, maximum = 1000, example = 200)]
    limit: Option<u32>,
}
