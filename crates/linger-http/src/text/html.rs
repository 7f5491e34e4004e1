//! Rooms as pages: whole without script, in the markup of the Vue page, which takes
//! over where it runs.
//!
//! The templates are in `templates/`; askama escapes all that goes into them. The
//! classes are those of `web/src/styles`: a change of one is a change of both. No page
//! names its reader, so all who read alike get the same bytes; newcomers, but for the id
//! of their form.

mod arrange;
mod files;
mod languages;
mod rich;
mod said;

use askama::Template;
use axum::http::StatusCode;
use linger_core::{
    Cursor, Message, RoomKind,
    queries::{Room, RoomsPage},
};
use linger_serve::Failure;
use serde::Serialize;

use self::{
    arrange::{Row, arrange},
    languages::{Words, words_of},
};
use super::{
    lines::lines,
    view::{Shown, View, Waited},
};
use crate::{addressed::in_path, friendly_names::Language, inert::inert_json};

#[derive(Template)]
#[template(path = "room.html", whitespace = "minimize")]
struct RoomTemplate<'a> {
    words: &'a Words,
    head: &'a str,
    name: &'a str,
    /// The name, as rooms are called: with a `#`.
    label: &'a str,
    about: &'a str,
    people: String,
    topic: &'a str,
    slug: &'a str,
    is_closed: bool,
    cursor: Cursor,
    path: String,
    rows: Vec<Row<'a>>,
    /// Whether nobody has ever said anything.
    is_empty: bool,
    is_quiet: bool,
    /// The number of the message that was asked for; 0 for none.
    target: u64,
    /// Addresses: what was before, the newest, what comes next.
    earlier: Option<String>,
    newest: Option<String>,
    wait: String,
    action: String,
    asks_name: bool,
    /// The name of the form's request: the same page says a thing once.
    request_id: String,
    messages_label: String,
    write_label: String,
    first: String,
}

/// The same, for the script.
#[derive(Serialize)]
struct First<'a> {
    room: Option<&'a Room>,
    messages: Vec<&'a Message>,
    more: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_after: bool,
    cursor: Cursor,
}

#[derive(Template)]
#[template(path = "rooms.html", whitespace = "minimize")]
struct RoomsTemplate<'a> {
    words: &'a Words,
    head: &'a str,
    rooms: Vec<Listed<'a>>,
    more: Option<String>,
    /// The same, for the script.
    first: String,
}

struct Listed<'a> {
    path: String,
    name: &'a str,
    topic: &'a str,
    members: String,
}

#[derive(Template)]
#[template(path = "refused.html", whitespace = "minimize")]
struct RefusedTemplate<'a> {
    words: &'a Words,
    head: &'a str,
    title: &'a str,
    sentence: String,
    sentence_tag: &'a str,
}

/// Returns a room, with what is to be shown of it. Newcomers have a form of their own, of
/// this id.
pub(super) fn room(
    view: &View,
    shown: &Shown<'_>,
    language: Language,
    newcomers_form: Option<&str>,
) -> String {
    let words = words_of(language);
    let name = shown.room.map_or(view.room.as_str(), |room| name_of(room, words));
    let label = &*format!("#{name}");
    let topic = shown.room.map_or("", |room| room.topic.as_str());
    let fresh = match shown.waited {
        Some(Waited::For(number)) => Some(number),
        Some(Waited::InVain) | None => None,
    };
    let first = First {
        room: shown.room,
        messages: shown.messages().collect(),
        more: shown.earlier.is_some(),
        more_after: shown.has_later,
        cursor: shown.cursor,
    };
    written(&RoomTemplate {
        words,
        head: head(),
        name,
        label,
        people: shown.room.map(|room| (words.people)(room.members)).unwrap_or_default(),
        about: if topic.is_empty() { words.about_room } else { topic },
        topic,
        slug: view.room.as_str(),
        is_closed: shown.room.is_some_and(|room| room.kind == RoomKind::Closed),
        cursor: shown.cursor,
        path: view.path(),
        rows: arrange(lines(shown.news.iter().copied()), fresh, &view.zone, words),
        is_empty: shown.news.is_empty() && shown.earlier.is_none() && !shown.has_later,
        target: shown.target.unwrap_or_default(),
        is_quiet: shown.waited == Some(Waited::InVain),
        earlier: shown.earlier.map(|number| view.before(number)),
        newest: shown.has_later.then(|| view.address()),
        wait: view.wait_after(shown.cursor),
        action: view.address(),
        asks_name: newcomers_form.is_some(),
        request_id: newcomers_form.map_or_else(|| shown.cursor.to_string(), String::from),
        messages_label: (words.messages_in)(label),
        write_label: (words.write_to)(label),
        first: inert_json(&first),
    })
}

/// Returns the open rooms.
pub(super) fn rooms(page: &RoomsPage, language: Language) -> String {
    let words = words_of(language);
    let rooms = page.rooms.iter().map(|room| Listed {
        path: format!("/r/{}", in_path(&room.slug)),
        name: name_of(room, words),
        topic: room.topic.as_str(),
        members: (words.people)(room.members),
    });
    let last = page.rooms.last().filter(|_| page.more);
    let more = last.map(|room| format!("/rooms?after={}", in_path(&room.slug)));
    let rooms = rooms.collect();
    written(&RoomsTemplate { words, head: head(), rooms, more, first: inert_json(page) })
}

/// Returns the words for a failure.
pub(super) fn refused(failure: &Failure, language: Language) -> String {
    let words = words_of(language);
    let title = match failure.status {
        _ if failure.code == "nothing_here" => words.nothing_here,
        StatusCode::NOT_FOUND => words.no_room,
        _ => words.refused,
    };
    // Details that belong to a failure alone are there in English only.
    let (sentence, sentence_tag) = match (words.failure)(failure) {
        Some(sentence) => (sentence, words.tag),
        None => (format!("{}.", failure.detail), "en"),
    };
    written(&RefusedTemplate { words, head: head(), title, sentence, sentence_tag })
}

fn written(template: &impl Template) -> String {
    template.render().expect("a string takes all that is written to it")
}

/// Returns the room's name. The server knows its first room by an English name only.
fn name_of<'a>(room: &'a Room, words: &'a Words) -> &'a str {
    match (room.slug.as_str(), room.name.as_str()) {
        ("lobby", "Lobby") => words.lobby,
        (_, name) => name,
    }
}

/// Returns the part of a page's head that is the same on all pages.
fn head() -> &'static str {
    #[cfg(feature = "page")]
    return linger_web::HEAD;
    // A page without style and script can be read and written on, too.
    #[cfg(not(feature = "page"))]
    return "<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n\
        <meta name=\"referrer\" content=\"same-origin\">";
}
