//! The words that people and programs give us: parsed once, bounded, then
//! trusted.
//!
//! Every edge builds these before it makes a command, so a [`Malformed`] request
//! never reaches the log. Names and slugs get one written form here: two that look
//! the same are the same. Entries that are read back from the log are built
//! without all this: the bounds may tighten one day, old entries stay.

mod characters;

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::RangeInclusive,
};

use characters::{LineBreaks, is_lower, is_mark, normal_name, normal_slug, shows, turns_direction};
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// The fault of a text, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// How many characters a text may have.
type Characters = RangeInclusive<usize>;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $characters:expr, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// How many characters it has.
            pub const CHARACTERS: RangeInclusive<usize> = $characters;

            /// Parses a text. Errors: [`Malformed`], with what to do about it.
            pub fn parse(given: &str) -> Result<$name, Malformed> {
                let parse: fn(&str, Characters) -> Result<String, String> = $parse;
                parse(given, $name::CHARACTERS).map($name).map_err(Malformed)
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                String::column_result(value).map($name)
            }
        }
    };
}

text!(
    /// The name of a person: 1 to 40 characters after trimming, on one line, in
    /// one written form.
    UserName,
    1..=40,
    |given, characters| one_line("a name", &normal_name(given), characters)
);
text!(
    /// The name of a room as people read it: 1 to 80 characters, on one line.
    RoomName,
    1..=80,
    |given, characters| one_line("a room's name", &normal_name(given), characters)
);
text!(
    /// The topic of a room: up to 250 characters, on one line.
    Topic,
    0..=250,
    |given, characters| one_line("a topic", &normal_name(given), characters)
);
text!(
    /// The text of a message: 1 to 4000 characters after trimming.
    ///
    /// Line breaks of all kinds become `\n`. Tabs are kept; other control characters
    /// are left out, since nobody can see which one to remove.
    MessageText,
    1..=4000,
    |given, characters| {
        let lines = MessageText::lines(given);
        let text = lines.trim();
        bounded("a message text", text, characters)?;
        must_show("a message text", text)?;
        Ok(text.to_owned())
    }
);
text!(
    /// The name of a file, for people: 1 to 255 characters, on one line. Never a path.
    FileName,
    1..=255,
    |given, characters| one_line("a file's name", &normal_name(given), characters)
);
text!(
    /// The type of a file's content, as in the header `Content-Type`, without parameters: 3
    /// to 100 of lower-case ASCII letters, digits and `. + - /`.
    MediaType,
    3..=100,
    |given, characters| {
        bounded("a media type", given, characters)?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".+-/".contains(c);
        match given.chars().find(|c| !fits(*c)) {
            Some(c) => Err(format!("a media type is lower-case ASCII; replace {c:?}")),
            None if given.split('/').filter(|part| !part.is_empty()).count() != 2 => {
                Err("a media type has two parts, as image/png".to_owned())
            }
            None => Ok(given.to_owned()),
        }
    }
);
text!(
    /// The name of a room in URLs: 1 to 64 lower-case letters of any script, with
    /// their marks, digits and `-`.
    Slug,
    1..=64,
    |given, characters| {
        let slug = normal_slug(given);
        bounded("a room's slug", &slug, characters)?;
        let mut before = '-';
        for c in slug.chars() {
            let fits = match is_mark(c) {
                // A mark belongs to the letter before it.
                true => before != '-',
                // A letter or number with a lower case of its own is refused: two slugs never
                // differ in case only.
                false => c == '-' || (c.is_alphanumeric() && is_lower(c)),
            };
            if !fits {
                return Err(format!("a room's slug has lower-case letters, digits and '-' only; replace {c:?}"));
            }
            before = c;
        }
        Ok(slug)
    }
);
text!(
    /// The name that an author gives to one request, so that a repeat is known
    /// as a repeat: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    RequestId,
    1..=64,
    |given, characters| {
        bounded("a request id", given, characters)?;
        match given.chars().find(|c| !c.is_ascii_alphanumeric() && !".-_".contains(*c)) {
            Some(c) => Err(format!("a request id has letters A-Z a-z, digits, '.', '_' and '-' only; replace {c:?}")),
            None => Ok(given.to_owned()),
        }
    }
);
text!(
    /// The name by which clients of another protocol know a user: 1 to 64
    /// printable ASCII characters. Public, never a secret.
    ExternalId,
    1..=64,
    |given, characters| {
        bounded("an id", given, characters)?;
        match given.chars().find(|c| !c.is_ascii_graphic()) {
            Some(c) => Err(format!("an id has printable ASCII characters only; replace {c:?}")),
            None => Ok(given.to_owned()),
        }
    }
);
text!(
    /// The time of the sender's own clock, word for word, for protocols that carry
    /// it: up to 64 characters, on one line. Never used to order anything.
    SenderTime,
    0..=64,
    |given, characters| one_line("a time", given, characters)
);

impl MessageText {
    /// Returns the text of a message that says nothing but has files.
    pub fn empty() -> MessageText {
        MessageText(String::new())
    }

    /// Returns what somebody typed with each line break as `\n`, and without control
    /// characters: the form in which an edge reads marks in it.
    pub fn lines(given: &str) -> Cow<'_, str> {
        let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
        // Nearly all texts are so already.
        if given.chars().all(|c| is_plain(c) && !matches!(c, '\u{2028}' | '\u{2029}')) {
            return Cow::Borrowed(given);
        }
        Cow::Owned(LineBreaks::of(given).filter(|&c| is_plain(c)).collect())
    }
}

/// SHA-256 of a session's token. The token itself is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Hashes a token as its holder presents it.
    pub fn of(token: &str) -> TokenHash {
        use sha2::Digest;
        TokenHash(sha2::Sha256::digest(token.as_bytes()).into())
    }
}

impl Serialize for TokenHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&const_hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = const_hex::decode_to_array(text).map_err(serde::de::Error::custom)?;
        Ok(TokenHash(bytes))
    }
}

fn bounded(what: &str, text: &str, characters: Characters) -> Result<(), String> {
    let (min, max) = (*characters.start(), *characters.end());
    // A character is at most four bytes: a huge text is refused without counting it.
    let count = if text.len() > max * 4 { usize::MAX } else { text.chars().count() };
    if !characters.contains(&count) {
        return Err(format!(
            "{what} has {min} to {max} characters; this has {}",
            match count {
                usize::MAX => format!("more than {max}"),
                count => count.to_string(),
            }
        ));
    }
    Ok(())
}

fn one_line(what: &str, given: &str, characters: Characters) -> Result<String, String> {
    let text = given.trim();
    let may_be_empty = characters.contains(&0);
    bounded(what, text, characters)?;
    // Line separators, and characters that could reorder the words around a name.
    let breaks_it = |c: char| matches!(c, '\u{2028}' | '\u{2029}') || turns_direction(c);
    if let Some(c) = text.chars().find(|&c| c.is_control() || breaks_it(c)) {
        return Err(format!(
            "{what} is one line of plain characters; remove U+{:04X}",
            u32::from(c)
        ));
    }
    if !may_be_empty {
        must_show(what, text)?;
    }
    Ok(text.to_owned())
}

/// Errors: there is nothing to see.
fn must_show(what: &str, text: &str) -> Result<(), String> {
    match text.chars().any(shows) {
        true => Ok(()),
        false => Err(format!("{what} can be seen; this has no visible character")),
    }
}
