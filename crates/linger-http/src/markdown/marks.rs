//! Marks within a passage: `**`, `*`, `_`, `~~`, `||`, backticks, links, escapes,
//! addresses.
//!
//! One walk over the characters. A mark opens before something that shows and closes
//! behind something that shows, whatever letters or punctuation they are: Chinese has no
//! spaces to go by. The pairs need not be nested; [`super::layers`] cuts where they
//! cross. What finds no partner is plain text.

use std::collections::HashMap;

use linger_core::EntityKind;

use super::{
    target::{self, Target},
    typed::Typed,
};
use crate::addresses;

/// The kinds of marks, by place in [`Walk::pending`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bold,
    Star,
    Underscore,
    Strike,
    Spoiler,
}

impl Kind {
    const COUNT: usize = 5;

    /// Returns the characters at the end of an address that are such a mark.
    fn sign(self) -> char {
        match self {
            Kind::Bold | Kind::Star => '*',
            Kind::Underscore => '_',
            Kind::Strike => '~',
            Kind::Spoiler => '|',
        }
    }

    fn entity(self) -> EntityKind {
        match self {
            Kind::Bold => EntityKind::Bold,
            Kind::Star | Kind::Underscore => EntityKind::Italic,
            Kind::Strike => EntityKind::Strike,
            Kind::Spoiler => EntityKind::Spoiler,
        }
    }
}

