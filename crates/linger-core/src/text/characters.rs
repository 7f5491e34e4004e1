//! Characters: which of them show, join or break a line, and the one written form
//! of a name.
//!
//! Used by the parsers of `text` only, at the edge: apply never asks what a
//! character is, because Unicode adds some every year. Normal forms are those of
//! Unicode (UAX #15, NFC), and never change for a text that has one.

use std::{iter::Peekable, str::Chars};

use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};
use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};

const ZERO_WIDTH_NON_JOINER: char = '\u{200C}';
const ZERO_WIDTH_JOINER: char = '\u{200D}';
/// Asks for the colourful form of the character before it.
const EMOJI_STYLE: char = '\u{FE0F}';
/// Puts the digit before it on a key.
const KEYCAP: char = '\u{20E3}';
/// Begins the flag of a region, whose name follows in tags that nobody sees.
const BLACK_FLAG: char = '\u{1F3F4}';
/// The combining class of signs that join two consonants (Indic scripts).
const VIRAMA: u8 = 9;

/// The characters of a text, with every kind of line break as `\n`.
///
/// Source: UAX #14, the classes BK, CR, LF and NL.
pub(super) struct LineBreaks<'a>(Peekable<Chars<'a>>);

impl LineBreaks<'_> {
    pub(super) fn of(text: &str) -> LineBreaks<'_> {
        LineBreaks(text.chars().peekable())
    }
}

impl Iterator for LineBreaks<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        Some(match self.0.next()? {
            '\r' => {
                self.0.next_if_eq(&'\n');
                '\n'
            }
            '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            c => c,
        })
    }
}

/// Tells whether a character can be seen, also when it stands alone.
pub(super) fn shows(c: char) -> bool {
    use GeneralCategory::{Control, EnclosingMark, NonspacingMark};
    if c.is_whitespace() || is_ignorable(c) {
        return false;
    }
    match c.general_category() {
        // Marks are seen on a letter only.
        Control | NonspacingMark | EnclosingMark => false,
        // Most of these steer; those of Arabic and Syriac numbers have a shape.
        GeneralCategory::Format => matches!(
            c,
            '\u{600}'
                ..='\u{605}'
                    | '\u{6DD}'
                    | '\u{70F}'
                    | '\u{890}'
                    | '\u{891}'
                    | '\u{8E2}'
                    | '\u{110BD}'
                    | '\u{110CD}'
        ),
        // The empty pattern of Braille, and the note without a head.
        _ => !matches!(c, '\u{2800}' | '\u{1D159}'),
    }
}

/// Tells whether a character is a mark of the letter before it.
pub(super) fn is_mark(c: char) -> bool {
    use GeneralCategory::{NonspacingMark, SpacingMark};
    matches!(c.general_category(), NonspacingMark | SpacingMark)
}

/// Tells whether a character has no lower case of its own. Scripts without case
/// have letters that are neither upper nor lower.
pub(super) fn is_lower(c: char) -> bool {
    !c.is_uppercase() && c.to_lowercase().eq([c])
}

/// Returns the one written form of a slug: NFC, without invisible characters.
pub(super) fn normal_slug(given: &str) -> String {
    given.chars().filter(|&c| !is_ignorable(c)).nfc().collect()
}

/// Returns the one written form of a name: NFC, without invisible characters, except for
/// those that change the characters around them.
pub(super) fn normal_name(given: &str) -> String {
    if given.is_ascii() {
        return given.to_owned();
    }
    let all: Vec<char> = given.nfc().collect();
    let mut kept = String::with_capacity(given.len());
    for (i, &c) in all.iter().enumerate() {
        let next = all[i + 1..].iter().copied().find(|&next| !is_ignorable(next));
        // A character that turns the direction is refused, not left out: somebody should look
        // at a name that comes with one.
        if !is_ignorable(c) || turns_direction(c) || changes_its_neighbours(c, &kept, next) {
            kept.push(c);
        }
    }
    // A character that was left out may have stood between a letter and its mark.
    kept.nfc().collect()
}

/// Tells whether an invisible character changes how those around it look: `before`, which
/// ends with the one before it, and `next`.
///
/// Source: RFC 5892, appendices A.1 and A.2, for the joiners; UTS #51 for emoji.
fn changes_its_neighbours(c: char, before: &str, next: Option<char>) -> bool {
    let Some(last) = before.chars().next_back() else { return false };
    let is_virama = |c: char| canonical_combining_class(c) == VIRAMA;
    let joins_consonants = is_virama(last) || (next.is_some_and(is_virama) && !is_ignorable(last));
    match c {
        ZERO_WIDTH_NON_JOINER => {
            joins_consonants || (is_cursive(last) && next.is_some_and(is_cursive))
        }
        ZERO_WIDTH_JOINER => {
            let last = before.trim_end_matches(EMOJI_STYLE).chars().next_back();
            joins_consonants || (last.is_some_and(is_emoji) && next.is_some_and(is_emoji))
        }
        EMOJI_STYLE => is_emoji(last) || (last.is_emoji_char() && next == Some(KEYCAP)),
        // The shapes of a Mongolian letter.
        '\u{180B}'..='\u{180D}' | '\u{180F}' => matches!(last, '\u{1820}'..='\u{18AA}'),
        '\u{E0020}'..='\u{E007F}' => {
            let is_tag = |c: char| matches!(c, '\u{E0020}'..='\u{E007E}');
            before.trim_end_matches(is_tag).ends_with(BLACK_FLAG)
        }
        _ => false,
    }
}

/// Tells whether a character is an emoji; digits are none, though they can become some.
fn is_emoji(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

/// Tells whether a character is of a script whose letters are written together.
fn is_cursive(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{8FF}' // Arabic, Syriac, N'Ko, Mandaic
            | '\u{1800}'..='\u{18AF}' // Mongolian
            | '\u{A840}'..='\u{A877}' // Phags-pa
            | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' // Arabic, ready-made
            | '\u{10AC0}'..='\u{10AFF}' | '\u{10B80}'..='\u{10BAF}' // Manichaean, Pahlavi
            | '\u{10D00}'..='\u{10D3F}' | '\u{10F30}'..='\u{10FCB}' // Rohingya, Sogdian
            | '\u{1E900}'..='\u{1E95F}' // Adlam
    )
}

/// Tells whether a character turns the direction of the text around it.
pub(super) fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Tells whether a character is invisible: it steers, selects, or fills.
///
/// Source: Unicode's property `Default_Ignorable_Code_Point`, which counts unassigned
/// characters already.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}
