//! Messages as they are now, and as they were.
//!
//! A row of `messages` is a message without what belongs to others: its quote, its files and
//! its reactions are looked up, where there are any, when it is read. A reader who left a
//! closed room reads a message as it was when they left: with its text of then, and without
//! reactions and pins.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{files, room, stays};
use crate::{
    Audience, Emoji, Entities, Event, EventKind, FileId, Message, MessageId, MessageText, News,
    Person, Position, Quote, Reaction, RequestId, RoomId, RoomKind, SenderTime, Slug, Statements,
    Timestamp, UserId, queries::Room, sum,
};

/// A row of the table `messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: MessageId,
    pub(crate) room: RoomId,
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) by: Person,
    pub(crate) sender_time: Option<SenderTime>,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) shows_request: bool,
    pub(crate) reply_to: Option<MessageId>,
    /// None once it is erased.
    pub(crate) text: Option<MessageText>,
    pub(crate) entities: Entities,
    pub(crate) files: Vec<FileId>,
    /// The edit that made the text, and its time.
    pub(crate) edited: Option<(Position, Timestamp)>,
    pub(crate) deleted: bool,
    pub(crate) pinned: Option<Position>,
    pub(crate) reactions: u32,
}

/// One reader's view of the messages of one room.
#[derive(Debug, Clone)]
pub(crate) struct View<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) room: Room,
    pub(crate) reader: Option<UserId>,
    /// When a former member of a closed room left it; else [`NOW`].
    until: Position,
}

/// Nothing comes after it.
pub(crate) const NOW: Position = Position::MAX;

/// Selects rows for [`Stored::of_row`].
macro_rules! select_messages {
    ($rest:literal) => {
        concat!(
            "SELECT position, room_id, number, at_ms, author, author_name, sender_time,
             request_id, shows_request, reply_to, text, entities, files, edited, edited_at_ms,
             deleted, pinned, reactions, sum FROM messages ",
            $rest
        )
    };
}
pub(super) use select_messages;

/// Writes a row, by this verb.
macro_rules! put_message {
    ($verb:literal) => {
        concat!(
            $verb,
            " INTO messages (position, room_id, number, at_ms, author, author_name, sender_time,
             request_id, shows_request, reply_to, text, entities, files, edited, edited_at_ms,
             deleted, pinned, reactions, sum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
             ?18, ?19)"
        )
    };
}

/// Returns a message as `reader` sees it, with its room; none if it is not there for them.
pub fn message(
    connection: &Connection,
    reader: Option<UserId>,
    id: MessageId,
) -> rusqlite::Result<Option<(RoomId, Message)>> {
    let Some(stored) = stored(connection, id)? else { return Ok(None) };
    let Some(view) = View::of(connection, stored.room, reader)? else { return Ok(None) };
    match view.sees(id.position())? {
        true => Ok(Some((stored.room, view.read(stored)?))),
        false => Ok(None),
    }
}

/// Returns a message's row.
pub(crate) fn stored(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Stored>> {
    const SELECT: &str = select_messages!("WHERE position = ?1");
    connection.prepare_cached(SELECT)?.query_one([id], Stored::of_row).optional()
}

/// Returns a quote of a message, as it was at a position. A deleted message has no text at any.
pub(crate) fn quote(
    connection: &Connection,
    id: MessageId,
    at: Position,
) -> rusqlite::Result<Quote> {
    let Some(quoted) = stored(connection, id)? else {
        return Err(sum::damaged(format!("message {id} is quoted and is not there")));
    };
    let quoted = quoted.at(connection, at)?;
    let first = |text: MessageText| text.as_str().chars().take(Quote::CHARACTERS_MAX).collect();
    Ok(Quote {
        id,
        number: Some(quoted.number),
        by: Some(quoted.by),
        deleted: quoted.text.is_none(),
        text: quoted.text.map(first),
    })
}

/// Returns the answers by emoji to a message, in the order in which each emoji came.
pub(crate) fn reactions(
    connection: &Connection,
    message: MessageId,
) -> rusqlite::Result<Vec<Reaction>> {
    let mut select = connection.prepare_cached(
        "SELECT message, emoji, user_id, user_name, began, position, sum FROM reactions
         WHERE message = ?1 ORDER BY began, position",
    )?;
    let mut rows = select.query([message])?;
    let mut reactions: Vec<Reaction> = Vec::new();
    while let Some(row) = rows.next()? {
        sum::check(row, "reactions")?;
        let emoji: Emoji = row.get(1)?;
        let person = Person { id: row.get(2)?, name: row.get(3)? };
        match reactions.last_mut().filter(|last| last.emoji == emoji) {
            Some(last) => last.by.push(person),
            None => reactions.push(Reaction { emoji, by: vec![person] }),
        }
    }
    Ok(reactions)
}

impl<'c> View<'c> {
    /// Returns a reader's view of a room; none if there is no such room.
    pub(crate) fn of(
        connection: &'c Connection,
        room: RoomId,
        reader: Option<UserId>,
    ) -> rusqlite::Result<Option<View<'c>>> {
        let Some(room) = super::room(connection, room)? else { return Ok(None) };
        let until = match (room.kind, reader) {
            (RoomKind::Open, _) => NOW,
            (RoomKind::Closed, _) => stays::last_stay(connection, reader, room.id, NOW)?
                .map_or(Position::START, |(_, to)| to),
        };
        Ok(Some(View { connection, room, reader, until }))
    }

    /// Tells whether what happened at a position of the room is the reader's to see.
    pub(crate) fn sees(&self, position: Position) -> rusqlite::Result<bool> {
        match self.room.kind {
            RoomKind::Open => Ok(true),
            RoomKind::Closed => is_there_at(self.connection, self.reader, self.room.id, position),
        }
    }

    /// Tells whether the reader sees the room as it is now.
    pub(crate) fn sees_now(&self) -> bool {
        self.until == NOW
    }

    /// Returns the moment of which the reader sees the room.
    pub(crate) fn until(&self) -> Position {
        self.until
    }

    /// Returns a message that the reader sees, as they see it.
    pub(crate) fn read(&self, stored: Stored) -> rusqlite::Result<Message> {
        let stored = stored.at(self.connection, self.until)?;
        let mut message = stored.message(self.connection, &self.room.slug)?;
        if let Some(quoted) = stored.reply_to.filter(|_| !stored.is_erased()) {
            message.reply_to = Some(match self.sees(quoted.position())? {
                true => quote(self.connection, quoted, self.until)?,
                false => Quote::bare(quoted),
            });
        }
        Ok(message)
    }

    /// The same, as the event that it is in a history.
    pub(crate) fn read_news(&self, stored: Stored) -> rusqlite::Result<News> {
        let message = self.read(stored)?;
        let event = Event {
            position: message.id.position(),
            number: Some(message.number),
            room: Some(message.room.clone()),
            at: message.at,
            by: Some(message.by.clone()),
            kind: EventKind::MessageSent { message },
        };
        Ok(News::new(event, Audience::Room(self.room.id)))
    }
}

