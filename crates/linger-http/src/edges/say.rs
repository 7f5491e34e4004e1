//! Saying something, as every edge does it: who speaks in an open room joins it.

use linger_core::{
    Author, Command, MessageText, Rejection, RequestId, RoomKind, SenderTime, UserId,
};
use linger_node::{Node, Receipt, Refusal, RoomRef};

/// Sends a message. A stranger to an open room is made a member first.
///
/// A rejected send keeps its request id free, so it can be sent again after the
/// join: two entries, each with one event.
pub(crate) async fn say(
    node: &Node,
    user: UserId,
    request_id: RequestId,
    room: &RoomRef,
    text: MessageText,
    sender_time: Option<SenderTime>,
) -> Result<Receipt, Refusal> {
    let author = Author::User(user);
    let command = Command::SendMessage { room: room.id, text, sender_time };
    match node.submit(author, request_id.clone(), command.clone()).await {
        Err(Refusal::Rejected(Rejection::NotAMember)) if room.kind == RoomKind::Open => {
            let join = Command::JoinRoom { room: room.id };
            node.submit(author, node.fresh_request_id(), join).await?;
            node.submit(author, request_id, command).await
        }
        answer => answer,
    }
}
