//! The words that people and programs give us: parsed once, bounded, then
//! trusted.
//!
//! Every edge builds these before it makes a command, so a [`Malformed`] request
//! never reaches the log. Entries that are read back from the log are built
//! without these checks: the bounds may tighten one day, old entries stay.

use std::{borrow::Borrow, fmt};

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// Why a text is not what it should be; says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses what was given. Errors: [`Malformed`], with what to do about it.
            pub fn parse(given: &str) -> Result<$name, Malformed> {
                let check: fn(&str) -> Result<&str, String> = $check;
                check(given).map(|text| $name(text.to_owned())).map_err(Malformed)
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
    /// The name of a person: 1 to 40 characters after trimming, on one line.
    UserName,
    |given| one_line("a name", given, 1, 40)
);
text!(
    /// The name of a room as people read it: 1 to 80 characters, on one line.
    RoomName,
    |given| one_line("a room's name", given, 1, 80)
);
text!(
    /// What a room is about: up to 250 characters, on one line.
    Topic,
    |given| one_line("a topic", given, 0, 250)
);
text!(
    /// The text of a message: 1 to 4000 characters after trimming.
    ///
    /// Line breaks and tabs are kept; other control characters are refused.
    MessageText,
    |given| {
        let text = given.trim();
        bounded("a message text", text, 1, 4000)?;
        match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            Some(c) => Err(format!("a message text has no control characters; remove U+{:04X}", u32::from(c))),
            None => Ok(text),
        }
    }
);
text!(
    /// The name of a room in URLs: 1 to 64 lower-case letters of any script,
    /// digits and `-`.
    Slug,
    |given| {
        bounded("a room's slug", given, 1, 64)?;
        // Scripts without case have letters that are neither upper nor lower. A
        // letter or number that has a lower case of its own is none: two slugs
        // never differ in case only.
        let is_lower = |c: char| !c.is_uppercase() && c.to_lowercase().eq([c]);
        let fits = |c: char| c == '-' || ((c.is_alphabetic() || c.is_numeric()) && is_lower(c));
        match given.chars().find(|&c| !fits(c)) {
            Some(c) => Err(format!("a room's slug has lower-case letters, digits and '-' only; replace {c:?}")),
            None => Ok(given),
        }
    }
);
text!(
    /// The name that an author gives to one request, so that a repeat is known
    /// as a repeat: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    RequestId,
    |given| {
        bounded("a request id", given, 1, 64)?;
        match given.chars().find(|c| !c.is_ascii_alphanumeric() && !".-_".contains(*c)) {
            Some(c) => Err(format!("a request id has letters A-Z a-z, digits, '.', '_' and '-' only; replace {c:?}")),
            None => Ok(given),
        }
    }
);
text!(
    /// The name by which clients of another protocol know a user: 1 to 64
    /// printable ASCII characters. Public, never a secret.
    ExternalId,
    |given| {
        bounded("an id", given, 1, 64)?;
        match given.chars().find(|c| !c.is_ascii_graphic()) {
            Some(c) => Err(format!("an id has printable ASCII characters only; replace {c:?}")),
            None => Ok(given),
        }
    }
);
text!(
    /// What the sender's own clock said, word for word, for protocols that carry
    /// it: up to 64 characters, on one line. Never used to order anything.
    SenderTime,
    |given| one_line("a time", given, 0, 64)
);

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

fn bounded(what: &str, text: &str, min: usize, max: usize) -> Result<(), String> {
    // A character is at most four bytes: a huge text is refused without counting it.
    let count = if text.len() > max * 4 { usize::MAX } else { text.chars().count() };
    if count < min || count > max {
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

fn one_line<'a>(what: &str, given: &'a str, min: usize, max: usize) -> Result<&'a str, String> {
    let text = given.trim();
    bounded(what, text, min, max)?;
    if let Some(c) = text.chars().find(|&c| c.is_control() || breaks_the_line(c)) {
        return Err(format!(
            "{what} is one line of plain characters; remove U+{:04X}",
            u32::from(c)
        ));
    }
    match min > 0 && text.chars().all(|c| c.is_whitespace() || has_no_width(c)) {
        true => Err(format!("{what} can be seen; this has no visible character")),
        false => Ok(text),
    }
}

/// Line separators, and the controls of direction that could reorder what
/// stands around a name.
fn breaks_the_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Joiners and the like: fine inside of a word, nothing to see alone.
fn has_no_width(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{FEFF}')
}
