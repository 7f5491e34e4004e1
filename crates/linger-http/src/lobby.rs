//! The lobby, in which the seed protocols speak: its newest messages, and a ticket
//! to wait for more of them.
//!
//! `updates` and `names` both read like this. News comes by a wait, and a message is
//! sent by a [`Saying`], as everywhere.

use linger_core::{Cursor, Message, MessageText, News, RoomKind, SenderTime, Slug, UserId};
use linger_node::{Asker, Node, RoomRef, Unavailable, questions::Earlier};
use linger_serve::{Failure, RendererRef, Ticket};

use crate::say::Saying;

/// Returns a message as plain text: what it says, and the names of its files, a line each.
pub(crate) fn in_plain_text(message: &Message) -> String {
    let text = message.text.as_ref().map(MessageText::as_str).filter(|text| !text.is_empty());
    let files = message.files.iter().map(|file| format!("[{}]", file.name.as_str()));
    text.map(str::to_owned).into_iter().chain(files).collect::<Vec<_>>().join("\n")
}

/// The lobby, as one reader sees it.
pub(crate) struct Lobby<'a> {
    node: &'a Node,
    room: RoomRef,
    reader: Option<UserId>,
}

impl Lobby<'_> {
    /// Finds the lobby.
    pub(crate) fn of(node: &Node, reader: Option<UserId>) -> Result<Lobby<'_>, Failure> {
        let slug = Slug::parse("lobby").expect("it is a slug");
        Ok(Lobby { node, room: node.room(&slug, reader)?, reader })
    }

    /// Returns the newest `limit` messages, oldest first.
    pub(crate) async fn newest(&self, limit: usize) -> Result<Vec<News>, Unavailable> {
        let newest = Earlier { room: self.room.clone(), reader: self.reader, before: None, limit };
        Ok(self.node.query(Asker::of(self.reader), newest).await?.messages)
    }

    /// Returns the ticket of a reader at `cursor`, for whom up to `limit` events are
    /// looked at.
    pub(crate) fn ticket(&self, cursor: Cursor, limit: usize, renderer: RendererRef) -> Ticket {
        // In an open room all readers see the same, so they share one ticket.
        let reader = self.reader.filter(|_| self.room.kind == RoomKind::Closed);
        Ticket { reader, scope: self.room.scope(), after: cursor, limit, renderer }
    }

    /// Says something; these protocols bring no request id.
    pub(crate) async fn say(
        &self,
        user: UserId,
        text: MessageText,
        sender_time: Option<SenderTime>,
    ) -> Result<(), Failure> {
        let saying = Saying { sender_time, ..Saying::plain(user, self.room.clone(), text) };
        saying.say(self.node).await?;
        Ok(())
    }
}
