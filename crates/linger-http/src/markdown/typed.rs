//! What was typed, without its marks: the text, and what the marks said.
//!
//! Filled block by block and passage by passage. What it says of parts of the text may
//! still cross; [`super::layers`] puts it in order.

use linger_core::{Entity, EntityKind};

use super::{
    blocks::{Block, blocks},
    marks,
};
use crate::addresses;

/// A text that is being read.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) text: String,
    /// How many UTF-16 units the text has.
    units: u32,
    /// What the marks say, in no order.
    pub(super) entities: Vec<Entity>,
    /// Where an `@` stands that names nobody.
    pub(super) escaped: Vec<u32>,
    /// How many characters were looked at, again and again.
    pub(super) steps: usize,
}

/// Reads Markdown.
pub(super) fn marked(source: &str) -> Typed {
    let source = source.trim();
    let mut typed = Typed { steps: source.len(), ..Typed::default() };
    let mut quote = None;
    for (place, block) in blocks(source).into_iter().enumerate() {
        if place > 0 {
            // A quote ends before the end of its last line.
            quote = typed.end_quote(quote, block.is_quoted());
            typed.say("\n");
        }
        if block.is_quoted() && quote.is_none() {
            quote = Some(typed.units);
        }
        match block {
            Block::Passage { lines, .. } => marks::read(&lines.join("\n"), &mut typed),
            Block::Pre { lines, language, .. } => {
                let begin = typed.units;
                typed.say(&lines.join("\n"));
                typed.mark(begin, EntityKind::Pre { language: language.map(str::to_owned) });
            }
        }
    }
    typed.end_quote(quote, false);
    typed
}

/// Reads a text that has no marks.
pub(super) fn unmarked(text: &str) -> Typed {
    let text = text.trim();
    let mut typed = Typed { steps: text.len(), ..Typed::default() };
    let mut done = 0;
    for address in addresses::all(text) {
        typed.say(&text[done..address.start]);
        let begin = typed.units;
        typed.say(&text[address.clone()]);
        typed.mark(begin, EntityKind::Url);
        done = address.end;
    }
    typed.say(&text[done..]);
    typed
}

impl Typed {
    /// Adds to the text.
    pub(super) fn say(&mut self, text: &str) {
        self.text += text;
        self.units += units(text);
    }

    /// Returns where the text ends now.
    pub(super) fn end(&self) -> u32 {
        self.units
    }

    /// Marks the text from `begin` to its end.
    pub(super) fn mark(&mut self, begin: u32, kind: EntityKind) {
        if self.units > begin {
            self.entities.push(Entity { offset: begin, length: self.units - begin, kind });
        }
    }

    fn end_quote(&mut self, begin: Option<u32>, goes_on: bool) -> Option<u32> {
        let begin = begin?;
        if !goes_on {
            self.mark(begin, EntityKind::Quote);
        }
        Some(begin).filter(|_| goes_on)
    }

    /// Returns the same without white space around the text.
    pub(super) fn trimmed(mut self) -> Typed {
        let before = self.text.len() - self.text.trim_start().len();
        let (skipped, end) =
            (units(&self.text[..before]), units(self.text.trim_end().get(before..).unwrap_or("")));
        self.text = self.text.trim().to_owned();
        self.units = end;
        for entity in &mut self.entities {
            let last = (entity.offset + entity.length).saturating_sub(skipped).min(end);
            entity.offset = entity.offset.saturating_sub(skipped);
            entity.length = last.saturating_sub(entity.offset);
        }
        self.entities.retain(|entity| entity.length > 0);
        for place in &mut self.escaped {
            *place = place.saturating_sub(skipped);
        }
        self
    }
}

fn units(text: &str) -> u32 {
    let units = text.encode_utf16().count();
    u32::try_from(units).expect("a body has fewer than 2^32 bytes")
}
