//! Markdown: what people type, as a text with entities, and back.
//!
//! [`parse`] reads marks, [`plain`] a text as it stands; both find addresses and
//! mentions. [`print()`] writes a message as Markdown, for its author to change: parsing
//! that gives the same message, for every message (`tests/markdown`). Pure functions,
//! each linear in its input; who is named is asked of the caller. The grammar is
//! described in `docs/messages.md`, the reasons are in decision 0053.

mod blocks;
mod layers;
mod marks;
mod mentions;
mod print;
mod sweep;
mod target;
mod typed;

use linger_core::{Entities, Malformed, MessageText, UserId};

use self::{layers::Layers, typed::Typed};
pub use self::{layers::settled, print::print};

/// A message's text with its formatting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: MessageText,
    /// Its formatting.
    pub entities: Entities,
}

/// Returns the one person who is meant by a name, as it was typed behind an `@`. Names
/// repeat: one that two people have means nobody.
pub type Names<'n> = dyn FnMut(&str) -> Option<UserId> + 'n;

/// Parses Markdown. Errors: the text that it stands for is none, or has too many
/// entities.
pub fn parse(source: &str, names: &mut Names<'_>) -> Result<Written, Malformed> {
    let typed = typed::marked(&MessageText::lines(source));
    written(typed, names)
}

/// Parses a text without marks: addresses and mentions are found in it. Errors: as of
/// [`parse`].
pub fn plain(text: &str, names: &mut Names<'_>) -> Result<Written, Malformed> {
    // Without these it has neither an address nor a mention.
    if !text.contains([':', '@']) {
        return Ok(Written { text: MessageText::parse(text)?, entities: Entities::default() });
    }
    let typed = typed::unmarked(&MessageText::lines(text));
    written(typed, names)
}

/// Returns the names that [`parse`] may ask for, so that a caller can look them up
/// before it parses.
pub fn names_in(source: &str) -> Vec<String> {
    let mut asked = Vec::new();
    // A text that is refused names nobody.
    let _ = parse(source, &mut |name| {
        asked.push(name.to_owned());
        None
    });
    asked.sort_unstable();
    asked.dedup();
    asked
}

/// Returns how many steps the parser takes for a text: looks at a character. Its law is
/// that they grow with the text and no faster.
pub fn steps(source: &str) -> usize {
    typed::marked(&MessageText::lines(source)).steps
}

fn written(typed: Typed, names: &mut Names<'_>) -> Result<Written, Malformed> {
    let typed = typed.trimmed();
    let text = MessageText::parse(&typed.text)?;
    // Most texts are plain.
    if typed.entities.is_empty() && !text.as_str().contains('@') {
        return Ok(Written { text, entities: Entities::default() });
    }
    let mut layers = Layers::new(text.as_str(), &typed.entities);
    mentions::find(&mut layers, &typed.escaped, names);
    let entities = Entities::of(text.as_str(), sweep::entities(&layers))?;
    Ok(Written { text, entities })
}
