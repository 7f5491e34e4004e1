//! The chat itself: commands, the rules, the tables, the feed.
//!
//! An [`Entry`] of the log carries a [`Command`]. [`Projection::apply`] decides
//! its effect: one [`Event`], nothing, or a [`Rejection`]. [`feed`] reads the
//! events that a reader may see, as [`visibility`] decides.
//!
//! This crate knows no network, no async, no clock and no chance: the same
//! entries make the same tables, on every machine, for ever.

mod apply;
mod audience;
mod command;
mod cursor;
mod emoji;
mod entities;
mod entry;
mod event;
pub mod feed;
mod file;
mod ids;
mod projection;
pub mod queries;
mod rejection;
pub mod running;
#[cfg(feature = "openapi")]
mod schemas;
mod statements;
mod stored;
mod sum;
mod text;
pub mod visibility;

#[cfg(test)]
mod tests;

pub use apply::Outcome;
pub use audience::Audience;
pub use command::{Command, ErasedKind, RoomKind};
pub use cursor::{Cursor, Epoch, LogId, MalformedCursor};
pub use emoji::Emoji;
pub use entities::{Entities, Entity, EntityKind};
pub use entry::{Author, Draft, Entry, Nonce, Request, RequestDigest, Salt, Timestamp};
pub use event::{Event, EventKind, Message, News, Person, Quote, Reaction, RoomThen};
pub use file::{File, FileHash, FileName, MediaType};
pub use ids::{FileId, MessageId, Position, RoomId, UserId};
pub use projection::{
    About, Projection, ProjectionError, applied as projection_applied, empty_wal,
    fingerprint as projection_fingerprint,
};
pub use rejection::Rejection;
pub use statements::Statements;
pub use stored::{StoredEntry, UnreadableEntry, Vocabulary};
pub use sum::is_damage;
pub use text::{
    ExternalId, Malformed, MessageText, RequestId, RoomName, SenderTime, Slug, TokenHash, Topic,
    UserName,
};
