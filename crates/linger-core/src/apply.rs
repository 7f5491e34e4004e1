//! The rules: what an entry does.
//!
//! [`apply`] is deterministic: the same entries in the same order make the same
//! tables. It knows repeats, hands the command to the file of its family, and
//! records what was accepted. Released rules never change: a new rule holds for
//! entries of a new vocabulary only (docs/decisions/0016).

mod desk;
mod epochs;
mod erasures;
mod files;
mod members;
mod messages;
mod reactions;
mod requests;
mod rooms;
mod users;
mod versions;

use std::sync::Arc;

pub(crate) use desk::Desk;
use messages::Payload;
use rusqlite::{OptionalExtension, params};

use crate::{
    Audience, Author, Command, Draft, Entry, ErasedKind, Event, EventKind, File, FileId, News,
    Person, Position, Quote, Rejection, RoomId, RoomKind, Timestamp, UserId, queries,
    queries::Room, statements::Batch, sum,
};

/// The effect of an entry.
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
    /// Tells whether the node has a payload in the log to erase after this command.
    pub fn asks_for_erasure(&self, command: &Command) -> bool {
        let takes_back =
            matches!(command, Command::DeleteMessage { .. } | Command::DropFile { .. });
        (takes_back && matches!(self, Outcome::Accepted(_))) || is_in_vain(command, self)
    }

    /// Returns the event that the entry left.
    pub fn news(&self) -> Option<&Arc<News>> {
        match self {
            Outcome::Accepted(news) => news.as_ref(),
            Outcome::Repeated { .. } | Outcome::Rejected(_) => None,
        }
    }
}

/// Applies one entry. `at` is the time that it counts for.
///
/// Errors: those of the database only; the caller rolls the batch back.
pub(crate) fn apply(
    tx: &Batch<'_>,
    desk: &Desk,
    entry: &Entry,
    at: Timestamp,
) -> rusqlite::Result<Outcome> {
    let draft = &entry.draft;
    desk.make_way(tx, &draft.command)?;
    let step = Step { tx, desk, position: entry.position, draft, at };
    let known = match draft.command {
        // It keeps its reason, since nobody can tell any more whether it was a repeat.
        Command::ErasedInVain { rejection: Some(_), .. } => None,
        _ => requests::outcome_of_repeat(tx, draft)?,
    };
    let outcome = match known {
        Some(outcome) => outcome,
        None => match dispatch(&step, &draft.command) {
            Ok(news) => Outcome::Accepted(news.map(Arc::new)),
            Err(Refused::Rejected(rejection)) => Outcome::Rejected(rejection),
            Err(Refused::Database(error)) => return Err(error),
        },
    };
    let is_in_vain = is_in_vain(&draft.command, &outcome);
    if is_in_vain {
        let rejection = match outcome {
            Outcome::Rejected(rejection) => Some(rejection),
            Outcome::Accepted(_) | Outcome::Repeated { .. } => None,
        };
        erasures::note_in_vain(&step, rejection)?;
    }
    if let Outcome::Accepted(_) = outcome {
        requests::remember(tx, entry, is_in_vain)?;
    }
    Ok(outcome)
}

/// Tells whether a payload came for nothing: then it is erased, since it is nowhere else, or
/// only until somebody takes back the message that has it.
fn is_in_vain(command: &Command, outcome: &Outcome) -> bool {
    match (command, outcome) {
        (Command::ErasedInVain { .. }, _) => true,
        (Command::EditMessage { .. }, Outcome::Accepted(None)) => true,
        (command, Outcome::Repeated { .. } | Outcome::Rejected(_)) => command.has_payload(),
        (_, Outcome::Accepted(_)) => false,
    }
}

/// One function for each command. A function changes no table before it has
/// checked all rules, so a rejected command leaves no trace.
fn dispatch(step: &Step<'_, '_>, command: &Command) -> Result<Option<News>, Refused> {
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
        Command::SendMessage { room, text, sender_time, entities, reply_to, files } => {
            let payload = Payload { text, entities, sender_time: sender_time.as_ref() };
            messages::send(step, *room, Some(payload), *reply_to, files)
        }
        Command::EditMessage { message, text, entities } => {
            messages::edit(step, *message, Some((text, entities)))
        }
        Command::DeleteMessage { message } => messages::delete(step, *message),
        Command::AddReaction { message, emoji } => reactions::add(step, *message, emoji),
        Command::RemoveReaction { message, emoji } => reactions::remove(step, *message, emoji),
        Command::PinMessage { message } => reactions::pin(step, *message),
        Command::UnpinMessage { message } => reactions::unpin(step, *message),
        Command::ChangeRoom { room, name, topic } => {
            rooms::change(step, *room, name.as_ref(), topic.as_ref())
        }
        Command::AddFile { name, kind, size, hash, width, height, thumbnail } => {
            let file = File {
                id: FileId::new(step.position),
                name: name.clone(),
                kind: kind.clone(),
                size: *size,
                width: *width,
                height: *height,
                thumbnail: *thumbnail,
            };
            files::add(step, Some((file, *hash)))
        }
        Command::DropFile { file } => files::forget(step, *file),
        Command::Erased { kind: ErasedKind::SendMessage, room, rules: _, reply_to, files } => {
            messages::send(step, *room, None, *reply_to, files)
        }
        Command::ErasedEdit { message, rules: _ } => messages::edit(step, *message, None),
        Command::ErasedFile { rules: _ } => files::add(step, None),
        // Its outcome was found before, if it was a repeat.
        Command::ErasedInVain { rejection, rules: _ } => match rejection {
            Some(rejection) => Err((*rejection).into()),
            None => Ok(None),
        },
        Command::BeginEpoch { epoch } => epochs::begin(step, *epoch),
    }
}