enum Token<'s> {
    Text(&'s str),
    /// An `@` behind a backslash.
    At,
    Code(&'s str),
    Address(&'s str),
    Mark {
        sign: &'s str,
        kind: Kind,
        role: Role,
    },
    /// A `[`.
    Bracket {
        is_link: bool,
    },
    /// The `](…)` of a link.
    Leads(Target),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    Opens,
    Closes,
}

/// A token that waits for its partner.
#[derive(Debug, Clone, Copy)]
struct Pending {
    token: usize,
    /// How much text there was before it: a pair has something in it.
    said: usize,
}

/// Reads the marks of a passage.
pub(super) fn read(source: &str, typed: &mut Typed) {
    let mut walk = Walk {
        source,
        at: 0,
        plain_from: 0,
        tokens: Vec::new(),
        said: 0,
        pending: [None; Kind::COUNT],
        brackets: Vec::new(),
        backticks: Backticks::of(source),
        no_address_before: 0,
        steps: 0,
    };
    walk.walk();
    typed.steps += walk.steps;
    say(walk.tokens, typed);
}

struct Walk<'s> {
    source: &'s str,
    at: usize,
    /// The text from here on is in no token yet.
    plain_from: usize,
    tokens: Vec<Token<'s>>,
    /// How many bytes of text the tokens have.
    said: usize,
    pending: [Option<Pending>; Kind::COUNT],
    brackets: Vec<Pending>,
    backticks: Backticks,
    /// What begins like an address before this place is none.
    no_address_before: usize,
    steps: usize,
}

impl<'s> Walk<'s> {
    fn walk(&mut self) {
        while let Some(c) = self.source[self.at..].chars().next() {
            self.steps += 1;
            let is_done = match c {
                '\\' => self.escape(),
                '`' => self.code(),
                '*' | '_' | '~' | '|' => self.run(c),
                '[' => self.bracket(),
                ']' => self.close(),
                'h' | 'H' | 'm' | 'M' => self.address(),
                _ => false,
            };
            if !is_done {
                self.at += c.len_utf8();
            }
        }
        self.text_until(self.at);
    }

    /// Puts the text up to a place into a token.
    fn text_until(&mut self, end: usize) {
        if end > self.plain_from {
            self.said += end - self.plain_from;
            self.tokens.push(Token::Text(&self.source[self.plain_from..end]));
        }
        self.plain_from = end;
    }

    /// Goes on behind a token that takes this many bytes.
    fn pass(&mut self, bytes: usize) -> bool {
        self.at += bytes;
        self.plain_from = self.at;
        true
    }

    /// Tells what stands before and behind a run of this many bytes.
    fn around(&self, bytes: usize) -> (Option<char>, Option<char>) {
        let (before, after) = (&self.source[..self.at], &self.source[self.at + bytes..]);
        (before.chars().next_back(), after.chars().next())
    }

    fn escape(&mut self) -> bool {
        let Some(next) = self.source[self.at + 1..].chars().next() else { return false };
        if !next.is_ascii_punctuation() {
            return false;
        }
        self.text_until(self.at);
        if next == '@' {
            self.tokens.push(Token::At);
            self.said += 1;
            return self.pass(2);
        }
        self.pass(1);
        // The next character is text, whatever it is.
        self.at += 1;
        true
    }

    fn code(&mut self) -> bool {
        let count = run_length(&self.source[self.at..], '`');
        let Some(end) = self.backticks.partner(self.source, self.at + count, count) else {
            self.at += count;
            return true;
        };
        self.text_until(self.at);
        let code = unpadded(&self.source[self.at + count..end]);
        self.said += code.len();
        self.steps += code.len();
        self.tokens.push(Token::Code(code));
        self.pass(end + count - self.at)
    }

    /// Reads a run of one sign.
    fn run(&mut self, sign: char) -> bool {
        let count = run_length(&self.source[self.at..], sign);
        self.steps += count;
        let (before, after) = self.around(count);
        let (opens, closes) = (shows(after), shows(before));
        match (sign, count) {
            ('_', 1) => {
                // Within a word it is a part of the word, as in `snake_case`.
                let (opens, closes) = (opens && !is_word(before), closes && !is_word(after));
                self.mark(Kind::Underscore, 1, opens, closes);
            }
            ('~', 2) => self.mark(Kind::Strike, 2, opens, closes),
            ('|', 2) => self.mark(Kind::Spoiler, 2, opens, closes),
            ('*', 1) => self.mark(Kind::Star, 1, opens, closes),
            ('*', 2) => self.mark(Kind::Bold, 2, opens, closes),
            // The inner one is at the inner side, should the other find no partner.
            ('*', 3) if closes && self.pending[Kind::Bold as usize].is_some() => {
                self.mark(Kind::Bold, 2, opens, closes);
                self.mark(Kind::Star, 1, opens, closes);
            }
            ('*', 3) => {
                self.mark(Kind::Star, 1, opens, closes);
                self.mark(Kind::Bold, 2, opens, closes);
            }
            _ => self.at += count,
        }
        true
    }

    fn mark(&mut self, kind: Kind, bytes: usize, opens: bool, closes: bool) {
        self.text_until(self.at);
        let pending = &mut self.pending[kind as usize];
        let partner = pending.filter(|pending| closes && self.said > pending.said);
        let role = match partner {
            Some(Pending { token, .. }) => {
                *pending = None;
                if let Token::Mark { role, .. } = &mut self.tokens[token] {
                    *role = Role::Opens;
                }
                Role::Closes
            }
            None => {
                if opens {
                    *pending = Some(Pending { token: self.tokens.len(), said: self.said });
                }
                Role::Plain
            }
        };
        let sign = &self.source[self.at..self.at + bytes];
        self.tokens.push(Token::Mark { sign, kind, role });
        self.pass(bytes);
    }

    fn bracket(&mut self) -> bool {
        self.text_until(self.at);
        // It counts as text: mostly it is.
        self.said += 1;
        self.brackets.push(Pending { token: self.tokens.len(), said: self.said });
        self.tokens.push(Token::Bracket { is_link: false });
        self.pass(1)
    }

    fn close(&mut self) -> bool {
        let Some(opened) = self.brackets.pop() else { return false };
        let Some(behind) = self.source[self.at..].strip_prefix("](") else { return false };
        self.text_until(self.at);
        if self.said == opened.said {
            return false;
        }
        let (target, bytes) = target::read(behind);
        self.steps += bytes;
        let Some(target) = target else { return false };
        if let Token::Bracket { is_link } = &mut self.tokens[opened.token] {
            *is_link = true;
        }
        self.tokens.push(Token::Leads(target));
        // A link has no other around it.
        self.brackets.clear();
        self.pass(2 + bytes)
    }

    fn address(&mut self) -> bool {
        if self.at < self.no_address_before || !addresses::begins(self.source, self.at) {
            return false;
        }
        let found = &self.source[self.at..];
        let found = &found[..addresses::candidate(found)];
        // The words of a link may be an address.
        let found = found.find("](").map_or(found, |end| &found[..end]);
        self.steps += found.len();
        let address = self.without_marks(found);
        if !addresses::is_honest(address) {
            self.no_address_before = self.at + found.len();
            return false;
        }
        self.text_until(self.at);
        self.said += address.len();
        self.tokens.push(Token::Address(address));
        self.pass(address.len())
    }

    /// Drops what does not belong to an address, and the marks at its end that close
    /// what is open.
    fn without_marks<'a>(&self, found: &'a str) -> &'a str {
        use Kind::{Bold, Spoiler, Star, Strike, Underscore};
        let before = self.source[..self.at].chars().next_back();
        let is_open = |kind: &Kind| self.pending[*kind as usize].is_some();
        let kinds = [Bold, Star, Underscore, Strike, Spoiler];
        let signs: Vec<_> = kinds.into_iter().filter(is_open).map(Kind::sign).collect();
        addresses::trimmed(found, |sign| before == Some(sign) || signs.contains(&sign))
    }
}

