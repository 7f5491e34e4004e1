//! The things beside the text of a message: the one that it answers, when it was changed,
//! its files, the answers by emoji.
//!
//! As harmless as [`super::lines`] makes the text itself; each is one line.

use std::borrow::Cow;

use linger_core::{File, Message, Quote, Timestamp};

use super::{Named, one_line};

/// The things beside a text.
#[derive(Debug, Clone)]
pub(in crate::text) struct Beside<'n> {
    pub(in crate::text) quoted: Option<Quoted<'n>>,
    pub(in crate::text) edited_at: Option<Timestamp>,
    /// Each file, and its name as it can be shown.
    pub(in crate::text) files: Vec<(Cow<'n, str>, &'n File)>,
    /// Each emoji, and those who answered with it.
    pub(in crate::text) reactions: Vec<(&'n str, Vec<Named<'n>>)>,
}

/// The message that another one answers, in short.
#[derive(Debug, Clone)]
pub(in crate::text) struct Quoted<'n> {
    /// None where the reader may not see it.
    pub(in crate::text) number: Option<u64>,
    pub(in crate::text) by: Option<Named<'n>>,
    pub(in crate::text) text: Option<Cow<'n, str>>,
    pub(in crate::text) deleted: bool,
}

impl Beside<'_> {
    pub(super) fn of(message: &Message) -> Beside<'_> {
        let reactions = message
            .reactions
            .iter()
            .map(|reaction| (reaction.emoji.as_str(), reaction.by.iter().map(Named::of).collect()));
        Beside {
            quoted: message.reply_to.as_ref().map(Quoted::of),
            edited_at: message.edited_at,
            files: message.files.iter().map(|file| (one_line(file.name.as_str()), file)).collect(),
            reactions: reactions.collect(),
        }
    }
}

impl Quoted<'_> {
    fn of(quote: &Quote) -> Quoted<'_> {
        let text = quote.text.as_deref().map(|text| match text.contains(['\n', '\t']) {
            true => Cow::Owned(one_line(&text.replace(['\n', '\t'], " ")).into_owned()),
            false => one_line(text),
        });
        let (number, by) = (quote.number, quote.by.as_ref().map(Named::of));
        Quoted { number, by, text, deleted: quote.deleted }
    }
}
