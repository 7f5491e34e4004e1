//! Rules about messages: members send them.

use super::{Refused, Step, members};
use crate::{
    ErasedKind, EventKind, Message, MessageId, MessageText, News, RoomId, SenderTime, Vocabulary,
};

/// Sends a message to a room. The author must be a member.
///
/// The message keeps the author's name as it is now: the answer to a repeat is
/// the same for ever.
pub(super) fn send(
    step: &Step<'_>,
    room: RoomId,
    text: &MessageText,
    sender_time: Option<&SenderTime>,
) -> Result<Option<News>, Refused> {
    leave_message(step, room, Some(text), sender_time)
}

/// Does the same as a send whose payload is erased: the same message, without a text.
pub(super) fn send_erased(
    step: &Step<'_>,
    kind: ErasedKind,
    room: RoomId,
) -> Result<Option<News>, Refused> {
    match kind {
        ErasedKind::SendMessage => leave_message(step, room, None, None),
    }
}

fn leave_message(
    step: &Step<'_>,
    room: RoomId,
    text: Option<&MessageText>,
    sender_time: Option<&SenderTime>,
) -> Result<Option<News>, Refused> {
    let by = step.user()?;
    let room = step.room(room)?;
    if !members::is_member(step, room.id, by.id)? {
        return Err(members::outsider(&room));
    }
    // The first vocabulary cannot tell a name that the author chose from one made up.
    let chosen = step.draft.request.as_ref().filter(|_| step.draft.rules() > Vocabulary::FIRST);
    let news = step.tell_room(room, Some(by.clone()), |room| EventKind::MessageSent {
        message: Message {
            id: MessageId::new(step.position),
            room: room.slug.clone(),
            number: room.last_number,
            at: step.at,
            by,
            text: text.cloned(),
            sender_time: sender_time.cloned(),
            deleted: text.is_none(),
            request_id: chosen.map(|request| request.id.clone()),
        },
    })?;
    Ok(Some(news))
}