fn run_length(source: &str, sign: char) -> usize {
    source.len() - source.trim_start_matches(sign).len()
}

/// Tells whether a mark can stand beside this character.
fn shows(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_whitespace())
}

/// Tells whether a character belongs to a word of a script that has spaces between words.
pub(super) fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c < '\u{E00}' && c.is_alphanumeric())
}

/// Drops the space at both ends, which is there to keep backticks apart.
fn unpadded(code: &str) -> &str {
    let inner = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' '));
    inner.filter(|inner| inner.contains(|c| c != ' ')).unwrap_or(code)
}

/// Where runs of backticks are, by their length.
struct Backticks {
    runs: HashMap<usize, Vec<usize>>,
    /// The end of the line that was looked at last.
    line_end: usize,
}

impl Backticks {
    fn of(source: &str) -> Backticks {
        let mut runs: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut at = 0;
        while let Some(begin) = source[at..].find('`').map(|begin| at + begin) {
            let count = run_length(&source[begin..], '`');
            runs.entry(count).or_default().push(begin);
            at = begin + count;
        }
        Backticks { runs, line_end: 0 }
    }

    /// Returns where the next run of the same length is, on the same line.
    fn partner(&mut self, source: &str, from: usize, count: usize) -> Option<usize> {
        if from > self.line_end || self.line_end == 0 {
            let end = source[from..].find('\n').map_or(source.len(), |end| from + end);
            self.line_end = end;
        }
        let runs = self.runs.get(&count)?;
        let next = runs.partition_point(|&begin| begin < from);
        runs.get(next).copied().filter(|&begin| begin < self.line_end && begin > from)
    }
}

/// Writes down what the tokens say.
fn say(tokens: Vec<Token<'_>>, typed: &mut Typed) {
    let mut opened = [0; Kind::COUNT];
    let mut link = 0;
    for token in tokens {
        match token {
            Token::Text(text) => typed.say(text),
            Token::At => {
                typed.escaped.push(typed.end());
                typed.say("@");
            }
            Token::Code(code) => {
                let begin = typed.end();
                typed.say(code);
                typed.mark(begin, EntityKind::Code);
            }
            Token::Address(address) => {
                let begin = typed.end();
                typed.say(address);
                typed.mark(begin, EntityKind::Url);
            }
            Token::Mark { sign, role: Role::Plain, .. } => typed.say(sign),
            Token::Mark { kind, role: Role::Opens, .. } => opened[kind as usize] = typed.end(),
            Token::Mark { kind, role: Role::Closes, .. } => {
                typed.mark(opened[kind as usize], kind.entity());
            }
            Token::Bracket { is_link: false } => typed.say("["),
            Token::Bracket { is_link: true } => link = typed.end(),
            Token::Leads(Target::Url(url)) => typed.mark(link, EntityKind::Link { url }),
            Token::Leads(Target::User(user)) => typed.mark(link, EntityKind::Mention { user }),
        }
    }
}
