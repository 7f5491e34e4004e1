//! Blocks: the lines of a text as passages, quotes and fences.
//!
//! A quote is lines that begin with `> `; a bare `>` goes on with one. A fence is opened
//! by a line that begins with three backticks or more, perhaps with a language, and closed
//! by at least as many at the end of a line. One that is never closed, or that has
//! nothing in it, is plain text. Each line is looked at a bounded number of times.

/// Some lines.
pub(super) enum Block<'s> {
    /// Lines in which marks are read.
    Passage { lines: Vec<&'s str>, is_quoted: bool },
    /// Lines of code.
    Pre { lines: Vec<&'s str>, language: Option<&'s str>, is_quoted: bool },
}

impl Block<'_> {
    pub(super) fn is_quoted(&self) -> bool {
        let (Block::Passage { is_quoted, .. } | Block::Pre { is_quoted, .. }) = self;
        *is_quoted
    }
}

/// The most characters of a language's name.
pub(super) const LANGUAGE_CHARACTERS_MAX: usize = 32;

/// Tells whether this can be the name of a language, as in `c++` or `objective-c`.
pub(super) fn is_language(name: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "+#._-".contains(c);
    (1..=LANGUAGE_CHARACTERS_MAX).contains(&name.len()) && name.chars().all(is_fit)
}

/// Returns the blocks of a text, in order. Together they have all its lines.
pub(super) fn blocks(source: &str) -> Vec<Block<'_>> {
    let lines: Vec<_> = source.split('\n').collect();
    let fences = Fences::of(&lines);
    let (mut blocks, mut at) = (Blocks::default(), 0);
    while at < lines.len() {
        if lines[at].starts_with("> ") {
            let quoted: Vec<_> = lines[at..].iter().map_while(|line| unquoted(line)).collect();
            at += quoted.len();
            blocks.quote(&quoted);
        } else if let Some(fence) = fences.at(&lines, at) {
            at = fence.next;
            blocks.fence(fence, false);
        } else {
            blocks.line(lines[at], false);
            at += 1;
        }
    }
    blocks.0
}

/// Returns a line of a quote without its sign.
fn unquoted(line: &str) -> Option<&str> {
    line.strip_prefix("> ").or_else(|| (line == ">").then_some(""))
}

#[derive(Default)]
struct Blocks<'s>(Vec<Block<'s>>);

impl<'s> Blocks<'s> {
    /// Adds the lines of a quote.
    fn quote(&mut self, lines: &[&'s str]) {
        let fences = Fences::of(lines);
        let mut at = 0;
        while at < lines.len() {
            if let Some(fence) = fences.at(lines, at) {
                at = fence.next;
                self.fence(fence, true);
            } else {
                self.line(lines[at], true);
                at += 1;
            }
        }
    }

    fn fence(&mut self, Fence { lines, language, .. }: Fence<'s>, is_quoted: bool) {
        self.0.push(Block::Pre { lines, language, is_quoted });
    }

    /// Adds a line to the passage before it, or to a new one.
    fn line(&mut self, line: &'s str, quoted: bool) {
        match self.0.last_mut() {
            Some(Block::Passage { lines, is_quoted }) if *is_quoted == quoted => lines.push(line),
            _ => self.0.push(Block::Passage { lines: vec![line], is_quoted: quoted }),
        }
    }
}

struct Fence<'s> {
    lines: Vec<&'s str>,
    language: Option<&'s str>,
    /// The line after it.
    next: usize,
}

/// What is known of lines, so that no fence looks in vain for its end.
struct Fences {
    /// The longest row of backticks at the end of a line, of this line and all after it.
    longest: Vec<usize>,
}

impl Fences {
    fn of(lines: &[&str]) -> Fences {
        let mut longest: Vec<_> = lines.iter().map(|line| backticks_at_end(line)).collect();
        for at in (1..longest.len()).rev() {
            longest[at - 1] = longest[at - 1].max(longest[at]);
        }
        Fences { longest }
    }

    /// Returns the fence that opens at a line.
    fn at<'s>(&self, lines: &[&'s str], at: usize) -> Option<Fence<'s>> {
        let line = lines[at];
        let rest = line.trim_start_matches('`');
        let count = line.len() - rest.len();
        if count < 3 || rest.contains('`') {
            return None;
        }
        if self.longest.get(at + 1).is_none_or(|&longest| longest < count) {
            return None;
        }
        let closes = |line: &&str| backticks_at_end(line) >= count;
        let end = at + 1 + lines[at + 1..].iter().position(closes)?;
        let info = rest.trim();
        let language = Some(info).filter(|info| is_language(info));
        // What is no language is the first line of the code.
        let first = Some(rest).filter(|_| language.is_none() && !info.is_empty());
        let last = lines[end].trim_end().trim_end_matches('`');
        let last = Some(last).filter(|last| !last.is_empty());
        let code: Vec<_> =
            first.into_iter().chain(lines[at + 1..end].iter().copied()).chain(last).collect();
        let says_something = code.iter().any(|line| !line.trim().is_empty());
        says_something.then_some(Fence { lines: code, language, next: end + 1 })
    }
}

fn backticks_at_end(line: &str) -> usize {
    let line = line.trim_end();
    line.len() - line.trim_end_matches('`').len()
}
