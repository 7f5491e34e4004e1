//! One emoji, by which somebody answers to a message.
//!
//! Parsed once, at the edge. It gets one written form, so that two that look the same
//! are the same: with the selector of the colourful form where a character has two
//! forms, and without it where it has only one. Source: UTS #51, "emoji sequences".

use std::fmt;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use unicode_properties::{EmojiStatus, UnicodeEmoji};

use crate::Malformed;

/// One emoji.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Emoji(String);

const JOINER: char = '\u{200D}';
/// Asks for the colourful form of the character before it.
const EMOJI_STYLE: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';
/// The end of the name of a region, in tags behind a flag.
const TAGS_END: char = '\u{E007F}';

impl Emoji {
    /// Most characters of one: families, and flags with the name of a region, are long.
    pub const CHARACTERS_MAX: usize = 24;

    /// Parses an emoji. Errors: it is none, or more than one.
    pub fn parse(given: &str) -> Result<Emoji, Malformed> {
        let wrong = || Malformed("a reaction is one emoji; send a single one".to_owned());
        let characters: Vec<char> = given.chars().take(Emoji::CHARACTERS_MAX + 1).collect();
        if characters.len() > Emoji::CHARACTERS_MAX {
            return Err(wrong());
        }
        let mut written = String::with_capacity(given.len() + EMOJI_STYLE.len_utf8());
        let mut rest = &characters[..];
        loop {
            rest = element(rest, &mut written).ok_or_else(wrong)?;
            match rest {
                [] => return Ok(Emoji(written)),
                [JOINER, more @ ..] => {
                    written.push(JOINER);
                    rest = more;
                }
                _ => return Err(wrong()),
            }
        }
    }

    /// Returns the emoji.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Writes the first element of a sequence, and returns the characters behind it; none if
/// there is no such element.
fn element<'c>(characters: &'c [char], written: &mut String) -> Option<&'c [char]> {
    let (&first, rest) = characters.split_first()?;
    if is_regional(first) {
        let (&second, rest) = rest.split_first()?;
        written.extend([first, second]);
        return is_regional(second).then_some(rest);
    }
    if first.is_ascii() {
        let (rest, is_key) = match rest {
            [EMOJI_STYLE, KEYCAP, rest @ ..] | [KEYCAP, rest @ ..] => (rest, true),
            _ => (rest, false),
        };
        written.extend([first, EMOJI_STYLE, KEYCAP]);
        return (is_key && matches!(first, '0'..='9' | '#' | '*')).then_some(rest);
    }
    if !first.is_emoji_char() {
        return None;
    }
    written.push(first);
    let (rest, is_styled) = match rest {
        [EMOJI_STYLE, rest @ ..] => (rest, true),
        _ => (rest, false),
    };
    match rest {
        [modifier, rest @ ..] if is_modifier(*modifier) && !is_styled => {
            written.push(*modifier);
            Some(rest)
        }
        [tag, ..] if is_tag(*tag) => {
            let tags = rest.iter().take_while(|c| is_tag(**c)).count();
            let end = rest.get(tags).filter(|c| **c == TAGS_END)?;
            written.extend(&rest[..tags]);
            written.push(*end);
            Some(&rest[tags + 1..])
        }
        rest => {
            if !has_one_form(first) {
                written.push(EMOJI_STYLE);
            }
            Some(rest)
        }
    }
}

/// Tells whether it is shown as an emoji without being asked.
fn has_one_form(c: char) -> bool {
    matches!(
        c.emoji_status(),
        EmojiStatus::EmojiPresentation
            | EmojiStatus::EmojiPresentationAndModifierBase
            | EmojiStatus::EmojiPresentationAndEmojiComponent
            | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
    )
}

fn is_regional(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0020}'..='\u{E007E}')
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ToSql for Emoji {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Emoji {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        String::column_result(value).map(Emoji)
    }
}
