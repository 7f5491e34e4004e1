//! The history of a room: a page of its messages, in both directions from any place.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use linger_core::{
    Message, MessageId, News, Position, Slug,
    queries::{self, Passage, Place},
};
use linger_node::{
    limits::HISTORY_PAGE_MAX,
    questions::{Earlier, Nearby},
};
use linger_serve::{Address, App, Caller, Failure, answer};
use serde::Serialize;
use utoipa::ToSchema;

use super::{documents, path::Path, query::Query};
use crate::addressed::room_at;

/// Messages in a page, when the reader gives no number.
const PAGE_DEFAULT: usize = 50;

/// A page of a room's history.
#[derive(Serialize, ToSchema)]
struct History<'a> {
    /// Oldest first.
    messages: Vec<&'a Message>,
    /// Whether there are older ones: ask with `before` the first one's id.
    more: bool,
    /// Whether there are newer ones: ask with `after` the last one's id. Present with
    /// `after`, `around` and `around_number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    more_after: Option<bool>,
}

/// The place that a page is asked from.
enum Asked {
    /// The newest messages, or those before one.
    Before(Option<MessageId>),
    Nearby(Place),
}

/// Reads messages of a room
///
/// The newest ones, or those at a place; one place at most. An id or a number that the room
/// does not have, or that I may not see, stands for the place where it would be. Of a
/// closed room, those that were sent while I was in it.
#[utoipa::path(
    get, path = "/rooms/{room}/messages", tag = "messages", security((), ("token" = [])),
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        ("before" = Option<Position>, Query, description = "Only messages from before the one with this id"),
        ("after" = Option<Position>, Query, description = "Only messages from after the one with this id, the first of them"),
        ("around" = Option<Position>, Query, description = "The message with this id in the middle, half of the others before it"),
        ("around_number" = Option<u64>, Query, minimum = 1, maximum = 9_007_199_254_740_991_u64, description = "As `around`, for the event with this number in the room"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Most messages in the answer; 50 without"),
    ),
    responses(
        documents::Reading,
        (status = 200, body = History, description = "A page of history"),
    )
)]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    RawQuery(raw): RawQuery,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let query = Query::new(raw.as_deref());
    let asked = asked(query)?;
    let limit = query.limit(PAGE_DEFAULT, HISTORY_PAGE_MAX)?;
    let reader = caller.reader(&app)?;
    let (asker, room) = (address.asker(reader), room_at(&app.node, &room, reader)?);
    Ok(match asked {
        Asked::Before(before) => {
            let earlier = Earlier { room, reader, before, limit };
            let queries::History { messages, more } = app.node.query(asker, earlier).await?;
            page(&messages, more, None)
        }
        Asked::Nearby(place) => {
            let nearby = Nearby { room, reader, place, limit };
            let passage = app.node.query(asker, nearby).await?;
            let Passage { messages, more, more_after } = passage;
            page(&messages, more, Some(more_after))
        }
    })
}

fn asked(query: Query<'_>) -> Result<Asked, Failure> {
    let id = |name| Ok::<_, Failure>(query.position(name)?.map(MessageId::new));
    let number = query.number("around_number", 1, Position::MAX.get())?;
    match (id("before")?, id("after")?, id("around")?, number) {
        (before, None, None, None) => Ok(Asked::Before(before)),
        (None, Some(id), None, None) => Ok(Asked::Nearby(Place::After(id))),
        (None, None, Some(id), None) => Ok(Asked::Nearby(Place::Around(id))),
        (None, None, None, Some(number)) => Ok(Asked::Nearby(Place::AroundNumber(number))),
        _ => Err(Failure::malformed(
            "a page has one place: ask with one of 'before', 'after', 'around', 'around_number'",
        )),
    }
}

fn page(messages: &[News], more: bool, more_after: Option<bool>) -> Response {
    let messages = messages.iter().filter_map(News::message).collect();
    answer(StatusCode::OK, &History { messages, more, more_after })
}
