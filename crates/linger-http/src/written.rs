//! Texts as people write them, made into texts with entities: the one place for that, before the
//! append.
//!
//! The tables are asked, once, which member of the room an `@name` means. Most texts
//! name nobody, and are sent without a look.

use std::collections::BTreeMap;

use linger_core::{Entities, Malformed, MessageText, UserName};
use linger_node::{Asker, Node, RoomRef, limits::NAMES_LOOKED_UP_MAX, questions::Named};
use linger_serve::Failure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::markdown::{self, Names, Written};

/// How a text is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// As it is shown; addresses and mentions are found in it.
    #[default]
    Plain,
    /// With the marks of a part of Markdown; addresses and mentions are found in it, too.
    Markdown,
}

impl Format {
    /// Errors: 400, it is none of the two.
    pub(crate) fn parse(given: &str) -> Result<Format, Failure> {
        match given {
            "plain" => Ok(Format::Plain),
            "markdown" => Ok(Format::Markdown),
            _ => Err(Failure::malformed("'format' is plain or markdown")),
        }
    }
}

/// A text as it was written, and as it is read while nobody knows whom its names mean.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    source: String,
    format: Format,
    nameless: (MessageText, Entities),
    /// The words behind an `@` that may be somebody's name.
    names: BTreeMap<String, UserName>,
}

impl Writing {
    /// Reads a text. `may_be_empty`: something else comes with it.
    ///
    /// Errors: 400, as of [`MessageText::parse`].
    pub(crate) fn read(
        source: String,
        format: Format,
        may_be_empty: bool,
    ) -> Result<Writing, Failure> {
        let mut names = BTreeMap::new();
        let nameless = match may_be_empty && source.trim().is_empty() {
            true => (MessageText::empty(), Entities::default()),
            false => {
                let mut ask = |name: &str| {
                    if names.len() < NAMES_LOOKED_UP_MAX
                        && let Ok(known) = UserName::parse(name)
                    {
                        names.insert(name.to_owned(), known);
                    }
                    None
                };
                let Written { text, entities } = parsed(&source, format, &mut ask)?;
                (text, entities)
            }
        };
        Ok(Writing { source, format, nameless, names })
    }

    /// Tells whether it may name somebody.
    pub(crate) fn may_name(&self) -> bool {
        !self.names.is_empty()
    }

    /// Returns the text with its formatting, in which nobody is named.
    pub(crate) fn nameless(self) -> (MessageText, Entities) {
        self.nameless
    }

    /// Returns the text with its formatting, in which members of this room are named.
    pub(crate) async fn naming(
        self,
        node: &Node,
        asker: Asker,
        room: &RoomRef,
    ) -> Result<(MessageText, Entities), Failure> {
        if !self.may_name() {
            return Ok(self.nameless);
        }
        let people = node.query(asker, Named { room: room.clone(), names: self.names }).await?;
        if people.is_empty() {
            return Ok(self.nameless);
        }
        let mut names = |name: &str| people.get(name).copied();
        let Written { text, entities } = parsed(&self.source, self.format, &mut names)?;
        Ok((text, entities))
    }
}

fn parsed(source: &str, format: Format, names: &mut Names<'_>) -> Result<Written, Malformed> {
    match format {
        Format::Plain => markdown::plain(source, names),
        Format::Markdown => markdown::parse(source, names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_asks_for_a_bounded_number_of_names() {
        let rows = [
            ("none", "no names, but ann@b.example".to_owned(), 0),
            ("one", "hello @ann!".to_owned(), 2),
            ("the same one, often", "@ann ".repeat(800), 16),
            ("Chinese, in which each character may end a name", "@茶".repeat(2000), 40),
            ("many", (1000..1600).map(|n| format!("@{n} ")).collect(), NAMES_LOOKED_UP_MAX),
        ];
        for (case, text, expected) in rows {
            for format in [Format::Plain, Format::Markdown] {
                let writing = Writing::read(text.clone(), format, false).unwrap();
                assert!(writing.names.len() <= expected, "{case}: {:?}", writing.names.keys());
                assert_eq!(writing.may_name(), expected > 0, "{case}");
            }
        }
    }
}
