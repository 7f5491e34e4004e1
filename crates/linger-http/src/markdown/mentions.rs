//! Mentions: who is named by `@name`, and `@all`.
//!
//! Looked for in the text, after the marks are read, outside of code, links and
//! addresses. An `@` in a word is none: addresses of mail have it. The longest name that
//! somebody has is the one that is meant.

use linger_core::UserName;

use super::{
    Names,
    layers::{Layers, Span},
    marks::is_word,
    target::Target,
};

/// Finds the mentions in a text. An `@` at one of the places `escaped`, in UTF-16 units
/// and in order, is none.
pub(super) fn find(layers: &mut Layers, escaped: &[u32], names: &mut Names<'_>) {
    let (mut at, mut named, mut tries) = (0, Vec::new(), TRIES_MAX);
    while let Some(found) = layers.units[at..].iter().position(|&unit| unit == AT) {
        let start = at + found;
        at = start + 1;
        let is_escaped = escaped.binary_search_by(|&place| (place as usize).cmp(&start)).is_ok();
        if is_escaped || !begins(layers, start) || !is_plain(layers, &(start..at)) {
            continue;
        }
        let all = start..start + ALL.len();
        if is_all(layers, &all) {
            layers.alls.push(all);
            continue;
        }
        if tries == 0 {
            continue;
        }
        let longest = ends(layers, at).into_iter().rev();
        let mut people = longest.filter_map(|end| {
            tries = tries.checked_sub(1)?;
            let name = layers.text(&(at..end));
            // With white space around it, it is no other name.
            let is_whole = name.trim().len() == name.len();
            let user = if is_whole { names(&name) } else { None };
            user.map(|user| (start..end, Target::User(user)))
        });
        if let Some(person) = people.next() {
            at = person.0.end;
            named.push(person);
        }
    }
    layers.links.extend(named);
    layers.links.sort_by_key(|(span, _)| span.start);
}

/// Names that are tried in one text. In 4,000 characters of `@@@` there would be 80,000, and beyond
/// so many nobody is meant.
const TRIES_MAX: usize = 1000;
const AT: u16 = b'@' as u16;
const ALL: &str = "@all";

/// Tells whether a part of the text names all.
pub(super) fn is_all(layers: &Layers, part: &Span) -> bool {
    let after = layers.units.get(part.end).copied();
    part.len() == ALL.len()
        && part.end <= layers.units.len()
        && layers.units[part.clone()].iter().copied().eq(ALL.encode_utf16())
        && begins(layers, part.start)
        && !after.is_some_and(|unit| is_word(character(unit)))
        && is_plain(layers, part)
}

/// Tells whether a mention may begin at this unit.
fn begins(layers: &Layers, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| character(layers.units[before]));
    !is_word(before)
}

/// Tells whether a part of the text is neither code nor a link.
fn is_plain(layers: &Layers, part: &Span) -> bool {
    let is_in_passage = layers.passage_at(part.start).is_some();
    is_in_passage && !layers.is_linked(part) && !layers.is_code(part)
}

/// Returns where a name that begins at a unit may end: on its line, not within a word,
/// and not in something else.
fn ends(layers: &Layers, start: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut at, mut characters) = (start, 0);
    while let Some(&unit) = layers.units.get(at) {
        let part = at..at + 1;
        let is_over = unit == u16::from(b'\n')
            || characters == *UserName::CHARACTERS.end()
            || !is_plain(layers, &part);
        if is_over {
            break;
        }
        at += if is_first_half(unit) { 2 } else { 1 };
        characters += 1;
        let after = layers.units.get(at).copied().and_then(character);
        if !(is_word(after) && is_word(character(unit))) {
            ends.push(at);
        }
    }
    ends
}

/// Returns the character of a unit; the halves of one are letters beyond all scripts
/// with spaces, so they need not be told apart.
fn character(unit: u16) -> Option<char> {
    char::from_u32(u32::from(unit))
}

fn is_first_half(unit: u16) -> bool {
    (0xD800..0xDC00).contains(&unit)
}
