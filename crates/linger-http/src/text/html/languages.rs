//! The words of the pages, a language in a file.
//!
//! They say what the Vue page says (`web/src/i18n/languages`), as far as a page without
//! script has it. A third language is one file, and a line here.

mod chinese;
mod english;

use linger_serve::Failure;

use crate::friendly_names::Language;

/// Returns the words of a language.
pub(super) fn words_of(language: Language) -> &'static Words {
    match language {
        Language::English => &english::WORDS,
        Language::Chinese => &chinese::WORDS,
    }
}

/// Every word that a page says.
pub(super) struct Words {
    /// For the attribute `lang`: it picks the right fonts for shared characters.
    pub(super) tag: &'static str,
    pub(super) app_name: &'static str,
    pub(super) skip_to_composer: &'static str,
    pub(super) skip_to_rooms: &'static str,

    pub(super) rooms: &'static str,
    pub(super) browse_rooms: &'static str,
    pub(super) open_rooms: &'static str,
    pub(super) open_rooms_text: &'static str,
    pub(super) more_rooms: &'static str,
    pub(super) people: fn(u64) -> String,
    pub(super) lobby: &'static str,
    pub(super) to_lobby: &'static str,
    pub(super) closed: &'static str,
    /// A word on rooms, for a preview of one elsewhere.
    pub(super) about_room: &'static str,

    pub(super) messages_in: fn(&str) -> String,
    pub(super) empty_title: &'static str,
    pub(super) empty_text: &'static str,
    pub(super) earlier: &'static str,
    pub(super) beginning: &'static str,
    pub(super) to_newest: &'static str,
    pub(super) fresh: &'static str,
    pub(super) spoke: fn(&str, &str) -> String,
    pub(super) deleted: &'static str,
    /// Before the message that another one answers.
    pub(super) answers_to: &'static str,
    /// In the place of a message that the reader may not see.
    pub(super) unseen: &'static str,
    pub(super) edited: &'static str,
    /// When something was changed: the day, and the time.
    pub(super) edited_at: fn(&str, &str) -> String,
    /// An emoji, how many answered with it, and their names.
    pub(super) reaction_of: fn(&str, &str, &str) -> String,
    /// How many more people there are than are named.
    pub(super) others: fn(usize) -> String,
    /// In the place of the text of a quoted message that has none, but files.
    pub(super) a_file: &'static str,
    pub(super) download: &'static str,
    /// Says that a file of this name is a picture, a video, a sound.
    pub(super) picture: fn(&str) -> String,
    pub(super) video: fn(&str) -> String,
    pub(super) audio: fn(&str) -> String,
    pub(super) bytes: fn(u64) -> String,
    /// A piece of code, and a text that waits to be shown, as readers hear them.
    pub(super) code: &'static str,
    pub(super) spoiler: &'static str,
    /// A day: its year, month and day, and its weekday from Monday, 0, on.
    pub(super) day: fn((i16, i8, i8), usize) -> String,

    pub(super) opened: fn(Option<&str>) -> String,
    /// Somebody changed the room's name, or its topic.
    pub(super) changed_room: fn(&str) -> String,
    pub(super) joined: fn(&str) -> String,
    pub(super) left: fn(&str) -> String,
    pub(super) added: fn(&str, &str) -> String,
    pub(super) many_joined: fn(usize) -> String,
    pub(super) many_left: fn(usize) -> String,
    pub(super) many_added: fn(&str, usize) -> String,
    /// Names, one after the other.
    pub(super) and: fn(&[String]) -> String,

    pub(super) wait: &'static str,
    pub(super) nothing_new: &'static str,
    pub(super) write_to: fn(&str) -> String,
    pub(super) your_name: &'static str,
    pub(super) send: &'static str,

    pub(super) refused: &'static str,
    pub(super) no_room: &'static str,
    pub(super) nothing_here: &'static str,
    /// The sentence for a failure; none where its own detail, in English, says it best.
    pub(super) failure: fn(&Failure) -> Option<String>,
}
