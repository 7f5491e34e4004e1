//! The way in which somebody reads a room: which room, in which medium and time zone.
//!
//! All who read in the same way get the same bytes. It also has the addresses that an
//! answer names: those of its readers, with their own parameters kept.

use axum::http::{HeaderValue, header};
use linger_core::{Cursor, Slug};
use linger_serve::WholeResponse;

use super::{lines::Line, medium::Medium, plain, zone::Zone};
use crate::addressed::in_path;

/// The way in which somebody reads a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub(super) room: Slug,
    pub(super) medium: Medium,
    pub(super) zone: Zone,
}

impl View {
    /// Returns lines as an answer, from which one reads on at `cursor`.
    pub(super) fn answer<'n>(
        &self,
        lines: impl IntoIterator<Item = Line<'n>>,
        cursor: Cursor,
    ) -> WholeResponse {
        let mut answer = self.medium.whole(self.write(lines));
        self.lead_on(&mut answer, cursor);
        answer
    }

    /// Writes lines down.
    pub(super) fn write<'n>(&self, lines: impl IntoIterator<Item = Line<'n>>) -> String {
        plain::write(lines, &self.zone)
    }

    /// Tells the reader of an answer where to read on.
    pub(super) fn lead_on(&self, answer: &mut WholeResponse, cursor: Cursor) {
        let next = format!("<{}>; rel=\"next\"", self.wait_after(cursor));
        let next = HeaderValue::try_from(next).expect("what is encoded is ASCII");
        answer.headers_mut().append(header::LINK, next);
    }

    /// Tells the reader of an answer where to read what was before the event with this number.
    pub(super) fn lead_back(&self, answer: &mut WholeResponse, number: u64) {
        let earlier = format!("<{}?before={number}{}>; rel=\"prev\"", self.path(), self.zone_too());
        let earlier = HeaderValue::try_from(earlier).expect("what is encoded is ASCII");
        answer.headers_mut().append(header::LINK, earlier);
    }

    /// Returns the address of the wait for what comes after `cursor`.
    pub(super) fn wait_after(&self, cursor: Cursor) -> String {
        format!("{}?wait&after={cursor}{}", self.path(), self.zone_too())
    }

    /// Returns the path of the room.
    pub(super) fn path(&self) -> String {
        format!("/r/{}", in_path(&self.room))
    }

    fn zone_too(&self) -> String {
        // The names of zones have letters, digits and `/+-_` only; a `+` would be a space.
        let tz = |name: &str| format!("&tz={}", name.replace('+', "%2B"));
        self.zone.name().map(tz).unwrap_or_default()
    }
}
