//! The node for threads that others wait for: nothing here sleeps, asks the tables or
//! waits for the disk.
//!
//! linger-serve's parked driver holds thousands of requests on one thread, in an
//! [`Annex`]. Its readers do in pieces what [`Node::wait`] does: they enter the annex,
//! [`glance`](NonBlocking::glance), and are called when
//! [`spread`](NonBlocking::spread) finds them. Its senders do in pieces what
//! [`Node::submit`] does: [`begin`](NonBlocking::begin), and when their author is called
//! [`state_of`](NonBlocking::state_of).

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use linger_core::{Author, Command, Position, Request, UserId, visibility::Scope};
use tokio::sync::oneshot::error::TryRecvError;

use super::{
    Node,
    places::Place,
    submit::{Receipt, SubmitState, Submitted, told},
};
use crate::{
    Annex, Asker, Awaited, Call, Glance, Onlooking, Page, Unavailable, Wait, WaitLists,
    limits::LOOKUPS_MAX, log::Note, questions::HappenedAt,
};

/// A node, for a caller that must not wait.
#[derive(Clone, Copy)]
pub struct NonBlocking<'n>(pub(super) &'n Node);

impl NonBlocking<'_> {
    /// Looks for the answer that [`Node::wait`] would give at once, without waiting and in
    /// memory only. A page without news means that there is none yet. None: there may be
    /// some further back than memory reaches, or the look takes more than
    /// [`LOOKUPS_MAX`], or the cluster must be asked; `wait` knows then.
    ///
    /// For an [`Annex`], which itself reports how much it delivers
    /// ([`NonBlocking::count`]).
    pub fn glance(self, wait: &Wait) -> Option<Glance> {
        let after = match self.0.place(wait.after) {
            Place::At(position) => position,
            Place::Perhaps(_) => return None,
            Place::Nowhere(reset) => {
                return Some(Glance { page: self.0.reset(reset), lookups: 1 });
            }
        };
        let memory = self.0.memory();
        let look = memory.look(wait.reader, &wait.scope, after, wait.limit, LOOKUPS_MAX)?;
        let cursor = self.0.cursor_at(&memory, wait.after, look.upto);
        let page = Page { reset: None, cursor, news: look.news };
        Some(Glance { page, lookups: look.lookups + 1 })
    }

    /// Begins what [`Node::submit`] does, without waiting, for an author in an
    /// [`crate::Annex`]. None where the answer is not simply that it is done: the
    /// rules seem to say no, or the queue is full.
    pub fn begin(
        self,
        author: Author,
        request: Option<Request>,
        command: Command,
    ) -> Option<Submitted> {
        if !self.would_take(author, &command) {
            return None;
        }
        let draft = self.0.draft(author, request, command);
        let position = Note::default();
        let appending = self.0.log.append_noting(draft, Some(position.clone())).ok()?;
        Some(Submitted { position, appending: Mutex::new(appending) })
    }

    /// Tells whether the rules seem to allow this, as things stand here.
    pub fn would_take(self, author: Author, command: &Command) -> bool {
        self.0.may_write(command) && self.0.refused_already(author, command).is_none()
    }

    /// Returns how far a submit is. When it is called, it is known.
    pub fn state_of(self, submitted: &Submitted) -> SubmitState {
        let Some(&position) = submitted.position.get() else {
            let mut appending = submitted.appending.lock().expect("no holder of this lock panics");
            return match appending.try_recv() {
                // As soon as this: the note stands there, too, but the call is to come.
                Ok(Ok(_)) | Err(TryRecvError::Empty) => SubmitState::OnItsWay,
                Ok(Err(error)) => SubmitState::Outcome(Err(error.into())),
                Err(TryRecvError::Closed) => SubmitState::Outcome(Err(Unavailable::Unknown.into())),
            };
        };
        told(&self.0.memory(), position)
    }

    /// Returns the receipt of what took effect at `position`, from the tables.
    ///
    /// Errors: they cannot be read.
    pub async fn receipt(
        self,
        position: Position,
        is_repeat: bool,
    ) -> Result<Receipt, Unavailable> {
        let news = self.0.query(Asker::House, HappenedAt(position)).await?.map(Arc::new);
        Ok(Receipt { position, news, is_repeat })
    }

    /// Calls those who wait in an annex for the outcome of what this user asked for.
    pub fn call_author(self, user: UserId) {
        self.0.hub.wake_annexes(Call::of_authors(vec![user]));
    }

    /// Returns how long a submit waits for its outcome before it is unknown.
    pub fn submit_timeout(self) -> Duration {
        self.0.limits.submit_timeout
    }

    /// Calls, counts and closes the readers of this waiting room together with the
    /// node's own, until it is dropped.
    pub fn attach(self, annex: Weak<dyn Annex>) {
        self.0.hub.attach(annex);
    }

    /// Finds those whom a call concerns among the waiting readers of an annex. Some may come
    /// twice. Returns how many lookups it took.
    pub fn spread(self, call: &Call, lists: &impl WaitLists, visit: impl FnMut(Awaited)) -> usize {
        call.spread(&self.0.memory().roster, &self.0.hub.onlookers, lists, visit)
    }

    /// Notes that the reader of this scope looks at its rooms, for as long as the result is
    /// kept. To be asked before the reader enters an annex: without it, events in those
    /// rooms would not call them. None where the scope has no such rooms.
    ///
    /// Errors: too many look at rooms already.
    pub fn onlook(self, scope: &Scope) -> Result<Option<Onlooking>, Unavailable> {
        self.0.hub.onlookers.note(scope).map_err(|_| Unavailable::Overloaded)
    }

    /// Counts readers who were called in an annex, and events handed to them.
    pub fn count(self, wakes: u64, deliveries: u64) {
        self.0.metrics.wakes.inc_by(wakes);
        self.0.metrics.deliveries.inc_by(deliveries);
    }
}
