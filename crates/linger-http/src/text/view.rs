//! The way in which somebody reads a room: which room, in which medium and time zone.
//!
//! All who read in the same way get the same bytes. It also has the addresses that an
//! answer names: those of its readers, with their own parameters kept.

use axum::http::{HeaderValue, header};
use linger_core::{Cursor, Message, News, Slug, queries::Room};
use linger_serve::WholeResponse;

use super::{
    html, lines::lines, medium::Medium, newcomers::Newcomers, plain, windows::Window, zone::Zone,
};
use crate::addressed::in_path;

/// The way in which somebody reads a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub(super) room: Slug,
    pub(super) medium: Medium,
    pub(super) zone: Zone,
}

/// The part of a room that an answer shows.
pub(super) struct Shown<'a> {
    pub(super) news: Vec<&'a News>,
    /// The events after it are not shown yet.
    pub(super) cursor: Cursor,
    /// The room, where somebody asked for it.
    pub(super) room: Option<&'a Room>,
    /// The number before which there is more.
    pub(super) earlier: Option<u64>,
    /// Whether there is more between this and the cursor.
    pub(super) has_later: bool,
    /// The number of the message that was asked for.
    pub(super) target: Option<u64>,
    /// Why somebody is shown it who has waited.
    pub(super) waited: Option<Waited>,
}

/// The end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// With news, the first of which has this number.
    For(u64),
    /// Without.
    InVain,
}

impl Shown<'_> {
    /// Shows the newest messages of a window, at most `limit`.
    pub(super) fn of(window: &Window, limit: usize) -> Shown<'_> {
        let Window { messages, more, room, cursor, .. } = window;
        let skipped = messages.len().saturating_sub(limit);
        let news: Vec<_> = messages.iter().skip(skipped).map(|news| &**news).collect();
        let first = news.first().and_then(|first| first.event.number);
        Shown {
            news,
            cursor: *cursor,
            room: room.as_ref(),
            earlier: first.filter(|_| *more || skipped > 0),
            has_later: false,
            target: None,
            waited: None,
        }
    }

    /// Returns the messages among it.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.news.iter().filter_map(|news| news.message())
    }
}

impl View {
    /// Returns an answer that shows this, with a form of its own for a newcomer.
    pub(super) fn answer(&self, shown: &Shown<'_>, newcomers: &Newcomers) -> WholeResponse {
        let form = self.medium.is_for_newcomers().then(|| newcomers.form());
        self.answer_with(shown, form.as_deref())
    }

    /// Returns an answer that shows this, with the form of this id for a newcomer.
    pub(super) fn answer_with(&self, shown: &Shown<'_>, form: Option<&str>) -> WholeResponse {
        let mut answer = self.medium.whole(match self.medium {
            Medium::Plain => self.lines(&shown.news),
            Medium::Html { language, .. } => html::room(self, shown, language, form),
        });
        if let Some(number) = shown.earlier {
            add_link(&mut answer, &self.before(number), "prev");
        }
        self.lead_on(&mut answer, shown.cursor);
        answer
    }

    /// Returns events as lines of plain text.
    pub(super) fn lines(&self, news: &[&News]) -> String {
        plain::write(lines(news.iter().copied()), &self.zone)
    }

    /// Tells the reader of an answer where to read on.
    pub(super) fn lead_on(&self, answer: &mut WholeResponse, cursor: Cursor) {
        add_link(answer, &self.wait_after(cursor), "next");
    }

    /// Returns the address of the wait for what comes after `cursor`.
    pub(super) fn wait_after(&self, cursor: Cursor) -> String {
        self.with(&format!("?wait&after={cursor}"))
    }

    /// Returns the address of what was before the event with this number.
    pub(super) fn before(&self, number: u64) -> String {
        self.with(&format!("?before={number}"))
    }

    /// Returns the address of the room, read in the same way.
    pub(super) fn address(&self) -> String {
        self.with("")
    }

    /// Returns the path of the room.
    pub(super) fn path(&self) -> String {
        format!("/r/{}", in_path(&self.room))
    }

    fn with(&self, query: &str) -> String {
        let Some(zone) = self.zone.name() else { return self.path() + query };
        let sign = if query.is_empty() { '?' } else { '&' };
        // The names of zones have letters, digits and `/+-_` only; a `+` would be a space.
        format!("{}{query}{sign}tz={}", self.path(), zone.replace('+', "%2B"))
    }
}

fn add_link(answer: &mut WholeResponse, address: &str, relation: &str) {
    let link = HeaderValue::try_from(format!("<{address}>; rel=\"{relation}\""));
    answer.headers_mut().append(header::LINK, link.expect("what is encoded is ASCII"));
}