/// The reason why a command has no effect.
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

/// The entry being applied, with everything that the rules need.
struct Step<'a, 'c> {
    tx: &'a Batch<'c>,
    desk: &'a Desk,
    position: Position,
    draft: &'a Draft,
    at: Timestamp,
}

impl Step<'_, '_> {
    /// Returns the author, who must be a user.
    fn user(&self) -> Result<Person, Refused> {
        let id = self.draft.author.user().ok_or(Rejection::NotForTheServer)?;
        Ok(self.person(id)?.ok_or(Rejection::UserNotFound)?)
    }

    /// Errors: the author is not the server.
    fn only_for_the_server(&self) -> Result<(), Refused> {
        match self.draft.author {
            Author::Server => Ok(()),
            Author::User(_) => Err(Rejection::NotForUsers.into()),
        }
    }

    fn person(&self, id: UserId) -> rusqlite::Result<Option<Person>> {
        let user = queries::user(self.tx, id)?;
        Ok(user.map(|user| Person { id, name: user.name }))
    }

    fn room(&self, id: RoomId) -> Result<Room, Refused> {
        Ok(queries::room(self.tx, id)?.ok_or(Rejection::RoomNotFound)?)
    }

    /// Leaves the event of this entry in a room, under the room's next number, and
    /// notes the room's new counts.
    fn tell_room(
        &self,
        mut room: Room,
        by: Option<Person>,
        kind: impl FnOnce(&Room) -> EventKind,
    ) -> Result<News, Refused> {
        room.last_number += 1;
        self.desk.note_counts(self.tx, &room)?;
        let kind = kind(&room);
        let event = Event {
            position: self.position,
            number: Some(room.last_number),
            room: Some(room.slug),
            at: self.at,
            by,
            kind,
        };
        let mut news = News::new(event, Audience::Room(room.id));
        news.is_narrow = news.shows_others() && room.kind == RoomKind::Closed;
        store(self.tx, &news)?;
        Ok(news)
    }

    /// Leaves the event of this entry outside of rooms.
    fn tell(&self, by: Person, kind: EventKind, audience: Audience) -> Result<News, Refused> {
        let event = Event {
            position: self.position,
            number: None,
            room: None,
            at: self.at,
            by: Some(by),
            kind,
        };
        let news = News::new(event, audience);
        store(self.tx, &news)?;
        Ok(news)
    }
}

/// Stores an event, with one row for each place that it concerns.
pub(crate) fn store(tx: &Batch<'_>, news: &News) -> rusqlite::Result<()> {
    let (position, kind, number) = (news.position(), news.event.kind.name(), news.event.number);
    let to = news.audience.columns();
    let bare = without_quote(news);
    let json = bare.as_ref().map_or(&news.json, |bare| &bare.json);
    let sum = sum_of(news, json)?;
    tx.prepare_cached(
        "INSERT INTO events (position, kind, audience, audience_id, audience_rooms, number, json, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        position,
        kind,
        to.audience,
        to.audience_id,
        to.audience_rooms,
        number,
        json,
        sum
    ])?;
    let mut insert =
        tx.prepare_cached("INSERT INTO concerns (place, numbered, position) VALUES (?1, ?2, ?3)")?;
    for place in news.audience.places() {
        insert.execute(params![place, number.is_some(), position])?;
    }
    Ok(())
}

/// Writes an event anew, with less in it.
fn blank(tx: &Batch<'_>, news: &News) -> rusqlite::Result<()> {
    let sum = sum_of(news, &news.json)?;
    tx.prepare_cached("UPDATE events SET json = ?2, sum = ?3 WHERE position = ?1")?
        .execute(params![news.position(), news.json, sum])?;
    Ok(())
}

/// Returns the event as it is stored, if it quotes a message: what is quoted is looked up when
/// it is read, so that it is gone when that message is.
fn without_quote(news: &News) -> Option<News> {
    news.shown()?.reply_to.as_ref()?;
    let bare = |quote: &mut Quote| *quote = Quote::bare(quote.id);
    Some(news.with_shown(|message| message.reply_to.iter_mut().for_each(bare)))
}

fn sum_of(news: &News, json: &str) -> rusqlite::Result<u32> {
    let to = news.audience.columns();
    sum::of_values(&[
        &news.position(),
        &news.event.kind.name(),
        &to.audience,
        &to.audience_id,
        &to.audience_rooms,
        &news.event.number,
        &json,
    ])
}

/// Tells whether a statement finds a row.
fn exists(
    tx: &Batch<'_>,
    sql: &'static str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<bool> {
    tx.prepare_cached(sql)?.query_one(params, |_| Ok(())).optional().map(|found| found.is_some())
}
