//! Rules about rooms: they are opened, and their openers change them.

use rusqlite::params;

use super::{Refused, Step, exists, members};
use crate::{
    EventKind, News, Rejection, RoomId, RoomKind, RoomName, RoomThen, Slug, Topic, queries,
    queries::Room, statements::Batch, sum,
};

/// Opens a room. A user who opens one is its first member; the server is no member.
pub(super) fn open(
    step: &Step<'_, '_>,
    slug: &Slug,
    name: &RoomName,
    topic: &Topic,
    kind: RoomKind,
) -> Result<Option<News>, Refused> {
    let opener = step.draft.author.user().map(|_| step.user()).transpose()?;
    if exists(step.tx, "SELECT 1 FROM rooms WHERE slug = ?1", [slug])? {
        return Err(Rejection::SlugTaken.into());
    }
    let mut room = Room {
        id: RoomId::new(step.position),
        slug: slug.clone(),
        name: name.clone(),
        topic: topic.clone(),
        kind,
        members: 0,
        last_number: 0,
    };
    step.tx
        .prepare_cached(
            "INSERT INTO rooms (id, slug, name, topic, kind, members, last_number, sum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![room.id, slug, name, topic, kind, 0, 0, sum(&room)?])?;
    if let Some(opener) = &opener {
        members::begin_stay(step, &mut room, opener.id)?;
    }
    step.tell_room(room, opener, |room| EventKind::RoomOpened { opened: then(room) }).map(Some)
}

/// Gives a room of the author's another name or another topic; the same ones change nothing.
pub(super) fn change(
    step: &Step<'_, '_>,
    room: RoomId,
    name: Option<&RoomName>,
    topic: Option<&Topic>,
) -> Result<Option<News>, Refused> {
    let by = step.user()?;
    let room = step.room(room)?;
    if room.kind == RoomKind::Closed && !members::is_member(step, room.id, by.id)? {
        return Err(Rejection::RoomNotFound.into());
    }
    let opened = queries::event_at(step.tx, room.id.position())?.expect("a room was opened");
    if opened.event.by.map(|by| by.id) != Some(by.id) {
        return Err(Rejection::NotTheOpener.into());
    }
    let changed = Room {
        name: name.unwrap_or(&room.name).clone(),
        topic: topic.unwrap_or(&room.topic).clone(),
        ..room.clone()
    };
    if changed == room {
        return Ok(None);
    }
    // The checksum comes with the counts, which the event changes.
    step.tx
        .prepare_cached("UPDATE rooms SET name = ?2, topic = ?3 WHERE id = ?1")?
        .execute(params![changed.id, changed.name, changed.topic])?;
    step.tell_room(changed, Some(by), |room| EventKind::RoomChanged { changed: then(room) })
        .map(Some)
}

/// Returns the room as readers see it in an event.
pub(super) fn then(room: &Room) -> RoomThen {
    RoomThen {
        id: room.id,
        name: room.name.clone(),
        topic: room.topic.clone(),
        kind: room.kind,
        members: room.members,
    }
}

/// Writes down how many members a room has, and the number of its latest event.
pub(super) fn write_counts(tx: &Batch<'_>, room: &Room) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE rooms SET members = ?2, last_number = ?3, sum = ?4 WHERE id = ?1")?
        .execute(params![room.id, room.members, room.last_number, sum(room)?])?;
    Ok(())
}

fn sum(room: &Room) -> rusqlite::Result<u32> {
    let Room { id, slug, name, topic, kind, members, last_number } = room;
    sum::of_values(&[id, slug, name, topic, kind, members, last_number])
}
