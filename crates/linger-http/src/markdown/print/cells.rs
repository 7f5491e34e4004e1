//! Cells: the characters of a passage of Markdown, each a part of the text or of a mark.
//!
//! Decides which parts of the text need a backslash, with both neighbours before its
//! eyes. The rules are those of [`super::super::marks`], looked at from the other side;
//! where a neighbour is a mark, they escape rather than think.

use super::super::marks::is_word;

/// The signs of the styles, in the order of [`super::super::layers::STYLES`].
const SIGNS: [&str; 4] = ["||", "**", "*", "~~"];

#[derive(Clone, Copy)]
struct Cell {
    c: char,
    is_text: bool,
    /// It stands between the brackets of a link.
    is_linked: bool,
}

/// The characters of a passage.
#[derive(Default)]
pub(super) struct Cells(Vec<Cell>);

impl Cells {
    /// Adds something that is to be read as it stands.
    pub(super) fn sign(&mut self, sign: &str) {
        self.0.extend(sign.chars().map(|c| Cell { c, is_text: false, is_linked: false }));
    }

    /// Adds the signs of styles.
    pub(super) fn signs(&mut self, styles: &[usize]) {
        styles.iter().for_each(|&style| self.sign(SIGNS[style]));
    }

    /// Adds some of the text.
    pub(super) fn text(&mut self, text: &str, is_linked: bool) {
        self.0.extend(text.chars().map(|c| Cell { c, is_text: true, is_linked }));
    }

    /// Returns them, with a backslash before what would be read as a mark.
    pub(super) fn escaped(&self, is_quoted: bool) -> String {
        let mut written = String::new();
        let mut run = 0..0;
        for at in 0..self.0.len() {
            if at >= run.end {
                run = at..self.end_of_run(at);
            }
            if self.0[at].is_text && self.is_a_mark(at, &run, is_quoted) {
                written.push('\\');
            }
            written.push(self.0[at].c);
        }
        written
    }

    /// Tells whether a character of the text would be read as a mark. `run` is the row of
    /// equal ones that it stands in.
    fn is_a_mark(&self, at: usize, run: &std::ops::Range<usize>, is_quoted: bool) -> bool {
        let (before, after) = (self.before(run.start), self.at(run.end));
        let shows = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
        let next = self.at(at + 1);
        let Cell { c, is_linked, .. } = self.0[at];
        let is_lone = || self.0[run.clone()].iter().all(|cell| cell.is_text);
        let stands_by = shows(before) || shows(after);
        match c {
            '\\' => next.is_some_and(|next| next.is_ascii_punctuation()),
            '`' => true,
            '*' => !is_lone() || (run.len() <= 3 && stands_by),
            // Without its first, a row is no pair.
            '~' | '|' => !is_lone() || (run.len() == 2 && at == run.start && stands_by),
            '_' if run.len() > 1 => false,
            '_' => (shows(after) && !is_word(before)) || (shows(before) && !is_word(after)),
            '[' => is_linked,
            ']' => is_linked || next == Some('('),
            '@' => !is_linked && shows(next) && !is_word(self.before(at)),
            ':' => self.ends_scheme(at),
            '>' if is_quoted => false,
            '>' => {
                matches!(self.before(at), None | Some('\n'))
                    && matches!(next, None | Some(' ' | '\n'))
            }
            _ => false,
        }
    }

    /// Tells whether a colon ends a scheme, so that an address would be looked for.
    fn ends_scheme(&self, at: usize) -> bool {
        let schemes = [("http", "://"), ("https", "://"), ("mailto", ":")];
        schemes.iter().any(|(scheme, end)| {
            let Some(start) = at.checked_sub(scheme.len()) else { return false };
            let is_same = |(cell, c): (&Cell, char)| cell.c.eq_ignore_ascii_case(&c);
            let apart = !self.before(start).is_some_and(|c| c.is_ascii_alphanumeric());
            apart
                && self.0[start..at].iter().zip(scheme.chars()).all(is_same)
                && end.chars().enumerate().all(|(place, c)| self.at(at + place) == Some(c))
        })
    }

    fn at(&self, at: usize) -> Option<char> {
        self.0.get(at).map(|cell| cell.c)
    }

    fn before(&self, at: usize) -> Option<char> {
        self.at(at.checked_sub(1)?)
    }

    /// Returns where a row of equal signs ends.
    fn end_of_run(&self, at: usize) -> usize {
        let sign = self.0[at].c;
        if !"*_~|".contains(sign) {
            return at + 1;
        }
        at + self.0[at..].iter().take_while(|cell| cell.c == sign).count()
    }
}
