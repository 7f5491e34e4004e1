//! One message as a page shows it: with the message that it answers, the mark of an edit, its
//! files, and the answers by emoji.
//!
//! The same as `web/src/messages/MessageRow.vue` and what it is made of, so that nothing
//! moves when the script takes over.

use linger_core::Timestamp;

use super::{
    super::{
        lines::{Beside, Named, Quoted, Text},
        sizes::grouped,
        zone::Zone,
    },
    arrange::isolated,
    files::Files,
    languages::Words,
};

/// One message.
pub(super) struct Said<'n> {
    pub(super) number: u64,
    pub(super) id: u64,
    /// None where it is deleted.
    pub(super) text: Option<Text<'n>>,
    pub(super) at: String,
    pub(super) time: String,
    pub(super) quoted: Option<Quoted<'n>>,
    /// When it was changed, in words; none if it was not.
    pub(super) edited: Option<String>,
    pub(super) files: Option<Files<'n>>,
    pub(super) reactions: Vec<Reacted<'n>>,
}

/// An emoji, and those who answered with it.
pub(super) struct Reacted<'n> {
    pub(super) emoji: &'n str,
    pub(super) count: String,
    pub(super) names: String,
    /// All of that, as readers hear it.
    pub(super) label: String,
}

/// More people than this are counted, not named.
const NAMED_MAX: usize = 10;

impl<'n> Said<'n> {
    /// Takes a message that was sent at `at`.
    pub(super) fn of(
        (number, id, text): (u64, u64, Option<Text<'n>>),
        beside: Beside<'n>,
        at: Timestamp,
        zone: &Zone,
        words: &Words,
    ) -> Said<'n> {
        let edited = beside.edited_at.map(|at| {
            let (day, weekday) = zone.day(at);
            (words.edited_at)(&(words.day)(day, weekday), &zone.hour_and_minute(at))
        });
        let reactions = beside.reactions.into_iter();
        Said {
            number,
            id,
            text,
            at: at.to_string(),
            time: zone.hour_and_minute(at),
            quoted: beside.quoted,
            edited,
            files: Files::of(beside.files, words),
            reactions: reactions.map(|(emoji, by)| Reacted::of(emoji, &by, words)).collect(),
        }
    }
}

impl<'n> Reacted<'n> {
    fn of(emoji: &'n str, by: &[Named<'_>], words: &Words) -> Reacted<'n> {
        let mut named: Vec<_> = by.iter().take(NAMED_MAX).map(|by| isolated(&by.name)).collect();
        if by.len() > NAMED_MAX {
            named.push((words.others)(by.len() - NAMED_MAX));
        }
        let (count, names) = (grouped(by.len() as u128), (words.and)(&named));
        let label = (words.reaction_of)(emoji, &count, &names);
        Reacted { emoji, count, names, label }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use linger_core::{Position, UserId};

    use super::{super::languages::words_of, *};
    use crate::friendly_names::Language;

    #[test]
    fn those_who_answered_by_emoji_are_named_and_many_are_counted() {
        let crowd = |count: u64| -> Vec<Named<'static>> {
            let person =
                |n| Named { id: UserId::new(Position::new(n)), name: Cow::Owned(format!("p{n}")) };
            (1..=count).map(person).collect()
        };
        let rows = [
            (Language::English, 1, "🍵 1: p1"),
            (Language::English, 2, "🍵 2: p1 and p2"),
            (Language::English, 11, "🍵 11: p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, and 1 other"),
            (
                Language::English,
                1012,
                "🍵 1,012: p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, and 1002 others",
            ),
            (Language::Chinese, 2, "🍵 2，p1和 p2 的回应"),
            (
                Language::Chinese,
                12,
                "🍵 12，p1、p2、p3、p4、p5、p6、p7、p8、p9、p10和另外 2 人的回应",
            ),
        ];
        for (language, count, expected) in rows {
            let told = Reacted::of("🍵", &crowd(count), words_of(language));
            assert_eq!(told.label, expected, "{count}");
        }
    }
}
