//! Texts as people write them, made into texts with entities: the one place for that, before the
//! append.

use linger_core::{Entities, MessageText};
use linger_serve::Failure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::markdown::{self, Written};

/// How a text is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// As it is shown.
    #[default]
    Plain,
    /// With the marks of a part of Markdown.
    Markdown,
}

/// Returns the text that was written, with its formatting. `may_be_empty`: something else
/// comes with it.
///
/// Errors: 400, as of [`MessageText::parse`].
pub(crate) fn text_of(
    written: &str,
    format: Format,
    may_be_empty: bool,
) -> Result<(MessageText, Entities), Failure> {
    if may_be_empty && written.trim().is_empty() {
        return Ok((MessageText::empty(), Entities::default()));
    }
    // Who a bare `@name` means is looked up by nobody yet; `[@Ann](user:17)` needs no name.
    let mut names = |_: &str| None;
    let Written { text, entities } = match format {
        Format::Plain => markdown::plain(written, &mut names)?,
        Format::Markdown => markdown::parse(written, &mut names)?,
    };
    Ok((text, entities))
}
