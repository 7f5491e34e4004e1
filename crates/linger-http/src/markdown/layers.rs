//! The formatting of a text in layers: lines of quotes and of code, links, code, and
//! the styles of each character.
//!
//! The one form that every formatting is brought to, whoever made it, before it is
//! stored or printed. It holds what Markdown can say: quotes and code have whole lines,
//! a style has no white space at its ends and does not cut code in two, a link has no
//! other in it. What is not so is made so: a fence within a line becomes code, two
//! styles that touch become one, what cannot be kept is dropped. The text stays as it is.

use std::ops::Range;

use linger_core::{Entity, EntityKind};

use super::{blocks::is_language, mentions, sweep, target::Target};
use crate::addresses;

/// The styles, in their order in [`Layers::styles`]: where two cross, the later is cut.
pub(super) const STYLES: [EntityKind; 4] =
    [EntityKind::Spoiler, EntityKind::Bold, EntityKind::Italic, EntityKind::Strike];

/// A part of a text, in UTF-16 units.
pub(super) type Span = Range<usize>;

/// The formatting of one text.
pub(super) struct Layers {
    pub(super) units: Vec<u16>,
    pub(super) lines: Vec<Span>,
    /// For each line, whether it is quoted.
    pub(super) quoted: Vec<bool>,
    pub(super) pres: Vec<Pre>,
    /// Whole lines without code, all quoted or all not.
    pub(super) passages: Vec<Passage>,
    pub(super) links: Vec<(Span, Target)>,
    /// Mentions of all.
    pub(super) alls: Vec<Span>,
    pub(super) codes: Vec<Span>,
    /// For each style, where it is: as long as can be, apart.
    pub(super) styles: [Vec<Span>; 4],
}

/// Lines of code.
pub(super) struct Pre {
    pub(super) lines: Span,
    pub(super) language: Option<String>,
}

pub(super) struct Passage {
    pub(super) span: Span,
    pub(super) is_quoted: bool,
}

/// Returns the formatting of a text in the form in which messages have it: what came
/// by another way than Markdown is brought to what Markdown can say.
pub fn settled(text: &str, entities: &[Entity]) -> Vec<Entity> {
    sweep::entities(&Layers::new(text, entities))
}

impl Layers {
    /// Reads entities, which may stand in any order and may cross.
    pub(super) fn new(text: &str, entities: &[Entity]) -> Layers {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut layers = Layers {
            lines: lines_of(&units),
            units,
            quoted: Vec::new(),
            pres: Vec::new(),
            passages: Vec::new(),
            links: Vec::new(),
            alls: Vec::new(),
            codes: Vec::new(),
            styles: Default::default(),
        };
        let mut entities: Vec<_> =
            entities.iter().map(|entity| (span_of(entity), entity)).collect();
        entities.retain(|(span, _)| span.start < span.end && span.end <= layers.units.len());
        entities.sort_by_key(|(span, _)| (span.start, usize::MAX - span.end));
        let rest = layers.set_pres(&entities);
        layers.set_quotes(&entities);
        layers.set_passages();
        layers.set_links(&entities);
        layers.set_codes(&entities, &rest);
        layers.set_alls(&entities);
        layers.set_styles(&entities);
        layers
    }

    /// Takes the whole lines of fences; returns what they have of other lines.
    fn set_pres(&mut self, entities: &[(Span, &Entity)]) -> Vec<Span> {
        let (mut rest, mut end) = (Vec::new(), 0);
        for (span, entity) in entities {
            let EntityKind::Pre { language } = &entity.kind else { continue };
            // One fence in another is the outer one's.
            if span.start < end {
                continue;
            }
            end = span.end;
            let free = self.pres.last().map_or(0, |pre| pre.lines.end);
            let first = self.lines.partition_point(|line| line.start < span.start).max(free);
            let last = self.lines.partition_point(|line| line.end <= span.end);
            let lines = first..last.max(first);
            let whole = match lines.is_empty() {
                true => span.end..span.end,
                false => self.lines[first].start..self.lines[last - 1].end,
            };
            rest.push(span.start..whole.start.max(span.start));
            rest.push(whole.end..span.end);
            if self.units[whole].iter().all(|&unit| is_white(unit)) {
                continue;
            }
            let language = language.clone().filter(|language| is_language(language));
            self.pres.push(Pre { lines, language });
        }
        rest.retain(|span| span.start < span.end);
        rest
    }

