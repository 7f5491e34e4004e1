//! The target of a link, between its brackets: an address, or a person as in
//! `[@Ann](user:17)`.

use linger_core::{Position, UserId};

use crate::addresses;

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Url(String),
    User(UserId),
}

const USER: &str = "user:";

/// Reads a target that begins behind `](`. Returns it, and how many bytes were looked
/// at; with a target these are up to and with its bracket.
///
/// Brackets in it are balanced or escaped. It ends in vain at white space, and at the
/// next `](`: so no character is looked at for two targets.
pub(super) fn read(source: &str) -> (Option<Target>, usize) {
    let (mut said, mut depth) = (String::new(), 0usize);
    let mut characters = source.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|&(_, next)| next);
        match c {
            '\\' if next.is_some_and(|next| next.is_ascii_punctuation()) => {
                said.extend(next);
                characters.next();
                continue;
            }
            ']' if next == Some('(') => return (None, at),
            ')' if depth == 0 => return (understood(said), at + 1),
            ')' => depth -= 1,
            '(' => depth += 1,
            c if c.is_whitespace() => return (None, at),
            _ => {}
        }
        said.push(c);
    }
    (None, source.len())
}

fn understood(said: String) -> Option<Target> {
    if let Some(number) = said.strip_prefix(USER) {
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_number)?;
        return (1..=Position::MAX.get())
            .contains(&number)
            .then(|| Target::User(UserId::new(Position::new(number))));
    }
    addresses::is_target(&said).then_some(Target::Url(said))
}

/// Writes a target down, so that [`read`] gives it back.
pub(super) fn written(target: &Target) -> String {
    let url = match target {
        Target::User(user) => return format!("{USER}{user}"),
        Target::Url(url) => url,
    };
    let is_balanced = is_balanced(url);
    let mut written = String::new();
    let mut characters = url.chars().peekable();
    while let Some(c) = characters.next() {
        let is_read_otherwise = match c {
            '\\' => true,
            '(' | ')' => !is_balanced,
            ']' => characters.peek() == Some(&'('),
            _ => false,
        };
        if is_read_otherwise {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

fn is_balanced(url: &str) -> bool {
    let mut depth = 0usize;
    for c in url.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return false,
            ')' => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}
