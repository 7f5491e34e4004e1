//! The desk: the rooms and the speakers of the latest messages, at hand.
//!
//! Most entries are messages, and mostly in rooms and of people that have just been asked for.
//! The desk knows them without the tables, and writes the counts of a room once for many
//! messages. It is what the tables say, but for these counts, until it is cleared; and every
//! entry that is no message clears it first, so that all other rules read the tables.

use std::{
    cell::RefCell,
    collections::{BTreeMap, btree_map::Entry::Occupied},
};

use super::rooms;
use crate::{Command, ErasedKind, Person, RoomId, UserId, queries::Room, statements::Batch};

/// Rooms, and speakers, that are kept at most. Together they take some 500 KiB.
const KEPT_MAX: usize = 1024;

/// The rooms and speakers of the latest messages.
#[derive(Default)]
pub(crate) struct Desk(RefCell<Kept>);

#[derive(Default)]
struct Kept {
    rooms: BTreeMap<RoomId, KeptRoom>,
    /// Members of a room, as they may speak there.
    speakers: BTreeMap<(RoomId, UserId), Person>,
}

struct KeptRoom {
    room: Room,
    /// The tables do not have its counts yet.
    is_ahead: bool,
}

impl Desk {
    /// Makes way for an entry: one that is no message finds all in the tables.
    pub(super) fn make_way(&self, tx: &Batch<'_>, command: &Command) -> rusqlite::Result<()> {
        let is_message = matches!(
            command,
            Command::SendMessage { .. } | Command::Erased { kind: ErasedKind::SendMessage, .. }
        );
        let is_full = {
            let kept = self.0.borrow();
            kept.rooms.len().max(kept.speakers.len()) >= KEPT_MAX
        };
        if !is_message || is_full {
            self.settle(tx)?;
            self.clear();
        }
        Ok(())
    }

    /// Lets the tables have everything.
    pub(crate) fn settle(&self, tx: &Batch<'_>) -> rusqlite::Result<()> {
        for kept in self.0.borrow_mut().rooms.values_mut().filter(|kept| kept.is_ahead) {
            rooms::write_counts(tx, &kept.room)?;
            kept.is_ahead = false;
        }
        Ok(())
    }

    /// Forgets everything, as after the tables went back.
    pub(crate) fn clear(&self) {
        self.0.take();
    }

    /// Returns a speaker and a room, if they are at hand.
    pub(super) fn speaker(&self, user: UserId, room: RoomId) -> Option<(Person, Room)> {
        let kept = self.0.borrow();
        let speaker = kept.speakers.get(&(room, user))?;
        Some((speaker.clone(), kept.rooms.get(&room)?.room.clone()))
    }

    /// Keeps a speaker and a room, as the tables have them. Returns the room as it is: one that
    /// is at hand is further on there.
    pub(super) fn keep(&self, speaker: &Person, room: Room) -> Room {
        let mut kept = self.0.borrow_mut();
        kept.speakers.insert((room.id, speaker.id), speaker.clone());
        let known = kept.rooms.entry(room.id).or_insert(KeptRoom { room, is_ahead: false });
        known.room.clone()
    }

    /// Takes note of a room's counts: at hand, or else in the tables.
    pub(super) fn note_counts(&self, tx: &Batch<'_>, room: &Room) -> rusqlite::Result<()> {
        match self.0.borrow_mut().rooms.entry(room.id) {
            Occupied(mut kept) => {
                let kept = kept.get_mut();
                (kept.room.members, kept.room.last_number) = (room.members, room.last_number);
                kept.is_ahead = true;
                Ok(())
            }
            _ => rooms::write_counts(tx, room),
        }
    }
}
