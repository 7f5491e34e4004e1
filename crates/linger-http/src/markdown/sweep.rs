//! Layers as entities: in order, nested or apart.
//!
//! One sweep over the text, with what is open on a stack of a handful. A style that would
//! cross something is closed there, and opened again.

use std::cmp::Reverse;

use linger_core::{Entity, EntityKind};

use super::{
    layers::{Layers, STYLES, Span},
    target::Target,
};

/// A part of the text, with what it is.
#[derive(Clone)]
struct Layer {
    span: Span,
    /// Where two cross, the one with the higher rank is cut; of two in the same place,
    /// it is the inner one.
    rank: usize,
    kind: EntityKind,
}

const CODE_RANK: usize = 3 + STYLES.len();

/// Returns the entities.
pub(super) fn entities(layers: &Layers) -> Vec<Entity> {
    let mut all = all(layers);
    all.sort_by_key(|layer| (layer.span.start, Reverse(layer.span.end), layer.rank));
    let mut coming = all.into_iter().peekable();
    let mut sweep = Sweep::default();
    loop {
        let next = coming.peek().map(|layer| layer.span.start);
        let ends = sweep.open.iter().map(|layer| layer.span.end).min();
        let Some(at) = next.into_iter().chain(ends).min() else { break };
        let mut new = Vec::new();
        while let Some(layer) = coming.next_if(|layer| layer.span.start == at) {
            new.push(layer);
        }
        sweep.turn(at, new);
    }
    sweep.done.sort_by_key(|(entity, rank)| (entity.offset, Reverse(entity.length), *rank));
    sweep.done.into_iter().map(|(entity, _)| entity).collect()
}

#[derive(Default)]
struct Sweep {
    /// Each lies in the one before it.
    open: Vec<Layer>,
    done: Vec<(Entity, usize)>,
}

impl Sweep {
    /// Ends what ends here, and begins what begins.
    fn turn(&mut self, at: usize, new: Vec<Layer>) {
        let ended = self.open.iter().position(|open| open.span.end == at);
        let crossed = new.iter().filter_map(|new| self.crossed_by(new, at)).min();
        let kept = ended.into_iter().chain(crossed).min().unwrap_or(self.open.len());
        let mut again = new;
        for layer in self.open.split_off(kept) {
            let Layer { span, rank, kind } = layer;
            let entity = Entity {
                offset: unit(span.start),
                length: unit(at - span.start),
                kind: kind.clone(),
            };
            self.done.push((entity, rank));
            if span.end > at {
                again.push(Layer { span: at..span.end, rank, kind });
            }
        }
        again.sort_by_key(|layer| (Reverse(layer.span.end), layer.rank));
        self.open.extend(again);
    }

    /// Returns the first of what is open that has to make way for a new layer.
    ///
    /// Nothing does that lies around a stronger one, which would be cut with it: then the
    /// new one is cut, where that ends.
    fn crossed_by(&self, new: &Layer, at: usize) -> Option<usize> {
        let is_firm = |open: &Layer| open.rank <= new.rank && open.span.end > at;
        let firm = self.open.iter().rposition(is_firm);
        let first = firm.map_or(0, |firm| firm + 1);
        let crossed = self.open[first..].iter().position(|open| open.span.end < new.span.end);
        crossed.map(|place| first + place)
    }
}

fn unit(at: usize) -> u32 {
    u32::try_from(at).expect("a text has fewer than 2^32 units")
}

fn all(layers: &Layers) -> Vec<Layer> {
    let mut all = Vec::new();
    let mut add = |span: Span, rank, kind| all.push(Layer { span, rank, kind });
    for span in quotes(layers) {
        add(span, 0, EntityKind::Quote);
    }
    for pre in &layers.pres {
        let (first, last) = (&layers.lines[pre.lines.start], &layers.lines[pre.lines.end - 1]);
        add(first.start..last.end, 1, EntityKind::Pre { language: pre.language.clone() });
    }
    for (span, target) in &layers.links {
        let kind = match target {
            Target::User(user) => EntityKind::Mention { user: *user },
            Target::Url(url) if *url == layers.text(span) => EntityKind::Url,
            Target::Url(url) => EntityKind::Link { url: url.clone() },
        };
        add(span.clone(), 2, kind);
    }
    for span in &layers.alls {
        add(span.clone(), 2, EntityKind::MentionAll);
    }
    for (place, style) in STYLES.iter().enumerate() {
        for span in &layers.styles[place] {
            add(span.clone(), 3 + place, style.clone());
        }
    }
    for span in &layers.codes {
        add(span.clone(), CODE_RANK, EntityKind::Code);
    }
    all
}

/// Returns quoted lines in a row, as one; one empty line is nothing.
fn quotes(layers: &Layers) -> Vec<Span> {
    let mut quotes: Vec<Span> = Vec::new();
    let mut goes_on = false;
    for (line, &is_quoted) in layers.lines.iter().zip(&layers.quoted) {
        match quotes.last_mut().filter(|_| goes_on) {
            Some(quote) if is_quoted => quote.end = line.end,
            _ if is_quoted => quotes.push(line.clone()),
            _ => {}
        }
        goes_on = is_quoted;
    }
    quotes.retain(|quote| !quote.is_empty());
    quotes
}