    fn set_quotes(&mut self, entities: &[(Span, &Entity)]) {
        self.quoted = vec![false; self.lines.len()];
        for (span, entity) in entities {
            if entity.kind != EntityKind::Quote {
                continue;
            }
            let (mut start, mut end) = (span.start, span.end);
            // The end of a line before it, and the beginning of one after it, are not meant.
            if self.units[start] == NEW_LINE && start > 0 && self.units[start - 1] != NEW_LINE {
                start += 1;
            }
            let is_at_end = end == self.units.len() || self.units[end] == NEW_LINE;
            if self.units[end - 1] == NEW_LINE && !is_at_end {
                end -= 1;
            }
            if start >= end {
                continue;
            }
            let lines = self.line_at(start)..self.line_at(end) + 1;
            for line in lines.clone() {
                let pre = self.pre_at(line);
                let is_within =
                    |pre: &Pre| lines.start <= pre.lines.start && pre.lines.end <= lines.end;
                self.quoted[line] |= pre.is_none_or(is_within);
            }
        }
    }

    fn set_passages(&mut self) {
        for line in 0..self.lines.len() {
            if self.pre_at(line).is_some() {
                continue;
            }
            let (span, is_quoted) = (self.lines[line].clone(), self.quoted[line]);
            match self.passages.last_mut() {
                Some(last) if last.span.end + 1 == span.start && last.is_quoted == is_quoted => {
                    last.span.end = span.end;
                }
                _ => self.passages.push(Passage { span, is_quoted }),
            }
        }
    }

    fn set_links(&mut self, entities: &[(Span, &Entity)]) {
        let mut end = 0;
        for (span, entity) in entities {
            let target = match &entity.kind {
                EntityKind::Link { url } => Target::Url(url.clone()),
                EntityKind::Url => Target::Url(self.text(span)),
                EntityKind::Mention { user } => Target::User(*user),
                _ => continue,
            };
            let is_safe = match &target {
                Target::Url(url) => addresses::is_target(url),
                Target::User(_) => true,
            };
            if !is_safe || span.start < end {
                continue;
            }
            end = span.end;
            let first = self.passages.partition_point(|passage| passage.span.end <= span.start);
            for passage in self.passages[first..].iter() {
                let part = passage.span.start.max(span.start)..passage.span.end.min(span.end);
                if passage.span.start >= span.end {
                    break;
                }
                if !part.is_empty() {
                    self.links.push((part, target.clone()));
                }
            }
        }
    }

    fn set_codes(&mut self, entities: &[(Span, &Entity)], rest: &[Span]) {
        let codes = entities.iter().filter(|(_, entity)| entity.kind == EntityKind::Code);
        let marked = self.marked(codes.map(|(span, _)| span).chain(rest));
        // Half of a link's words may be code, but not half of a piece of code a link.
        let mut is_edge = vec![false; self.units.len() + 1];
        for (link, _) in &self.links {
            is_edge[link.start] = true;
            is_edge[link.end] = true;
        }
        let mut codes: Vec<Span> = Vec::new();
        for (at, &is_code) in marked.iter().enumerate() {
            if !is_code || self.units[at] == NEW_LINE {
                continue;
            }
            match codes.last_mut() {
                Some(last) if last.end == at && !is_edge[at] => last.end += 1,
                _ => codes.push(at..at + 1),
            }
        }
        self.codes = codes;
    }

    fn set_alls(&mut self, entities: &[(Span, &Entity)]) {
        for (span, entity) in entities {
            let is_new = self.alls.last().is_none_or(|last| last.end <= span.start);
            if entity.kind == EntityKind::MentionAll && is_new && mentions::is_all(self, span) {
                self.alls.push(span.clone());
            }
        }
    }

