//! News for tickets in the park: the answer of a look, and the answer at the deadline.

use std::{sync::Arc, time::Duration};

use linger_node::{Asker, Awaited, Onlooking, Page};
use linger_park::{Answer, Look, Parking, Then};

use super::{
    bytes::{self, Encoded},
    parked::Waiting,
    recent::RecentAnswers,
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

/// A ticket in the park.
#[derive(Clone)]
pub(crate) struct Reading {
    ticket: Ticket,
    /// Shared by those with equal tickets, who look at the same rooms.
    onlooking: Option<Arc<Onlooking>>,
}

impl PartialEq for Reading {
    fn eq(&self, other: &Reading) -> bool {
        self.ticket == other.ticket
    }
}

impl Reading {
    fn at(&self, ticket: Ticket) -> Reading {
        Reading { ticket, onlooking: self.onlooking.clone() }
    }
}

/// No question here reads the tables, so none takes a turn.
const NO_TURN: Asker = Asker::House;

/// The most bytes of events that are rendered on a shard's thread for one reader: a page of
/// 200 usual messages.
const EVENTS_BYTES_MAX: usize = 128 << 10;

impl News {
    pub(super) fn new(app: Arc<App>) -> News {
        News { app, recent: RecentAnswers::new() }
    }

    /// Returns the beginning of a request's answer, if it has one at once, and how it waits.
    /// None: hyper's side must answer.
    pub(super) fn begin(&self, hold: Hold) -> Option<(Option<Answer<Waiting>>, Parking<Waiting>)> {
        let Hold { ticket, hold, opening } = hold;
        // Before the first look: news after it must call this reader.
        let onlooking = self.app.node.non_blocking().onlook(&ticket.scope).ok()?.map(Arc::new);
        let reading = Reading { ticket, onlooking };
        let opening = match opening {
            Some(opening) => {
                // A stream stays where it begins, so it begins here, however much it is owed.
                self.glance(&reading.ticket, &mut 0).filter(is_known)?;
                let bytes = bytes::opening(self.allow(&reading.ticket, opening));
                Some(Answer { bytes, items: 0, then: self.go_on(reading.clone()) })
            }
            None => None,
        };
        Some((opening, self.parking(reading, hold)))
    }

    /// Looks for a request that comes. None: hyper's side must answer, with a reset, from the
    /// tables, or with a long page, which nobody on this thread is to wait for.
    pub(super) fn first_look(&self, reading: &Reading) -> Option<Look<Waiting>> {
        let mut lookups = 0;
        let is_ours = |page: &Page| is_known(page) && bytes_of(page) <= EVENTS_BYTES_MAX;
        let (reading, answer) = self.find(reading, is_ours, &mut lookups)?;
        Some(Look { ticket: Waiting::News(reading), answer, lookups })
    }

    /// Looks whether there is an answer by now.
    pub(super) fn look(&self, reading: &Reading) -> Look<Waiting> {
        let mut lookups = 0;
        let found = self.find(reading, |_| true, &mut lookups);
        let (reading, answer) = found.unwrap_or_else(|| {
            // So much happened at once that memory forgot some of it, or that the look takes
            // long. The client comes back with the same cursor, and a task looks.
            (reading.clone(), Some(end_stream(self.nothing(reading, &mut lookups))))
        });
        Look { ticket: Waiting::News(reading), answer, lookups }
    }

    /// Returns the answer to a reader whose wait ended without news, and the number of
    /// lookups.
    pub(super) fn expire(&self, reading: &Reading) -> (Answer<Waiting>, usize) {
        let mut lookups = 0;
        let answer = self.nothing(reading, &mut lookups);
        match self.app.node.is_closing() {
            true => (end_stream(answer), lookups),
            false => (answer, lookups),
        }
    }

    /// Returns the reader moved on, and the answer, if there is one yet. None: memory does not
    /// reach back so far, the look takes too long here, or a page `is_ours` not.
    fn find(
        &self,
        reading: &Reading,
        is_ours: impl Fn(&Page) -> bool,
        lookups: &mut usize,
    ) -> Option<(Reading, Option<Answer<Waiting>>)> {
        let mut reading = reading.clone();
        loop {
            let page = self.glance(&reading.ticket, lookups).filter(&is_ours)?;
            match self.answer(&reading, &page, false) {
                Ok(answer) => return Some((reading, Some(answer))),
                Err(next) if page.news.is_empty() => return Some((reading.at(next), None)),
                // These were not for this reader; there may be more.
                Err(next) => reading.ticket = next,
            }
        }
    }

    fn glance(&self, ticket: &Ticket, lookups: &mut usize) -> Option<Page> {
        let glance = self.app.node.non_blocking().glance(&ticket.wait(NO_TURN))?;
        *lookups += glance.lookups;
        Some(glance.page)
    }

    fn nothing(&self, reading: &Reading, lookups: &mut usize) -> Answer<Waiting> {
        let mut reading = reading.clone();
        loop {
            let nothing = || Page { reset: None, news: Vec::new(), cursor: reading.ticket.after };
            let page = self.glance(&reading.ticket, lookups).unwrap_or_else(nothing);
            match self.answer(&reading, &page, true) {
                Ok(answer) => return answer,
                // Another request of this reader was faster: go on from its cursor.
                Err(next) => reading.ticket = next,
            }
        }
    }

    /// Returns the answer with `page`, or the ticket with which the reader waits on.
    fn answer(
        &self,
        reading: &Reading,
        page: &Page,
        is_over: bool,
    ) -> Result<Answer<Waiting>, Ticket> {
        let ticket = &reading.ticket;
        let items = u32::try_from(page.news.len()).expect("pages are short");
        let encoded = match self.recent.find(&ticket.renderer, page) {
            Some(encoded) => encoded,
            None => self.render(ticket, page, is_over)?,
        };
        let then = match encoded.is_piece {
            true => self.go_on(reading.at(ticket.at(page.cursor))),
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
        if let RendererRef::Shared(_) | RendererRef::Common(_) = ticket.renderer {
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

    fn go_on(&self, reading: Reading) -> Then<Waiting> {
        Then::Park(self.parking(reading, HEARTBEAT_EVERY))
    }

    fn parking(&self, reading: Reading, hold: Duration) -> Parking<Waiting> {
        let topic = topic(Awaited::of(&reading.ticket.scope));
        let deadline = self.app.node.deadline(hold).into_std();
        Parking { ticket: Waiting::News(reading), topic, deadline }
    }
}

fn is_known(page: &Page) -> bool {
    page.reset.is_none()
}

fn bytes_of(page: &Page) -> usize {
    page.news.iter().map(|news| news.json.len()).sum()
}

/// Makes the next piece of a stream its last; other answers stay as they are.
fn end_stream(mut answer: Answer<Waiting>) -> Answer<Waiting> {
    if let Then::Park(_) = answer.then {
        answer.bytes = [&*answer.bytes, bytes::LAST_CHUNK].concat().into();
        answer.then = Then::Close;
    }
    answer
}
