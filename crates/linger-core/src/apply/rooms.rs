//! Rules about rooms: they are opened.

use rusqlite::params;

use super::{Refused, RoomFacts, Step, members};
use crate::{EventKind, News, Rejection, RoomId, RoomKind, RoomName, RoomThen, Slug, Topic};

/// Opens a room. A user who opens one is its first member; the server is none.
pub(super) fn open(
    step: &Step<'_>,
    slug: &Slug,
    name: &RoomName,
    topic: &Topic,
    kind: RoomKind,
) -> Result<Option<News>, Refused> {
    let opener = step.author.user().map(|_| step.user()).transpose()?;
    let is_taken = step.tx.prepare_cached("SELECT 1 FROM rooms WHERE slug = ?1")?.exists([slug])?;
    if is_taken {
        return Err(Rejection::SlugTaken.into());
    }
    let id = RoomId::new(step.position);
    step.tx
        .prepare_cached(
            "INSERT INTO rooms (id, slug, name, topic, kind, members, last_number) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)",
        )?
        .execute(params![id, slug, name, topic, kind])?;
    if let Some(opener) = &opener {
        members::begin_stay(step, id, opener.id)?;
    }
    let room = RoomFacts { id, slug: slug.clone(), kind };
    let (name, topic) = (name.clone(), topic.clone());
    let members = opener.iter().len() as u64;
    let opened = RoomThen { id, name, topic, kind, members };
    step.tell_room(&room, opener, |_| EventKind::RoomOpened { opened }).map(Some)
}
