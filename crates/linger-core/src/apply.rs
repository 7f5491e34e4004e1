//! What an entry does: the rules.
//!
//! [`apply`] is deterministic: the same entries in the same order make the same
//! tables. It knows repeats, hands the command to the file of its family, and
//! records what was accepted. Released rules never change: a new rule takes
//! effect from a logged entry on (docs/decisions/0002).

mod members;
mod messages;
mod rooms;
mod users;

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::{
    Author, Command, Entry, Event, EventKind, News, Person, Position, Rejection, RoomId, RoomKind,
    Slug, Timestamp, UserId, entry::encode_command, queries,
};

/// What an entry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect, and left at most one event.
    Accepted(Option<Arc<News>>),
    /// The author asked for the same before, in the entry at `first`: no effect.
    Repeated {
        /// Where the first one is.
        first: Position,
    },
    /// The rules say no: no effect. The request id stays free, so that the
    /// author may try again when things have changed.
    Rejected(Rejection),
}

impl Outcome {
    /// Returns the event that the entry left.
    pub fn news(&self) -> Option<&Arc<News>> {
        match self {
            Outcome::Accepted(news) => news.as_ref(),
            Outcome::Repeated { .. } | Outcome::Rejected(_) => None,
        }
    }
}

/// Applies one entry. `at` is its time, made never to run backwards.
///
/// Errors: those of the database only; the caller rolls the batch back.
pub(crate) fn apply(tx: &Connection, entry: &Entry, at: Timestamp) -> rusqlite::Result<Outcome> {
    let draft = &entry.draft;
    let digest: [u8; 32] = Sha256::digest(encode_command(&draft.command)).into();
    if let Some((first, first_digest)) = queries::request(tx, draft.author, &draft.request_id)? {
        return Ok(match first_digest == digest {
            true => Outcome::Repeated { first },
            false => Outcome::Rejected(Rejection::RequestIdReused),
        });
    }
    let step = Step { tx, position: entry.position, author: draft.author, at };
    let news = match dispatch(&step, &draft.command) {
        Ok(news) => news,
        Err(Refused::Rejected(rejection)) => return Ok(Outcome::Rejected(rejection)),
        Err(Refused::Database(error)) => return Err(error),
    };
    tx.prepare_cached(
        "INSERT INTO requests (author, request_id, position, digest) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        draft.author.to_number().cast_signed(),
        draft.request_id,
        entry.position,
        digest
    ])?;
    Ok(Outcome::Accepted(news.map(Arc::new)))
}

/// One function for each command. A function changes no table before it has
/// checked all rules: what is rejected leaves no trace.
fn dispatch(step: &Step<'_>, command: &Command) -> Result<Option<News>, Refused> {
    match command {
        Command::CreateGuest { name, token_hash, external_id } => {
            users::create_guest(step, name, token_hash.as_ref(), external_id.as_ref())
        }
        Command::RenameUser { name } => users::rename(step, name),
        Command::OpenRoom { slug, name, topic, kind } => {
            rooms::open(step, slug, name, topic, *kind)
        }
        Command::JoinRoom { room } => members::join(step, *room),
        Command::AddMember { room, user } => members::add(step, *room, *user),
        Command::LeaveRoom { room } => members::leave(step, *room),
        Command::SendMessage { room, text, sender_time } => {
            messages::send(step, *room, text, sender_time.as_ref())
        }
    }
}

/// Why a command has no effect.
enum Refused {
    Rejected(Rejection),
    Database(rusqlite::Error),
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Refused {
        Refused::Rejected(rejection)
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
        Refused::Database(error)
    }
}

/// The entry being applied, and what every rule needs.
struct Step<'a> {
    tx: &'a Connection,
    position: Position,
    author: Author,
    at: Timestamp,
}

/// What rules ask about a room.
struct RoomFacts {
    id: RoomId,
    slug: Slug,
    kind: RoomKind,
}

impl Step<'_> {
    /// Returns the author, who must be a user.
    fn user(&self) -> Result<Person, Refused> {
        let id = self.author.user().ok_or(Rejection::NotForTheServer)?;
        Ok(self.person(id)?.ok_or(Rejection::UserNotFound)?)
    }

    fn person(&self, id: UserId) -> rusqlite::Result<Option<Person>> {
        self.tx
            .prepare_cached("SELECT name FROM users WHERE id = ?1")?
            .query_one([id], |row| Ok(Person { id, name: row.get(0)? }))
            .optional()
    }

    fn room(&self, id: RoomId) -> Result<RoomFacts, Refused> {
        let facts = self
            .tx
            .prepare_cached("SELECT slug, kind FROM rooms WHERE id = ?1")?
            .query_one([id], |row| Ok(RoomFacts { id, slug: row.get(0)?, kind: row.get(1)? }))
            .optional()?;
        Ok(facts.ok_or(Rejection::RoomNotFound)?)
    }

    /// Leaves the event of this entry in a room, under the room's next number.
    fn tell_room(
        &self,
        room: &RoomFacts,
        by: Option<Person>,
        kind: impl FnOnce(u64) -> EventKind,
    ) -> Result<News, Refused> {
        let number: u64 = self
            .tx
            .prepare_cached("UPDATE rooms SET last_number = last_number + 1 WHERE id = ?1 RETURNING last_number")?
            .query_one([room.id], |row| row.get(0))?;
        let event = Event {
            position: self.position,
            number: Some(number),
            room: Some(room.slug.clone()),
            at: self.at,
            by,
            kind: kind(number),
        };
        self.store(News::new(event, Some(room.id)))
    }

    /// Leaves the event of this entry outside of rooms.
    fn tell(&self, by: Person, kind: EventKind) -> Result<News, Refused> {
        let event = Event {
            position: self.position,
            number: None,
            room: None,
            at: self.at,
            by: Some(by),
            kind,
        };
        self.store(News::new(event, None))
    }

    fn store(&self, news: News) -> Result<News, Refused> {
        self.tx
            .prepare_cached(
                "INSERT INTO events (position, room_id, is_message, json) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![self.position, news.room_id, news.message().is_some(), news.json])?;
        Ok(news)
    }
}
