//! Rules about messages: members send them, and their authors change them and take them
//! back.
//!
//! A message that is taken back is blanked wherever the tables have it: in its row, its
//! versions and its events; and what could confirm a guess of its text is gone from its
//! requests. Entries in the log whose payload is to be erased are noted in `erasures`.

use super::{Refused, Step, erasures, files, members, requests, versions};
use crate::{
    Entities, EventKind, FileId, Message, MessageId, MessageText, News, Position, Quote, Rejection,
    RoomId, RoomKind, SenderTime, Vocabulary,
    queries::{
        self, Room,
        messages::{self, Stored, is_there_at},
    },
};

/// The payload of a message that is sent; none of it once it is erased.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a> {
    pub(super) text: &'a MessageText,
    pub(super) entities: &'a Entities,
    pub(super) sender_time: Option<&'a SenderTime>,
}

/// Sends a message to a room. The author must be a member. Without a payload it does the
/// same as a send whose payload is erased.
///
/// The message keeps the author's name as it is now: the answer to a repeat is
/// the same for ever.
pub(super) fn send(
    step: &Step<'_, '_>,
    room: RoomId,
    payload: Option<Payload<'_>>,
    reply_to: Option<MessageId>,
    files: &[FileId],
) -> Result<Option<News>, Refused> {
    let by = step.user()?;
    let room = step.room(room)?;
    if !members::is_member(step, room.id, by.id)? {
        return Err(members::outsider(&room));
    }
    let quote = reply_to.map(|id| quote(step, &room, id)).transpose()?;
    let shown = files::must_be_own(step, files)?;
    // The first vocabulary cannot tell a name that the author chose from one made up.
    let shows_request = step.draft.rules() > Vocabulary::FIRST;
    let request_id = step.draft.request.as_ref().map(|request| request.id.clone());
    let id = MessageId::new(step.position);
    files::attach(step, id, files)?;
    let news = step.tell_room(room, Some(by.clone()), |room| {
        let message = Message {
            id,
            room: room.slug.clone(),
            number: room.last_number,
            at: step.at,
            by: by.clone(),
            text: payload.map(|payload| payload.text.clone()),
            entities: payload.map(|it| it.entities.clone()).unwrap_or_default(),
            reply_to: quote,
            files: shown,
            sender_time: payload.and_then(|payload| payload.sender_time.cloned()),
            edited_at: None,
            deleted: false,
            reactions: Vec::new(),
            pinned: false,
            request_id: request_id.clone().filter(|_| shows_request),
        };
        let message = if payload.is_some() { message } else { message.without_payload() };
        EventKind::MessageSent { message }
    })?;
    let message = news.message().expect("it was sent just now");
    let stored = Stored {
        id,
        room: news.room_id().expect("it is in a room"),
        number: message.number,
        at: step.at,
        by,
        sender_time: message.sender_time.clone(),
        request_id,
        shows_request,
        reply_to,
        text: message.text.clone(),
        entities: message.entities.clone(),
        files: files.to_vec(),
        edited: None,
        deleted: false,
        pinned: None,
        reactions: 0,
    };
    stored.insert(step.tx)?;
    Ok(Some(news))
}

/// Gives a message of the author another text; the same text and formatting change
/// nothing. Without a text it does the same as an edit whose text is erased.
pub(super) fn edit(
    step: &Step<'_, '_>,
    id: MessageId,
    given: Option<(&MessageText, &Entities)>,
) -> Result<Option<News>, Refused> {
    let (room, mut message) = own(step, id)?;
    let by = step.user()?;
    if !members::is_member(step, room.id, by.id)? {
        return Err(members::outsider(&room));
    }
    if message.deleted {
        return Err(Rejection::MessageDeleted.into());
    }
    if given.is_some_and(|(text, entities)| {
        message.text.as_ref() == Some(text) && message.entities == *entities
    }) {
        return Ok(None);
    }
    let request_id = step.draft.request.as_ref().map(|request| request.id.clone());
    versions::keep(step.tx, &message, step.position, request_id.as_ref())?;
    message.text = given.map(|(text, _)| text.clone());
    message.entities = given.map(|(_, entities)| entities.clone()).unwrap_or_default();
    message.edited = Some((step.position, step.at));
    message.write(step.tx)?;
    let mut shown = message.message(step.tx, &room.slug)?;
    if let Some(quoted) = message.reply_to.filter(|_| !message.is_erased()) {
        shown.reply_to = Some(messages::quote(step.tx, quoted, step.position)?);
    }
    step.tell_room(room, Some(by), |_| EventKind::MessageEdited { message: shown }).map(Some)
}

/// Takes a message of the author back, whether they are still a member or not. Once more
/// changes nothing.
pub(super) fn delete(step: &Step<'_, '_>, id: MessageId) -> Result<Option<News>, Refused> {
    let (room, mut message) = own(step, id)?;
    if message.deleted {
        return Ok(None);
    }
    let by = step.user()?;
    erasures::note(step, id.position())?;
    requests::forget_digest(step.tx, by.id, message.request_id.as_ref())?;
    blank_event(step, id.position())?;
    for (edit, request_id) in versions::blank(step.tx, id)? {
        erasures::note(step, edit)?;
        requests::forget_digest(step.tx, by.id, request_id.as_ref())?;
        blank_event(step, edit)?;
    }
    files::detach(step, id, &message.files)?;
    step.tx.prepare_cached("DELETE FROM reactions WHERE message = ?1")?.execute([id])?;
    (message.text, message.entities, message.sender_time) = (None, Entities::default(), None);
    (message.reply_to, message.files, message.edited) = (None, Vec::new(), None);
    (message.pinned, message.reactions, message.deleted) = (None, 0, true);
    message.write(step.tx)?;
    let left = message.message(step.tx, &room.slug)?;
    step.tell_room(room, Some(by), |_| EventKind::MessageDeleted { message: left }).map(Some)
}

/// Returns a message that the author may read, with its room.
pub(super) fn readable(step: &Step<'_, '_>, id: MessageId) -> Result<(Room, Stored), Refused> {
    let message = messages::stored(step.tx, id)?.ok_or(Rejection::MessageNotFound)?;
    let room = step.room(message.room)?;
    let by = step.draft.author.user();
    let is_seen = room.kind == RoomKind::Open || is_there_at(step.tx, by, room.id, id.position())?;
    if !is_seen {
        return Err(Rejection::MessageNotFound.into());
    }
    Ok((room, message))
}

/// Returns a message of the author, with its room.
fn own(step: &Step<'_, '_>, id: MessageId) -> Result<(Room, Stored), Refused> {
    let by = step.user()?;
    let (room, message) = readable(step, id)?;
    if message.by.id != by.id {
        return Err(Rejection::NotTheAuthor.into());
    }
    Ok((room, message))
}

/// Returns the quote of a message that an answer in this room has.
fn quote(step: &Step<'_, '_>, room: &Room, id: MessageId) -> Result<Quote, Refused> {
    let (other, _) = readable(step, id)?;
    if other.id != room.id {
        return Err(Rejection::MessageNotFound.into());
    }
    Ok(messages::quote(step.tx, id, step.position)?)
}

fn blank_event(step: &Step<'_, '_>, position: Position) -> Result<(), Refused> {
    let news = queries::event_at(step.tx, position)?.expect("a message has its events");
    let blank = news.with_shown(|message| *message = message.without_payload());
    super::blank(step.tx, &blank)?;
    Ok(())
}
