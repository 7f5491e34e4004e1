//! The lobby, where the seed protocols speak: its newest messages, and a wait
//! for more of them.
//!
//! `updates` and `names` both read like this. Delivery is [`Node::wait`] and
//! sending is [`say`], as everywhere; this file only leaves out what is no
//! message, because those protocols have no word for it.

use linger_core::{Cursor, MessageText, News, SenderTime, Slug, UserId};
use linger_node::{After, Node, Page, RoomRef, Unavailable, Wait, questions::Earlier};
use tokio::time::Instant;

use super::say::say;
use crate::failure::Failure;

/// The lobby, as one reader sees it.
pub(super) struct Lobby<'a> {
    node: &'a Node,
    room: RoomRef,
    reader: Option<UserId>,
}

impl Lobby<'_> {
    /// Finds the lobby.
    pub(super) fn of(node: &Node, reader: Option<UserId>) -> Result<Lobby<'_>, Failure> {
        let slug = Slug::parse("lobby").expect("it is a slug");
        Ok(Lobby { node, room: node.room(&slug, reader)?, reader })
    }

    /// Returns the newest `limit` messages, oldest first.
    pub(super) async fn newest(&self, limit: usize) -> Result<Vec<News>, Unavailable> {
        let newest = Earlier { room: self.room.clone(), reader: self.reader, before: None, limit };
        Ok(self.node.query(newest).await?.messages)
    }

    /// Waits until `deadline` for messages after `cursor`, and returns a page of
    /// up to `limit` of them; a page without any when there were none.
    pub(super) async fn messages_after(
        &self,
        cursor: Cursor,
        limit: usize,
        deadline: Instant,
    ) -> Result<Page, Unavailable> {
        let mut after = After::Cursor(cursor);
        loop {
            let wait = Wait { reader: self.reader, scope: self.room.scope(), after, limit };
            let mut page = self.node.wait(wait, deadline).await?;
            // Nothing at all: the deadline, a reset, or the server is closing.
            let is_over = page.news.is_empty();
            page.news.retain(|news| news.message().is_some());
            if is_over || !page.news.is_empty() {
                return Ok(page);
            }
            // Somebody came or went: no answer for these readers, so wait on.
            after = After::Cursor(page.cursor);
        }
    }

    /// Says something under a fresh request id; these protocols bring none.
    pub(super) async fn say(
        &self,
        user: UserId,
        text: MessageText,
        sender_time: Option<SenderTime>,
    ) -> Result<(), Failure> {
        let request_id = self.node.fresh_request_id();
        say(self.node, user, request_id, &self.room, text, sender_time).await?;
        Ok(())
    }
}
