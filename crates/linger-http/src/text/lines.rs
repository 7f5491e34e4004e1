//! Lines: events as readers of text know them. The only place that says which event is
//! a line, and what belongs to it; [`super::plain`] and the page write them down.

use linger_core::{Event, EventKind, MessageText, News, Person, Timestamp, UserName};

/// One line of a room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'n> {
    pub(super) at: Timestamp,
    pub(super) what: What<'n>,
}

/// The thing that a line tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'n> {
    /// Somebody said something; without a text it is deleted.
    Said { by: &'n Person, text: Option<&'n MessageText> },
    /// The room was opened.
    Opened { by: Option<&'n Person> },
    /// Somebody came, or was brought by another.
    Joined { who: &'n Person, by: Option<&'n Person> },
    /// Somebody left.
    Left { who: &'n Person },
    /// Somebody has another name.
    Renamed { old: &'n UserName, new: &'n Person },
}

/// Returns the lines that these events are.
pub(super) fn lines<'n>(
    news: impl IntoIterator<Item = &'n News>,
) -> impl Iterator<Item = Line<'n>> {
    news.into_iter().filter_map(|news| Line::of(&news.event))
}

impl Line<'_> {
    fn of(event: &Event) -> Option<Line<'_>> {
        let by = event.by.as_ref();
        let what = match &event.kind {
            EventKind::MessageSent { message } => {
                What::Said { by: &message.by, text: message.text.as_ref() }
            }
            EventKind::RoomOpened { .. } => What::Opened { by },
            EventKind::MemberJoined { member, .. } => {
                What::Joined { who: member, by: by.filter(|by| by.id != member.id) }
            }
            EventKind::MemberLeft { member } => What::Left { who: member },
            EventKind::UserRenamed { old_name } => What::Renamed { old: old_name, new: by? },
        };
        Some(Line { at: event.at, what })
    }
}
