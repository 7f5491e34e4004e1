//! The laws of Markdown, for any message and for any text. The fuzzer has the same ones.

use std::cmp::Reverse;

use linger_core::{Entities, Entity, EntityKind, MessageText, Position, UserId};
use linger_http::markdown::{Written, parse, print, settled, steps};

/// Most steps that the parser takes for each byte of its input.
const STEPS_PER_BYTE: usize = 6;

/// Nobody has this name, whatever it is.
pub fn nobody(_: &str) -> Option<UserId> {
    None
}

/// Everybody is somebody: the one whose number is the length of their name.
pub fn everybody(name: &str) -> Option<UserId> {
    Some(UserId::new(Position::new(name.len() as u64)))
}

/// Checks what holds for any source: its message is in order, can be printed, and is
/// the same when it is read again, whoever is in the room then.
pub fn check_source(source: &str) {
    let taken = steps(source);
    assert!(taken <= STEPS_PER_BYTE * source.len(), "{taken} steps for {} bytes", source.len());
    for names in [nobody, everybody] {
        if let Ok(Written { text, entities }) = parse(source, &mut |name| names(name)) {
            check_message(text.as_str(), entities.as_slice());
        }
    }
}

/// Checks what holds for any formatting of a text.
pub fn check_any(text: &str, parts: &[(u16, u16, EntityKind)]) {
    let Ok(text) = MessageText::parse(text) else { return };
    let entities = settled(text.as_str(), &entities(text.as_str(), parts));
    if entities.len() <= Entities::MAX {
        check_message(text.as_str(), &entities);
    }
}

/// Checks what holds for any message.
fn check_message(text: &str, entities: &[Entity]) {
    assert!(Entities::of(text, entities.to_vec()).is_ok(), "{text:?} {entities:?}");
    assert_eq!(settled(text, entities), entities, "settled once, for ever: {text:?}");
    let printed = print(text, entities);
    for names in [nobody, everybody] {
        let again = parse(&printed, &mut |name| names(name));
        let again = again.unwrap_or_else(|error| panic!("{error:?}: {printed:?}"));
        let same = (again.text.as_str(), again.entities.as_slice()) == (text, entities);
        assert!(same, "{text:?} {entities:?}\nis printed as {printed:?}\nand read as {again:?}");
    }
}

/// Returns the kind with this number, as a fuzzer chooses it.
pub fn kind(number: u8, word: &str) -> EntityKind {
    match number % 11 {
        0 => EntityKind::Bold,
        1 => EntityKind::Italic,
        2 => EntityKind::Strike,
        3 => EntityKind::Spoiler,
        4 => EntityKind::Code,
        5 => EntityKind::Pre { language: (!word.is_empty()).then(|| word.to_owned()) },
        6 => EntityKind::Link { url: format!("https://a.example/{word}") },
        7 => EntityKind::Url,
        8 => EntityKind::Mention { user: UserId::new(Position::new(17)) },
        9 => EntityKind::MentionAll,
        _ => EntityKind::Quote,
    }
}

/// Returns entities on whole characters of a text, in order; they may cross.
fn entities(text: &str, parts: &[(u16, u16, EntityKind)]) -> Vec<Entity> {
    let mut places = vec![0u32];
    for c in text.chars() {
        places.push(places.last().unwrap() + c.len_utf16() as u32);
    }
    let place = |number: u16| places[usize::from(number) % places.len()];
    let mut entities: Vec<_> = parts
        .iter()
        .map(|(one, other, kind)| {
            let (one, other) = (place(*one), place(*other));
            Entity { offset: one.min(other), length: one.abs_diff(other), kind: kind.clone() }
        })
        .filter(|entity| entity.length > 0)
        .collect();
    entities.sort_by_key(|entity| (entity.offset, Reverse(entity.length)));
    entities
}
