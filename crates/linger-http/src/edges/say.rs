//! Saying something, as every edge does it: who speaks in an open room joins it.

use linger_core::{Author, Command, MessageText, Rejection, Request, RoomKind, SenderTime, UserId};
use linger_node::{Node, Receipt, Refusal, RoomRef};

/// Sends a message. A stranger to an open room is made a member first.
///
/// A rejected send keeps its request id free, so it can be sent again after the
/// join: two entries, each with one event.
pub(crate) async fn say(
    node: &Node,
    user: UserId,
    request: Option<Request>,
    room: &RoomRef,
    text: MessageText,
    sender_time: Option<SenderTime>,
) -> Result<Receipt, Refusal> {
    let author = Author::User(user);
    let command = Command::SendMessage { room: room.id, text, sender_time };
    match node.submit(author, request.clone(), command.clone()).await {
        Err(Refusal::Rejected(Rejection::NotAMember)) if room.kind == RoomKind::Open => {
            let join = Command::JoinRoom { room: room.id };
            node.submit(author, None, join).await?;
            node.submit(author, request, command).await
        }
        answer => answer,
    }
}
