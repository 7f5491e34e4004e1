//! Requests that are held: what they wait for, and what they are told.
//!
//! An edge makes [`Asked`] of a request, and says what becomes of the news that
//! is found for it. Two drivers hold it meanwhile, and ask the same tickets: tasks
//! on hyper ([`task`]), for whatever comes by the router, and linger-park
//! ([`parked`]), for plain HTTP/1.1.

mod answers;
mod bytes;
mod errand;
mod news;
mod parked;
mod sending;
pub(crate) mod task;
mod waiting_room;

use std::{sync::Arc, time::Duration};

use axum::{body::Bytes, http::Response};
use linger_core::{Cursor, UserId, visibility::Scope};
use linger_node::{After, Page, Wait};

pub(crate) use errand::Errand;
pub(crate) use parked::{HandedOver, Held};
pub(crate) use waiting_room::WaitingRoom;

use crate::{
    App,
    edges::{names, native, stream, updates},
};

/// A whole answer. Its body is there, so it needs no task to be sent.
pub(crate) type Whole = Response<Bytes>;

/// A request that may be held.
pub(crate) struct Asked {
    /// What it waits for.
    pub(crate) ticket: Ticket,
    /// How long it is ready to wait.
    pub(crate) hold: Duration,
    /// What goes out at once: the head of a stream, with the first piece of it.
    pub(crate) opening: Option<Whole>,
}

/// What a held request waits for, and in which words it is told. Equal tickets are
/// told the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ticket {
    /// Who reads, where that makes a difference to what is told.
    pub(crate) reader: Option<UserId>,
    /// Which events.
    pub(crate) scope: Scope,
    /// Where the reader is.
    pub(crate) after: Cursor,
    /// Most events that are looked at for one answer.
    pub(crate) limit: usize,
    /// In which words it is told.
    pub(crate) form: Form,
}

/// The words of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    /// A page of events, which confirms `Prefer: wait=N` with N.
    Page { preferred: Option<u8> },
    /// Server-sent events, without end.
    Stream,
    /// The messages of a page, as the first article's client eats them.
    Update,
    /// The first message of a page, for one visitor of the second article's.
    Names(Arc<names::Asking>),
}

/// What becomes of a page.
pub(crate) enum Told {
    /// The answer.
    Whole(Whole),
    /// The next piece of the answer. It goes on with this ticket.
    Piece(String, Ticket),
    /// There was nothing in it for this reader. They wait on with this ticket.
    Nothing(Ticket),
}

impl Ticket {
    /// Returns what a reader with this ticket is told of `page`, which was found for
    /// it. When the wait `is_over`, that is something, be it that there is nothing;
    /// only somebody whom another request overtook waits on.
    pub(crate) fn tell(&self, app: &App, page: &Page, is_over: bool) -> Told {
        let is_empty = page.news.is_empty() && page.reset.is_none();
        match &self.form {
            Form::Page { .. } | Form::Stream if is_empty && !is_over => {
                Told::Nothing(self.at(page.cursor))
            }
            Form::Page { preferred } => Told::Whole(native::tell(app, page, *preferred)),
            Form::Stream => Told::Piece(stream::tell(page), self.at(page.cursor)),
            Form::Update => updates::tell(page, is_over)
                .map_or_else(|| Told::Nothing(self.at(page.cursor)), Told::Whole),
            Form::Names(asking) => {
                match names::tell(app, asking, self.after.position, page, is_over) {
                    Ok(told) => Told::Whole(told),
                    Err(upto) => Told::Nothing(self.at(Cursor { position: upto, ..page.cursor })),
                }
            }
        }
    }

    /// Returns the question to the node.
    fn wait(&self) -> Wait {
        let Ticket { reader, scope, after, limit, form: _ } = *self;
        Wait { reader, scope, after: After::Cursor(after), limit }
    }

    /// Returns the ticket of who has read up to `cursor`.
    fn at(&self, cursor: Cursor) -> Ticket {
        Ticket { after: cursor, form: self.form.clone(), ..*self }
    }
}
