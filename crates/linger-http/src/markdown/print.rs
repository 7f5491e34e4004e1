//! A message as Markdown: what its author gets to change it.
//!
//! Written passage by passage as cells: characters, each a part of the text or of a
//! mark. A cell of the text gets a backslash only where [`super::marks`] would read it
//! as something else beside its neighbours, so that plain words stay plain words.

use linger_core::Entity;

use super::{
    layers::{Layers, Passage, Pre, Span, is_white},
    target::{self, Target},
};
use crate::addresses;

mod cells;

use cells::Cells;

/// Prints a message's text and entities as Markdown. Entities that Markdown cannot say
/// are brought to [`super::settled`] form first.
pub fn print(text: &str, entities: &[Entity]) -> String {
    let layers = Layers::new(text, entities);
    let mut lines: Vec<String> = Vec::new();
    let (mut passages, mut at) = (layers.passages.iter(), 0);
    while at < layers.lines.len() {
        let is_quoted = layers.quoted[at];
        let block = match layers.pre_at(at) {
            Some(pre) => {
                at = pre.lines.end;
                fence(&layers, pre)
            }
            None => {
                let passage = passages.next().expect("each line is in a fence or a passage");
                let block = Printer { layers: &layers, passage }.print();
                at += layers.units[passage.span.clone()].split(|&unit| unit == NEW_LINE).count();
                block
            }
        };
        let sign = if is_quoted { "> " } else { "" };
        lines.extend(block.split('\n').map(|line| format!("{sign}{line}")));
    }
    lines.join("\n")
}

const NEW_LINE: u16 = b'\n' as u16;

fn fence(layers: &Layers, pre: &Pre) -> String {
    let (first, last) = (&layers.lines[pre.lines.start], &layers.lines[pre.lines.end - 1]);
    let code = layers.text(&(first.start..last.end));
    let ticks = "`".repeat(longest_run(&code).max(2) + 1);
    format!("{ticks}{}\n{code}\n{ticks}", pre.language.as_deref().unwrap_or_default())
}

fn longest_run(code: &str) -> usize {
    code.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

struct Printer<'l> {
    layers: &'l Layers,
    passage: &'l Passage,
}

impl Printer<'_> {
    fn print(&self) -> String {
        let Span { start, end } = self.passage.span;
        let marks = Marks::of(self.layers, &self.passage.span);
        let mut cells = Cells::default();
        let mut bare = 0..0;
        let mut link: Option<&(Span, Target)> = None;
        let mut links = self.layers.links.partition_point(|(span, _)| span.end <= start);
        let mut at = start;
        loop {
            // What ends here: first what is within the link.
            let (inner, outer) = marks.closing(at, link.map(|(span, _)| span.start));
            cells.signs(&inner);
            if let Some((span, target)) = link.filter(|(span, _)| span.end == at) {
                if bare != *span {
                    cells.sign(&format!("]({})", target::written(target)));
                }
                link = None;
            }
            cells.signs(&outer);
            if at == end {
                break;
            }
            let coming = self.layers.links.get(links).filter(|(span, _)| span.start == at);
            let (outer, inner) = marks.opening(at, coming.map(|(span, _)| span.end));
            cells.signs(&outer);
            if let Some(found) = coming {
                links += 1;
                link = Some(found);
                match self.is_bare(found, &marks) {
                    true => bare = found.0.clone(),
                    false => cells.sign("["),
                }
            }
            cells.signs(&inner);
            at = self.step(at, &bare, link.is_some(), &mut cells);
        }
        cells.escaped(self.passage.is_quoted)
    }

    /// Writes what begins at a unit: a piece of code, or one character.
    fn step(&self, at: usize, bare: &Span, is_linked: bool, cells: &mut Cells) -> usize {
        let code = self.layers.codes.binary_search_by_key(&at, |code| code.start);
        if let Ok(place) = code {
            let span = &self.layers.codes[place];
            cells.sign(&ticked(&self.layers.text(span)));
            return span.end;
        }
        let is_all = self.layers.alls.binary_search_by_key(&at, |all| all.start).is_ok();
        let is_whole = !(0xD800..0xDC00).contains(&self.layers.units[at]);
        let next = at + if is_whole { 1 } else { 2 };
        let text = self.layers.text(&(at..next));
        match is_all || bare.contains(&at) {
            true => cells.sign(&text),
            false => cells.text(&text, is_linked),
        }
        next
    }

    /// Tells whether an address would be found where it stands, so that it need not be
    /// written as a link.
    fn is_bare(&self, (span, target): &(Span, Target), marks: &Marks) -> bool {
        let layers = self.layers;
        let Target::Url(url) = target else { return false };
        let address = layers.text(span);
        let word = span.end + self.rest_of_word(span.end);
        let rest = layers.text(&(span.end..word));
        let before = span.start.checked_sub(1).filter(|_| span.start > self.passage.span.start);
        let before = before.and_then(|at| char::from_u32(u32::from(layers.units[at])));
        let is_alone = before.is_none_or(|c| !c.is_ascii_alphanumeric())
            && !layers.is_code(&(span.start..word + 1))
            && !layers.is_linked(&(span.end..word + 1))
            && !marks.are_within(span.start + 1..span.end)
            && !marks.are_within(span.end + 1..word)
            && !marks.open_within(span.end..word + 1);
        // A backtick would get a backslash before it, which ends no address.
        let is_ticked = layers.units[..self.passage.span.end].get(word) == Some(&u16::from(b'`'));
        let has_brackets = address.contains(['(', ')', '[', ']', '{', '}']);
        let is_tail = |c: char| ".,;:!?'".contains(c) || (!has_brackets && ")]}".contains(c));
        let is_plain = |c: char| c.is_alphanumeric() || ".,;!?'".contains(c);
        let rest_is_apart = rest.chars().all(is_tail)
            || (rest.chars().all(is_plain) && !marks.are_within(span.end..span.end + 1));
        let found = addresses::all(&format!("{address}{rest}"));
        *url == address
            && is_alone
            && !is_ticked
            && rest_is_apart
            && !address.ends_with(['*', '_', '~', '|'])
            && !address.contains("](")
            && found.first() == Some(&(0..address.len()))
    }

    /// Returns how many units go on behind an address without a space or a quote.
    fn rest_of_word(&self, from: usize) -> usize {
        let units = &self.layers.units[from..self.passage.span.end];
        let ends = |&unit: &u16| {
            is_white(unit) || char::from_u32(u32::from(unit)).is_some_and(addresses::ends_address)
        };
        units.iter().position(ends).unwrap_or(units.len())
    }
}

