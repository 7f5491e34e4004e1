//! The questions that the park asks of its owner, who knows what a request means.
//!
//! Every method is called on a shard's own thread, where all its connections
//! wait meanwhile: none of them may block, sleep, or do more than a little work.
//! One that panics ends the process.

use std::{sync::Arc, time::Instant};

use crate::{Connection, Parked, Request};

/// Decides about requests.
pub trait Service: Send + Sync + 'static {
    /// The thing that a parked request waits for. Equal tickets get the same answer.
    type Ticket: Clone + PartialEq + Send + 'static;
    /// One batch of news, as it is given to every shard.
    type Wake: Send + Sync + 'static;
    /// A value that travels with a connection and is dropped with it: a permit, say.
    type Place: Send + 'static;
    /// A question that must be answered before a request can be decided.
    type Errand: Send + 'static;

    /// Tells whether this may be ours, from the head alone; the body is empty here.
    /// If not, the connection is handed over without waiting for a body.
    fn wants(&self, head: &Request<'_>) -> bool;

    /// Decides about a whole request.
    fn ask(&self, request: &Request<'_>) -> Verdict<Self::Ticket, Self::Errand>;

    /// Looks whether there is an answer for this ticket by now.
    ///
    /// Called when the topic is called, and when a stream is parked again. The result
    /// serves all equal tickets of one turn of a shard; news that comes later must bring a
    /// wake of its own. The lookups are counted: a turn that has made enough leaves the
    /// rest to the next one.
    fn look(&self, ticket: &Self::Ticket) -> Look<Self::Ticket>;

    /// Looks for a request that is to be parked, as [`Service::look`] does, in the same turn
    /// and before that. None: it is not ours after all, and its connection is handed over.
    fn first_look(&self, ticket: &Self::Ticket) -> Option<Look<Self::Ticket>> {
        Some(self.look(ticket))
    }

    /// Tells whether this wait ends soon, whatever happens: neither the closing of
    /// the park nor a peer that sends nothing more cuts it short.
    fn is_brief(&self, ticket: &Self::Ticket) -> bool {
        let _ = ticket;
        false
    }

    /// Returns the answer at the deadline, or when the park closes, and how many lookups
    /// it took.
    ///
    /// It may park again, with the bytes of a heartbeat, say; when the park closes,
    /// the connection is closed then.
    fn expire(&self, ticket: &Self::Ticket) -> (Answer<Self::Ticket>, usize);

    /// Adds the topics that this wake concerns to `call`, and returns how many lookups
    /// it took. Repeats do no harm. Topics with lower numbers are called
    /// first; see [`Topic::PATIENT`].
    fn topics(&self, wake: &Self::Wake, parked: &Parked<'_>, call: &mut Vec<Topic>) -> usize;

    /// Counts the work of one turn of a shard: how many were called, and the
    /// [`Answer::items`] of all answers that were sent. Not called when both are 0.
    fn count(&self, called: u64, items: u64) {
        let _ = (called, items);
    }

    /// Takes over a connection whose next request is not ours, or not yet.
    ///
    /// It may come back by [`crate::Park::take`] once at least one request on it was
    /// served elsewhere, or unchanged once the errand is done. If it came back sooner,
    /// the two would pass it to and fro for ever.
    fn hand_over(&self, connection: Connection<Self::Place>, errand: Option<Self::Errand>);
}

/// The name under which parked requests are called. The service gives it its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub u64);

impl Topic {
    /// From this one on a call may come some turns later, in the order of the wakes: when
    /// many are called, others are served in between.
    pub const PATIENT: Topic = Topic(1 << 56);
}

/// The decision about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T, E> {
    /// It is answered.
    Answer(Answer<T>),
    /// It waits.
    Park(Parking<T>),
    /// Somebody else answers it: its connection is handed over.
    NotMine,
    /// It cannot be decided before this errand is done, which would block here. Its
    /// connection is handed over, and is to come back.
    NotYet(E),
}

/// How a request waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking<T> {
    /// The thing it waits for.
    pub ticket: T,
    /// The topic under which it is called.
    pub topic: Topic,
    /// When it expires, to a tenth of a second, and never earlier. A deadline in
    /// the past asks for one look.
    pub deadline: Instant,
}

/// An answer, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// As it goes out: a head and its whole body, or the next piece of a stream.
    pub bytes: Arc<[u8]>,
    /// Its weight in [`Service::count`].
    pub items: u32,
    /// The next thing to do on the connection after these bytes.
    pub then: Then<T>,
}

/// The next thing to do on a connection after the bytes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then<T> {
    /// The answer is whole, and the connection may bring another request.
    NextRequest,
    /// The connection is closed. The head should have said so.
    Close,
    /// More of the answer follows: the request waits for it.
    Park(Parking<T>),
}

/// The result of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look<T> {
    /// The ticket, moved on past the entries in which it found nothing.
    pub ticket: T,
    /// The answer, if there is one.
    pub answer: Option<Answer<T>>,
    /// How many lookups it took.
    pub lookups: usize,
}