/// Tells whether a reader was in a room when something happened there.
pub(crate) fn is_there_at(
    connection: &Connection,
    reader: Option<UserId>,
    room: RoomId,
    position: Position,
) -> rusqlite::Result<bool> {
    let stay = stays::last_stay(connection, reader, room, position)?;
    Ok(stay.is_some_and(|(_, to)| position <= to))
}

impl Stored {
    pub(crate) fn of_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
        sum::check(row, "messages")?;
        let files: Option<String> = row.get(12)?;
        let edited_at: Option<i64> = row.get(14)?;
        let edited = row.get::<_, Option<Position>>(13)?.zip(edited_at);
        Ok(Stored {
            id: row.get(0)?,
            room: row.get(1)?,
            number: row.get(2)?,
            at: Timestamp::from_ms(row.get(3)?),
            by: Person { id: row.get(4)?, name: row.get(5)? },
            sender_time: row.get(6)?,
            request_id: row.get(7)?,
            shows_request: row.get(8)?,
            reply_to: row.get(9)?,
            text: row.get(10)?,
            entities: entities(row, 11)?,
            files: ids(files.as_deref())?,
            edited: edited.map(|(position, at)| (position, Timestamp::from_ms(at))),
            deleted: row.get(15)?,
            pinned: row.get(16)?,
            reactions: row.get(17)?,
        })
    }

    /// Writes the row of a new message.
    pub(crate) fn insert(&self, tx: &impl Statements) -> rusqlite::Result<()> {
        self.put(tx, put_message!("INSERT"))
    }

    /// Writes the row, in the place of the one before. For a new message that would cost more.
    pub(crate) fn write(&self, tx: &impl Statements) -> rusqlite::Result<()> {
        self.put(tx, put_message!("INSERT OR REPLACE"))
    }

    fn put(&self, tx: &impl Statements, sql: &'static str) -> rusqlite::Result<()> {
        let Stored { id, room, number, by, sender_time, request_id, reply_to, text, .. } = self;
        let (at, entities, files) =
            (self.at.as_ms(), entities_column(&self.entities), joined(&self.files));
        let edited = self.edited.map(|(position, _)| position);
        let edited_at = self.edited.map(|(_, at)| at.as_ms());
        let (shows_request, deleted) = (self.shows_request, self.deleted);
        let (pinned, reactions) = (self.pinned, self.reactions);
        let sum = sum::of_values(&[
            id,
            room,
            number,
            &at,
            &by.id,
            &by.name,
            sender_time,
            request_id,
            &shows_request,
            reply_to,
            text,
            &entities,
            &files,
            &edited,
            &edited_at,
            &deleted,
            &pinned,
            &reactions,
        ])?;
        let columns = params![
            id,
            room,
            number,
            at,
            by.id,
            by.name,
            sender_time,
            request_id,
            shows_request,
            reply_to,
            text,
            entities,
            files,
            edited,
            edited_at,
            deleted,
            pinned,
            reactions,
            sum
        ];
        tx.with(sql, |put| put.execute(columns).map(|_| ()))
    }

    /// Tells whether its payload is gone.
    pub(crate) fn is_erased(&self) -> bool {
        self.text.is_none()
    }

    /// Returns the message as it was at a position: with its text of then, and without what
    /// others have done to it.
    pub(crate) fn at(mut self, connection: &Connection, at: Position) -> rusqlite::Result<Stored> {
        if at == NOW {
            return Ok(self);
        }
        (self.pinned, self.reactions) = (None, 0);
        if self.edited.is_none_or(|(edited, _)| edited <= at) {
            return Ok(self);
        }
        let begun: Option<Position> = connection
            .prepare_cached("SELECT max(ended) FROM versions WHERE message = ?1 AND ended <= ?2")?
            .query_one(params![self.id, at], |row| row.get(0))?;
        connection
            .prepare_cached(
                "SELECT ended, message, at_ms, request_id, text, entities, sum FROM versions
                 WHERE message = ?1 AND ended > ?2 ORDER BY ended LIMIT 1",
            )?
            .query_one(params![self.id, at], |row| {
                sum::check(row, "versions")?;
                let said = Timestamp::from_ms(row.get(2)?);
                self.edited = begun.map(|begun| (begun, said));
                self.text = row.get(4)?;
                self.entities = entities(row, 5)?;
                Ok(())
            })?;
        Ok(self)
    }

    /// Returns the message, without its quote.
    pub(crate) fn message(
        &self,
        connection: &Connection,
        room: &Slug,
    ) -> rusqlite::Result<Message> {
        let message = Message {
            id: self.id,
            room: room.clone(),
            number: self.number,
            at: self.at,
            by: self.by.clone(),
            text: self.text.clone(),
            entities: self.entities.clone(),
            reply_to: None,
            files: Vec::new(),
            sender_time: self.sender_time.clone(),
            edited_at: self.edited.map(|(_, at)| at),
            deleted: false,
            reactions: Vec::new(),
            pinned: self.pinned.is_some(),
            request_id: self.request_id.clone().filter(|_| self.shows_request),
        };
        if self.is_erased() {
            return Ok(message.without_payload());
        }
        let files = self.files.iter().map(|file| files::file(connection, *file));
        let files = files.collect::<rusqlite::Result<_>>()?;
        let reactions = match self.reactions {
            0 => Vec::new(),
            _ => reactions(connection, self.id)?,
        };
        Ok(Message { files, reactions, ..message })
    }
}