/// Returns code within backticks, more of them than in any row in it.
fn ticked(code: &str) -> String {
    let is_taken = |count: &usize| code.split(|c| c != '`').any(|run| run.len() == *count);
    let count = (1..).find(|count| !is_taken(count)).expect("a text has an end");
    let ticks = "`".repeat(count);
    let is_spaced = code.starts_with(' ') && code.ends_with(' ') && code.contains(|c| c != ' ');
    match is_spaced || code.starts_with('`') || code.ends_with('`') {
        true => format!("{ticks} {code} {ticks}"),
        false => format!("{ticks}{code}{ticks}"),
    }
}

/// Where styles begin and end in a passage.
struct Marks {
    /// The place in [`STYLES`], and the span, by their beginnings.
    begins: Vec<(usize, usize, Span)>,
    /// The same by their ends.
    ends: Vec<(usize, usize, Span)>,
}

impl Marks {
    fn of(layers: &Layers, passage: &Span) -> Marks {
        let (mut begins, mut ends) = (Vec::new(), Vec::new());
        for (style, runs) in layers.styles.iter().enumerate() {
            let first = runs.partition_point(|run| run.end <= passage.start);
            for run in runs[first..].iter().take_while(|run| run.start < passage.end) {
                begins.push((run.start, style, run.clone()));
                ends.push((run.end, style, run.clone()));
            }
        }
        begins.sort_by_key(|(at, style, _)| (*at, *style));
        ends.sort_by_key(|(at, style, _)| (*at, std::cmp::Reverse(*style)));
        Marks { begins, ends }
    }

    /// Returns the styles that begin here: those around the link that begins here and
    /// ends at `link`, and those within it.
    fn opening(&self, at: usize, link: Option<usize>) -> (Vec<usize>, Vec<usize>) {
        let here = in_range(&self.begins, at..at + 1).iter();
        let is_around = |span: &Span| link.is_none_or(|end| span.end >= end);
        parted(here.map(|(_, style, span)| (*style, is_around(span))))
    }

    /// Returns the styles that end here: those within the link that ends here and began
    /// at `link`, and those around it.
    fn closing(&self, at: usize, link: Option<usize>) -> (Vec<usize>, Vec<usize>) {
        let here = in_range(&self.ends, at..at + 1).iter();
        let is_within = |span: &Span| link.is_some_and(|start| span.start >= start);
        parted(here.map(|(_, style, span)| (*style, is_within(span))))
    }

    fn are_within(&self, places: Span) -> bool {
        self.open_within(places.clone()) || !in_range(&self.ends, places).is_empty()
    }

    fn open_within(&self, places: Span) -> bool {
        !in_range(&self.begins, places).is_empty()
    }
}

type Place = (usize, usize, Span);

fn in_range(all: &[Place], places: Span) -> &[Place] {
    let first = all.partition_point(|(at, ..)| *at < places.start);
    let last = all.partition_point(|(at, ..)| *at < places.end);
    &all[first..last.max(first)]
}

fn parted(styles: impl Iterator<Item = (usize, bool)>) -> (Vec<usize>, Vec<usize>) {
    let (yes, no): (Vec<_>, Vec<_>) = styles.partition(|(_, is_first)| *is_first);
    let places = |part: Vec<(usize, bool)>| part.into_iter().map(|(style, _)| style).collect();
    (places(yes), places(no))
}
