//! A message's text with its entities, as paragraphs, quotes and code, and what is in
//! them.
//!
//! `html` and `plain` write them down; `web/src/text/entities.ts` cuts in the same way,
//! and `fixtures/entities` tries both. A text without entities is an older one, in which
//! addresses are looked for here.

use std::{collections::VecDeque, ops::Range};

use linger_core::{Entity, EntityKind};

use crate::addresses;

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inline<'t> {
    Text(&'t str),
    /// An entity, with its own text and what is in it.
    Part {
        kind: EntityKind,
        text: &'t str,
        children: Vec<Inline<'t>>,
    },
}

/// Some lines of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block<'t> {
    Paragraph(Vec<Inline<'t>>),
    Quote(Vec<Block<'t>>),
    Pre { language: Option<String>, code: &'t str },
}

/// An entity, by bytes of the text.
#[derive(Debug, Clone)]
struct Part {
    span: Range<usize>,
    kind: EntityKind,
}

/// Returns the blocks of a text, in order.
pub(super) fn blocks<'t>(text: &'t str, entities: &[Entity]) -> Vec<Block<'t>> {
    let parts = match entities.is_empty() {
        true => found(text),
        false => in_bytes(text, entities),
    };
    let of = |is_wanted: fn(&EntityKind) -> bool| {
        parts.iter().filter(|part| is_wanted(&part.kind)).cloned().collect()
    };
    let cutter = Cutter {
        text,
        quotes: of(|kind| *kind == EntityKind::Quote),
        pres: of(|kind| matches!(kind, EntityKind::Pre { .. })),
        inline: of(|kind| !matches!(kind, EntityKind::Quote | EntityKind::Pre { .. })),
        open: Vec::new(),
    };
    cutter.blocks()
}

fn found(text: &str) -> Vec<Part> {
    let parts = addresses::all(text).into_iter();
    parts.map(|span| Part { span, kind: EntityKind::Url }).collect()
}

fn in_bytes(text: &str, entities: &[Entity]) -> Vec<Part> {
    let mut places = Vec::with_capacity(text.len() + 1);
    for (at, c) in text.char_indices() {
        places.extend((0..c.len_utf16()).map(|_| at));
    }
    places.push(text.len());
    let place = |unit: u32| places.get(unit as usize).copied().unwrap_or(text.len());
    let part = |entity: &Entity| {
        let span = place(entity.offset)..place(entity.offset.saturating_add(entity.length));
        Part { span, kind: entity.kind.clone() }
    };
    entities.iter().map(part).collect()
}

struct Cutter<'t> {
    text: &'t str,
    quotes: VecDeque<Part>,
    pres: VecDeque<Part>,
    /// What is within lines, and has not begun.
    inline: VecDeque<Part>,
    /// What has begun, and not ended.
    open: Vec<Part>,
}

impl<'t> Cutter<'t> {
    fn blocks(mut self) -> Vec<Block<'t>> {
        let (mut blocks, mut at) = (Vec::new(), 0);
        while at <= self.text.len() {
            let Some(quote) = self.quotes.pop_front_if(|quote| quote.span.start <= at) else {
                blocks.push(self.block(&mut at));
                continue;
            };
            let mut quoted = Vec::new();
            while at < quote.span.end {
                quoted.push(self.block(&mut at));
            }
            blocks.push(Block::Quote(quoted));
        }
        blocks
    }

    /// Returns the code or the line that begins at `at`, and moves on behind it.
    fn block(&mut self, at: &mut usize) -> Block<'t> {
        let start = *at;
        if let Some(Part { span, kind }) = self.pres.pop_front_if(|pre| pre.span.start <= start) {
            *at = span.end.max(start) + 1;
            let language = match kind {
                EntityKind::Pre { language } => language,
                _ => None,
            };
            return Block::Pre { language, code: &self.text[start..span.end.max(start)] };
        }
        let end = self.text[start..].find('\n').map_or(self.text.len(), |end| start + end);
        *at = end + 1;
        Block::Paragraph(self.line(start, end))
    }

    /// Cuts a line; what goes on in the next one begins there anew.
    fn line(&mut self, start: usize, end: usize) -> Vec<Inline<'t>> {
        self.open.retain(|part| part.span.end > start);
        if start == end {
            return Vec::new();
        }
        let mut line = Line { text: self.text, end, into: vec![Vec::new()], parts: Vec::new() };
        self.open.iter().for_each(|part| line.enter(part, start));
        let mut at = start;
        while at < end {
            while let Some(part) = self.inline.pop_front_if(|part| part.span.start <= at) {
                if part.span.end > at {
                    line.enter(&part, at);
                    self.open.push(part);
                }
            }
            let next = self.inline.front().map(|part| part.span.start);
            let ends = self.open.last().map(|part| part.span.end);
            let stop = next.into_iter().chain(ends).chain([end]).min().unwrap_or(end);
            line.say(at..stop);
            at = stop;
            while self.open.pop_if(|part| part.span.end <= at).is_some() {
                line.leave();
            }
        }
        line.whole()
    }
}

/// A line that is being cut.
struct Line<'t> {
    text: &'t str,
    end: usize,
    /// Where the text goes that comes next: the line, and in it each that is open.
    into: Vec<Vec<Inline<'t>>>,
    /// The open ones, without what is in them.
    parts: Vec<(EntityKind, &'t str)>,
}

impl<'t> Line<'t> {
    fn enter(&mut self, part: &Part, at: usize) {
        let text = &self.text[part.span.start.max(at)..part.span.end.min(self.end)];
        self.parts.push((part.kind.clone(), text));
        self.into.push(Vec::new());
    }

    fn say(&mut self, span: Range<usize>) {
        if !span.is_empty() {
            let into = self.into.last_mut().expect("the line itself is never left");
            into.push(Inline::Text(&self.text[span]));
        }
    }

    fn leave(&mut self) {
        let (Some((kind, text)), Some(children)) = (self.parts.pop(), self.into.pop()) else {
            return;
        };
        let into = self.into.last_mut().expect("the line itself is never left");
        into.push(Inline::Part { kind, text, children });
    }

    fn whole(mut self) -> Vec<Inline<'t>> {
        while !self.parts.is_empty() {
            self.leave();
        }
        self.into.pop().unwrap_or_default()
    }
}