/// Returns an event whose message quotes another, or was edited, with the quote made, and
/// with the word whether it is for everybody in its room; an answer by emoji and a pin with the
/// number of its message.
pub(crate) fn complete(connection: &Connection, news: News) -> rusqlite::Result<News> {
    if let Some(touched) = news.touched() {
        let message = stored(connection, touched)?;
        return Ok(News { about: message.map(|message| message.number), ..news });
    }
    let quoted = news.shown().and_then(|message| message.reply_to.as_ref()).map(|quote| quote.id);
    if quoted.is_none() && !matches!(news.event.kind, EventKind::MessageEdited { .. }) {
        return Ok(news);
    }
    let room = news.room_id().map(|room| room_of(connection, room)).transpose()?;
    let is_closed = room.is_some_and(|room| room.kind == RoomKind::Closed);
    let news = match quoted {
        None => news,
        Some(quoted) => {
            let quote = quote(connection, quoted, news.position())?;
            news.with_shown(|message| message.reply_to = Some(quote))
        }
    };
    Ok(News { is_narrow: is_closed, ..news })
}

fn room_of(connection: &Connection, id: RoomId) -> rusqlite::Result<Room> {
    let room = room(connection, id)?;
    room.ok_or_else(|| sum::damaged(format!("room {id} has an event and is not there")))
}

/// Returns the column of a formatting: NULL if there is none.
pub(crate) fn entities_column(entities: &Entities) -> Option<String> {
    let json = || serde_json::to_string(entities).expect("entities have no failing parts");
    (!entities.is_empty()).then(json)
}

/// Reads what [`entities_column`] made.
pub(crate) fn entities(row: &Row<'_>, column: usize) -> rusqlite::Result<Entities> {
    let Some(json) = row.get::<_, Option<String>>(column)? else {
        return Ok(Entities::default());
    };
    serde_json::from_str(&json)
        .map_err(|error| sum::damaged(format!("entities do not decode: {error}")))
}

fn joined(files: &[FileId]) -> Option<String> {
    let files: Vec<String> = files.iter().map(FileId::to_string).collect();
    (!files.is_empty()).then(|| files.join(","))
}

fn ids(files: Option<&str>) -> rusqlite::Result<Vec<FileId>> {
    let id = |id: &str| id.parse().map(Position::new).map(FileId::new);
    let files = files.unwrap_or_default().split(',').filter(|id| !id.is_empty()).map(id);
    files.collect::<Result<_, _>>().map_err(|_| sum::damaged("a message has files of no id"))
}
