//! What a held request waits for.

use std::time::Duration;

use linger_core::{Cursor, UserId, visibility::Scope};
use linger_node::{After, Asker, Wait};

use crate::{renderer::RendererRef, response::WholeResponse};

/// Between two pieces of an answer without end: proxies cut what is silent for 30 s.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// A request that waits for news.
pub struct Hold {
    /// What it waits for.
    pub ticket: Ticket,
    /// How long it is ready to wait.
    pub hold: Duration,
    /// What goes out at once: the head of an answer without end, with its first piece.
    pub opening: Option<WholeResponse>,
}

/// What a held request waits for, and how it is told. Equal tickets are told the
/// same.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// The user who reads, where that makes a difference to what is told.
    pub reader: Option<UserId>,
    /// Which events.
    pub scope: Scope,
    /// Where the reader is.
    pub after: Cursor,
    /// Most events that are looked at for one answer.
    pub limit: usize,
    /// Makes the answer.
    pub renderer: RendererRef,
}

impl Ticket {
    /// Returns the question to the node, asked in this turn.
    pub(crate) fn wait(&self, asker: Asker) -> Wait {
        let Ticket { reader, scope, after, limit, renderer: _ } = *self;
        Wait { asker, reader, scope, after: After::Cursor(after), limit }
    }

    /// Returns the ticket of a reader who has read up to `cursor`.
    pub(crate) fn at(&self, cursor: Cursor) -> Ticket {
        Ticket { after: cursor, renderer: self.renderer.clone(), ..*self }
    }
}
