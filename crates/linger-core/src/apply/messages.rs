//! Rules about messages: members say something.

use super::{Refused, Step, members};
use crate::{EventKind, Message, MessageId, MessageText, News, RoomId, SenderTime};

/// Says something in a room. The author must be a member.
///
/// The message keeps the author's name as it is now: the answer to a repeat is
/// the same for ever.
pub(super) fn send(
    step: &Step<'_>,
    room: RoomId,
    text: &MessageText,
    sender_time: Option<&SenderTime>,
) -> Result<Option<News>, Refused> {
    let by = step.user()?;
    let room = step.room(room)?;
    if !members::is_member(step, room.id, by.id)? {
        return Err(members::outsider(&room));
    }
    let news = step.tell_room(&room, Some(by.clone()), |number| EventKind::MessageSent {
        message: Message {
            id: MessageId::new(step.position),
            room: room.slug.clone(),
            number,
            at: step.at,
            by,
            text: text.clone(),
            sender_time: sender_time.cloned(),
        },
    })?;
    Ok(Some(news))
}