    fn set_styles(&mut self, entities: &[(Span, &Entity)]) {
        let mut is_code = vec![false; self.units.len()];
        self.codes.iter().for_each(|code| is_code[code.clone()].fill(true));
        for (place, style) in STYLES.iter().enumerate() {
            let same = entities.iter().filter(|(_, entity)| entity.kind == *style);
            let mut marked = self.marked(same.map(|(span, _)| span));
            for code in &self.codes {
                if !marked[code.clone()].iter().all(|&is_marked| is_marked) {
                    marked[code.clone()].fill(false);
                }
            }
            let shows = |at: usize| is_code[at] || !is_white(self.units[at]);
            self.styles[place] = self.runs(&marked, shows);
        }
    }

    /// Returns the longest runs of what is marked, each within a passage, and beginning
    /// and ending with something that shows.
    fn runs(&self, marked: &[bool], shows: impl Fn(usize) -> bool) -> Vec<Span> {
        let mut runs: Vec<Span> = Vec::new();
        for Passage { span, .. } in &self.passages {
            let mut goes_on = false;
            for at in span.clone() {
                if marked[at] && shows(at) {
                    match runs.last_mut().filter(|_| goes_on) {
                        Some(run) => run.end = at + 1,
                        None => runs.push(at..at + 1),
                    }
                    goes_on = true;
                }
                goes_on &= marked[at];
            }
        }
        runs
    }

    /// Marks the units of these spans that are in passages.
    fn marked<'s>(&self, spans: impl Iterator<Item = &'s Span>) -> Vec<bool> {
        let mut depth = vec![0i32; self.units.len() + 1];
        for span in spans {
            depth[span.start] += 1;
            depth[span.end] -= 1;
        }
        let mut sum = 0;
        let mut marked: Vec<_> = depth
            .iter()
            .map(|step| {
                sum += step;
                sum > 0
            })
            .collect();
        marked.pop();
        for pre in &self.pres {
            let (first, last) = (&self.lines[pre.lines.start], &self.lines[pre.lines.end - 1]);
            marked[first.start..last.end].fill(false);
        }
        marked
    }

    /// Returns a part of the text.
    pub(super) fn text(&self, span: &Span) -> String {
        String::from_utf16_lossy(&self.units[span.clone()])
    }

    /// Returns the fence that a line belongs to.
    pub(super) fn pre_at(&self, line: usize) -> Option<&Pre> {
        let next = self.pres.partition_point(|pre| pre.lines.end <= line);
        self.pres.get(next).filter(|pre| pre.lines.contains(&line))
    }

    /// Returns the line of a unit, or of the end of the line.
    fn line_at(&self, at: usize) -> usize {
        self.lines.partition_point(|line| line.end < at)
    }

    /// Tells whether a part of the text is in a link, or has one in it.
    pub(super) fn is_linked(&self, part: &Span) -> bool {
        let next = self.links.partition_point(|(link, _)| link.end <= part.start);
        self.links.get(next).is_some_and(|(link, _)| link.start < part.end)
    }

    /// Tells whether a part of the text is in code within a line, or has some in it.
    pub(super) fn is_code(&self, part: &Span) -> bool {
        let next = self.codes.partition_point(|code| code.end <= part.start);
        self.codes.get(next).is_some_and(|code| code.start < part.end)
    }

    /// Returns the passage that a unit is in.
    pub(super) fn passage_at(&self, at: usize) -> Option<&Passage> {
        let next = self.passages.partition_point(|passage| passage.span.end <= at);
        self.passages.get(next).filter(|passage| passage.span.start <= at)
    }
}

const NEW_LINE: u16 = b'\n' as u16;

fn lines_of(units: &[u16]) -> Vec<Span> {
    let mut start = 0;
    let lines = units.split(|&unit| unit == NEW_LINE).map(|line| {
        let span = start..start + line.len();
        start = span.end + 1;
        span
    });
    lines.collect()
}

fn span_of(entity: &Entity) -> Span {
    let start = entity.offset as usize;
    start..start + entity.length as usize
}

/// Tells whether a unit is white space; all of that is in one unit.
pub(super) fn is_white(unit: u16) -> bool {
    char::from_u32(u32::from(unit)).is_some_and(char::is_whitespace)
}
