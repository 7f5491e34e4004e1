//! Tickets: what held requests wait for.

use std::time::Duration;

use linger_core::{Cursor, UserId, visibility::Scope};
use linger_node::{After, Asker, Wait};

use crate::{renderer::RendererRef, response::WholeResponse};

/// Between two pieces of an answer without end: proxies cut one that is silent for 30 s.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// A request that waits for news.
pub struct Hold {
    /// The news that it waits for.
    pub ticket: Ticket,
    /// How long it may wait.
    pub hold: Duration,
    /// The part that goes out at once: the head of an answer without end, with its first piece.
    pub opening: Option<WholeResponse>,
}

/// The news that a held request waits for, and how to render it. Equal tickets get equal
/// answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// The user who reads, if that makes a difference to the answer.
    pub reader: Option<UserId>,
    /// The events that it waits for.
    pub scope: Scope,
    /// The reader's cursor.
    pub after: Cursor,
    /// Most events that are looked at for one answer.
    pub limit: usize,
    /// Makes the answer.
    pub renderer: RendererRef,
}

impl Ticket {
    /// Returns the question to the node, to be answered in this asker's turn.
    pub(crate) fn wait(&self, asker: Asker) -> Wait {
        let Ticket { reader, after, limit, .. } = *self;
        let scope = self.scope.clone();
        Wait { asker, reader, scope, after: After::Cursor(after), limit }
    }

    /// Returns the ticket of a reader who has read up to `cursor`.
    pub(crate) fn at(&self, cursor: Cursor) -> Ticket {
        Ticket { after: cursor, ..self.clone() }
    }
}
