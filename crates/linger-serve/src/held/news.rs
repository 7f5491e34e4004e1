//! News for tickets in the park: what a look finds, and what is told at the deadline.

use std::{sync::Arc, time::Duration};

use linger_node::{Awaited, Page};
use linger_park::{Answer, Look, Parking, Then};

use super::{
    bytes::{self, Encoded},
    parked::Waiting,
    recent::{RecentAnswers, SHARED_MAX},
    waiting_room::topic,
};
use crate::{
    app::App,
    renderer::{Rendered, RendererRef},
    response::WholeResponse,
    ticket::{HEARTBEAT_EVERY, Hold, Ticket},
};

/// Tells the park's readers their news.
pub(super) struct News {
    app: Arc<App>,
    recent: RecentAnswers,
}

/// Why there is no answer.
enum NoAnswer {
    /// There is no news yet. The ticket is moved on.
    Yet(Ticket),
    /// Memory does not reach back so far.
    InMemory,
}

impl News {
    pub(super) fn new(app: Arc<App>) -> News {
        News { app, recent: RecentAnswers::new() }
    }

    /// Returns what becomes of a request. None where hyper's side answers: a reset, what
    /// only the tables know, or a long page, which nobody on this thread is to wait for.
    pub(super) fn begin(&self, hold: Hold) -> Option<(Option<Answer<Waiting>>, Parking<Waiting>)> {
        let Hold { ticket, hold, opening } = hold;
        if !self.app.node.can_glance(&ticket.wait()) {
            return None;
        }
        // A stream stays where it begins, so it begins here.
        if opening.is_none() && self.app.node.would_find_more_than(SHARED_MAX, &ticket.wait()) {
            return None;
        }
        let opening = opening.map(|opening| Answer {
            bytes: bytes::opening(self.allow(&ticket, opening)),
            items: 0,
            then: self.go_on(ticket.clone()),
        });
        Some((opening, self.parking(ticket, hold)))
    }

    /// Looks whether there is an answer by now.
    pub(super) fn look(&self, ticket: &Ticket) -> Look<Waiting> {
        match self.find(ticket) {
            Ok(answer) => Look { ticket: Waiting::News(ticket.clone()), answer: Some(answer) },
            Err(NoAnswer::Yet(ticket)) => Look { ticket: Waiting::News(ticket), answer: None },
            // So much happened at once that memory forgot some of it. They come
            // back with the cursor that they had, and the tables know.
            Err(NoAnswer::InMemory) => {
                let answer = end_stream(self.nothing(ticket));
                Look { ticket: Waiting::News(ticket.clone()), answer: Some(answer) }
            }
        }
    }

    /// Returns the answer to a reader who waited in vain.
    pub(super) fn expire(&self, ticket: &Ticket) -> Answer<Waiting> {
        let answer = self.nothing(ticket);
        match self.app.node.is_closing() {
            true => end_stream(answer),
            false => answer,
        }
    }

    fn find(&self, ticket: &Ticket) -> Result<Answer<Waiting>, NoAnswer> {
        let mut ticket = ticket.clone();
        loop {
            let page = self.app.node.glance(&ticket.wait()).ok_or(NoAnswer::InMemory)?;
            let is_all = page.news.is_empty();
            match self.answer(&ticket, &page, false) {
                Ok(answer) => return Ok(answer),
                Err(next) if is_all => return Err(NoAnswer::Yet(next)),
                // Nothing for this reader among these; there may be more.
                Err(next) => ticket = next,
            }
        }
    }

    fn nothing(&self, ticket: &Ticket) -> Answer<Waiting> {
        let mut ticket = ticket.clone();
        loop {
            let nothing = || Page { reset: None, news: Vec::new(), cursor: ticket.after };
            let page = self.app.node.glance(&ticket.wait()).unwrap_or_else(nothing);
            match self.answer(&ticket, &page, true) {
                Ok(answer) => return answer,
                // Another request of theirs was faster: from where that came to.
                Err(next) => ticket = next,
            }
        }
    }

    /// Returns what a reader is told of `page`, or the ticket with which they wait on.
    fn answer(
        &self,
        ticket: &Ticket,
        page: &Page,
        is_over: bool,
    ) -> Result<Answer<Waiting>, Ticket> {
        let items = u32::try_from(page.news.len()).expect("pages are short");
        let encoded = match self.recent.find(&ticket.renderer, page) {
            Some(encoded) => encoded,
            None => self.render(ticket, page, is_over)?,
        };
        let then = match encoded.is_piece {
            true => self.go_on(ticket.at(page.cursor)),
            false => Then::NextRequest,
        };
        Ok(Answer { bytes: encoded.bytes, items, then })
    }

    fn render(&self, ticket: &Ticket, page: &Page, is_over: bool) -> Result<Encoded, Ticket> {
        let encoded = match ticket.renderer.render(ticket.after, page, is_over) {
            Rendered::Answer(whole) => {
                Encoded { bytes: bytes::whole(self.allow(ticket, whole)), is_piece: false }
            }
            Rendered::Piece(piece) => Encoded { bytes: bytes::chunk(&piece), is_piece: true },
            Rendered::Nothing(cursor) => return Err(ticket.at(cursor)),
        };
        if let RendererRef::Shared(_) = ticket.renderer {
            self.recent.keep(&ticket.renderer, page, &encoded);
        }
        Ok(encoded)
    }

    /// Lets the pages of other origins read an answer, if they may.
    fn allow(&self, ticket: &Ticket, mut whole: WholeResponse) -> WholeResponse {
        if ticket.renderer.is_for_named_origins() {
            self.app.settings.origins.allow(whole.headers_mut());
        }
        whole
    }

    fn go_on(&self, ticket: Ticket) -> Then<Waiting> {
        Then::Park(self.parking(ticket, HEARTBEAT_EVERY))
    }

    fn parking(&self, ticket: Ticket, hold: Duration) -> Parking<Waiting> {
        let topic = topic(Awaited::of(ticket.scope));
        let deadline = self.app.node.deadline(hold).into_std();
        Parking { ticket: Waiting::News(ticket), topic, deadline }
    }
}

/// Makes the next piece of a stream its last; other answers stay as they are.
fn end_stream(mut answer: Answer<Waiting>) -> Answer<Waiting> {
    if let Then::Park(_) = answer.then {
        answer.bytes = [&*answer.bytes, bytes::LAST_CHUNK].concat().into();
        answer.then = Then::Close;
    }
    answer
}
