//! Lines: events as readers of text know them. The only place that says which event is
//! a line, and what belongs to it; `plain` and `html` write them down.
//!
//! Terminals obey control characters, so none but the end of a line and the tab leaves
//! here, whatever an old log holds.

mod beside;

use std::borrow::Cow;

use linger_core::{Entity, EventKind, Message, MessageId, News, Person, Timestamp, UserId};

pub(super) use self::beside::{Beside, Quoted};

/// One line of a room.
#[derive(Debug, Clone)]
pub(super) struct Line<'n> {
    pub(super) at: Timestamp,
    pub(super) what: What<'n>,
}

/// The thing that a line tells.
#[derive(Debug, Clone)]
pub(super) enum What<'n> {
    /// Somebody said something; without a text it is deleted.
    Said { by: Named<'n>, number: u64, id: MessageId, text: Option<Text<'n>>, beside: Beside<'n> },
    /// Somebody changed what they said; without a text it is deleted by now, or not for
    /// this reader.
    Edited { by: Named<'n>, number: u64, text: Option<Text<'n>> },
    /// Somebody took back what they said.
    Deleted { by: Named<'n>, number: u64 },
    /// Somebody answered to a message with an emoji, or took that back.
    Reacted { by: Named<'n>, number: u64, emoji: &'n str, is_on: bool },
    /// Somebody pinned a message, or unpinned it.
    Pinned { by: Named<'n>, number: u64, is_on: bool },
    /// Somebody gave the room another name, or another topic; these are both as they are since.
    Changed { by: Named<'n>, name: Cow<'n, str>, topic: Cow<'n, str> },
    /// The room was opened.
    Opened { by: Option<Named<'n>> },
    /// Somebody came, or was brought by another.
    Joined { who: Named<'n>, by: Option<Named<'n>> },
    /// Somebody left.
    Left { who: Named<'n> },
}

/// The text of a message.
#[derive(Debug, Clone)]
pub(super) struct Text<'n> {
    pub(super) text: Cow<'n, str>,
    pub(super) entities: &'n [Entity],
}

/// Somebody, under a name that can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'n> {
    pub(super) id: UserId,
    pub(super) name: Cow<'n, str>,
}

/// Returns the lines that these events are.
pub(super) fn lines<'n>(
    news: impl IntoIterator<Item = &'n News>,
) -> impl Iterator<Item = Line<'n>> {
    news.into_iter().filter_map(Line::of)
}

impl Line<'_> {
    fn of(news: &News) -> Option<Line<'_>> {
        let event = &news.event;
        let by = event.by.as_ref();
        let what = match &event.kind {
            EventKind::MessageSent { message } => What::Said {
                by: Named::of(&message.by),
                number: message.number,
                id: message.id,
                text: Text::of(message),
                beside: Beside::of(message),
            },
            EventKind::MessageEdited { message } => What::Edited {
                by: Named::of(&message.by),
                number: message.number,
                text: Text::of(message),
            },
            EventKind::MessageDeleted { message } => {
                What::Deleted { by: Named::of(&message.by), number: message.number }
            }
            EventKind::ReactionAdded { emoji, .. } | EventKind::ReactionRemoved { emoji, .. } => {
                let is_on = matches!(event.kind, EventKind::ReactionAdded { .. });
                What::Reacted {
                    by: Named::of(by?),
                    number: news.about?,
                    emoji: emoji.as_str(),
                    is_on,
                }
            }
            EventKind::MessagePinned { .. } | EventKind::MessageUnpinned { .. } => {
                let is_on = matches!(event.kind, EventKind::MessagePinned { .. });
                What::Pinned { by: Named::of(by?), number: news.about?, is_on }
            }
            EventKind::RoomChanged { changed } => What::Changed {
                by: Named::of(by?),
                name: one_line(changed.name.as_str()),
                topic: one_line(changed.topic.as_str()),
            },
            EventKind::RoomOpened { .. } => What::Opened { by: by.map(Named::of) },
            EventKind::MemberJoined { member, .. } => {
                let by = by.filter(|by| by.id != member.id).map(Named::of);
                What::Joined { who: Named::of(member), by }
            }
            EventKind::MemberLeft { member } => What::Left { who: Named::of(member) },
            // Nobody reads it in a room: it is for the people of many, and has no number in any.
            EventKind::UserRenamed { .. } => return None,
        };
        Some(Line { at: event.at, what })
    }
}

impl Text<'_> {
    fn of(message: &Message) -> Option<Text<'_>> {
        let text = message.text.as_ref()?;
        let entities = message.entities.as_slice();
        Some(Text { text: several_lines(text.as_str()), entities })
    }
}

impl Named<'_> {
    fn of(person: &Person) -> Named<'_> {
        Named { id: person.id, name: one_line(person.name.as_str()) }
    }
}

fn one_line(text: &str) -> Cow<'_, str> {
    harmless(text, is_obeyed)
}

fn several_lines(text: &str) -> Cow<'_, str> {
    harmless(text, |c| is_obeyed(c) && !matches!(c, '\n' | '\t'))
}

/// Tells whether a terminal does something when it gets this character, or whether it
/// begins another line there.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Puts the sign for a broken character in the place of each that does harm.
fn harmless(text: &str, does_harm: impl Fn(char) -> bool) -> Cow<'_, str> {
    match text.contains(&does_harm) {
        true => Cow::Owned(text.replace(does_harm, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_a_terminal_obeys_is_left() {
        let rows = [
            ("a colour", "\u{1b}[31mred", "\u{fffd}[31mred", "\u{fffd}[31mred"),
            ("eight bits", "\u{9b}2Jgone", "\u{fffd}2Jgone", "\u{fffd}2Jgone"),
            (
                "a bell, nothing",
                "\u{7}\0\u{7f}",
                "\u{fffd}\u{fffd}\u{fffd}",
                "\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("the line again", "a\rb", "a\u{fffd}b", "a\u{fffd}b"),
            (
                "other ends of lines",
                "a\u{85}b\u{2028}c",
                "a\u{fffd}b\u{fffd}c",
                "a\u{fffd}b\u{fffd}c",
            ),
            ("a line and a tab", "a\n\tb", "a\u{fffd}\u{fffd}b", "a\n\tb"),
            (
                "marks, and letters from the right",
                "Z\u{310}\u{31a} שלום 茶",
                "Z\u{310}\u{31a} שלום 茶",
                "Z\u{310}\u{31a} שלום 茶",
            ),
        ];
        for (case, text, name, message) in rows {
            assert_eq!((&*one_line(text), &*several_lines(text)), (name, message), "{case}");
        }
    }
}
