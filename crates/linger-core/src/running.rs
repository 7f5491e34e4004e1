//! The running hash: one number over all entries so far and what they did, by which nodes
//! of a cluster find out whether they have made the same of one log.
//!
//! It covers what erasing an entry leaves as it is: who asked, where, when, under which id
//! and by which rules, and the outcome with the audience of its event; no text, salt or
//! digest. So a node that replays an erased log has the same hash as one that saw the texts.
//! Each step can be undone (FNV-1a: xor, and an odd factor): two nodes that differ once, and
//! agree about all that comes later, differ for ever.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Audience, Entry, Outcome, Position, Rejection, Vocabulary, sum};

/// The hash is kept as it was at each position that this divides: where two nodes meet.
/// Seldom enough to cost nothing, and a busy node passes one each second.
pub const MILESTONE: u64 = 256;

/// The running hash, and the highest rules that an entry went by, at one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Over all entries up to there, and what they did.
    pub hash: u64,
    /// The highest of all entries up to there. An erased entry keeps its rules.
    pub rules: Vocabulary,
}

impl Running {
    /// The one of a log without entries.
    pub(crate) const START: Running =
        Running { hash: 0xcbf2_9ce4_8422_2325, rules: Vocabulary::FIRST };

    /// Goes on with an entry, and what it did.
    #[must_use]
    pub(crate) fn with(self, entry: &Entry, outcome: &Outcome) -> Running {
        let draft = &entry.draft;
        let mut hash = Hash(self.hash);
        hash.number(entry.position.get());
        hash.number(draft.rules().get().into());
        hash.number(draft.at.as_ms().cast_unsigned());
        hash.number(draft.author.to_number());
        hash.number(draft.nonce.map_or(u64::MAX, |nonce| nonce.get()));
        hash.text(draft.request.as_ref().map_or("", |request| request.id.as_str()));
        match outcome {
            Outcome::Accepted(None) => hash.text("accepted"),
            Outcome::Accepted(Some(news)) => {
                hash.text(news.event.kind.name());
                hash.number(news.event.number.unwrap_or_default());
                hash.audience(&news.audience);
            }
            // Once a request is erased, nobody can tell whether a later one under its name
            // asked for the same. Neither had an effect.
            Outcome::Repeated { .. } | Outcome::Rejected(Rejection::RequestIdReused) => {
                hash.text("known");
            }
            Outcome::Rejected(rejection) => hash.text(rejection.code()),
        }
        Running { hash: hash.0, rules: self.rules.max(draft.rules()) }
    }
}

/// Writes the hash as of now, in the transaction of the entries that it covers.
pub(crate) fn set(tx: &Connection, running: Running) -> rusqlite::Result<()> {
    write(tx, Position::START, running)
}

/// Keeps the hash as it is at this position, if nodes meet there.
pub(crate) fn pass(tx: &Connection, position: Position, running: Running) -> rusqlite::Result<()> {
    match position.get().is_multiple_of(MILESTONE) {
        true => write(tx, position, running),
        false => Ok(()),
    }
}

/// Returns the running hash of all that is applied.
pub fn now(connection: &Connection) -> rusqlite::Result<Running> {
    let now = at(connection, Position::START)?;
    now.ok_or_else(|| sum::damaged("the running hash is missing"))
}

/// Returns the running hash as it was at a milestone, if that was passed.
pub fn at(connection: &Connection, milestone: Position) -> rusqlite::Result<Option<Running>> {
    connection
        .prepare_cached("SELECT position, hash, rules, sum FROM running WHERE position = ?1")?
        .query_one([milestone], |row| {
            sum::check(row, "running")?;
            let rules = Vocabulary::known(row.get(2)?);
            let rules = rules.ok_or_else(|| sum::damaged("a row has unknown rules"))?;
            Ok(Running { hash: row.get::<_, i64>(1)?.cast_unsigned(), rules })
        })
        .optional()
}

fn write(tx: &Connection, position: Position, running: Running) -> rusqlite::Result<()> {
    let (hash, rules) = (running.hash.cast_signed(), running.rules.get());
    let sum = sum::of_values(&[&position, &hash, &rules])?;
    tx.prepare_cached(
        "INSERT INTO running (position, hash, rules, sum) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET hash = excluded.hash, rules = excluded.rules, sum = excluded.sum",
    )?
    .execute(params![position, hash, rules, sum])?;
    Ok(())
}

struct Hash(u64);

impl Hash {
    fn byte(&mut self, byte: u8) {
        const PRIME: u64 = 0x0100_0000_01b3;
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
    }

    fn number(&mut self, number: u64) {
        number.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }

    // The length comes first, so that letters cannot move from one text to the next unnoticed.
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        text.bytes().for_each(|byte| self.byte(byte));
    }

    fn audience(&mut self, audience: &Audience) {
        match audience {
            Audience::Room(room) => {
                self.text("room");
                self.number(room.get());
            }
            Audience::Person(person) => {
                self.text("person");
                self.number(person.get());
            }
            Audience::RoomMates { of, rooms } => {
                self.text("room_mates");
                self.number(of.get());
                self.number(rooms.len() as u64);
                rooms.iter().for_each(|room| self.number(room.get()));
            }
        }
    }
}
