//! A send that waits for its outcome: a sender is a reader too.
//!
//! It is begun on a shard's thread and looked at when its author is called, like
//! any other wait; nobody sleeps for it. What needs more than a look (a repeat, or
//! a stranger to the room, who is to join it first) is gone on with by a task.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use linger_core::{Author, Position, Rejection, UserId};
use linger_node::{Progress, Refusal, Submitted, Unavailable};
use tokio::runtime::Handle;

use super::{Whole, bytes};
use crate::{
    App,
    edges::native::{self, Saying},
    failure::Failure,
};

/// One send. Only equal to itself.
#[derive(Debug)]
pub(crate) struct Sending {
    saying: Saying,
    submitted: Submitted,
    /// Set, a task goes on with it; and then, what came of that.
    task: OnceLock<()>,
    answer: OnceLock<Arc<[u8]>>,
    /// When it becomes unknown what became of it.
    due: Instant,
}

/// What is to be done that a look cannot do.
enum More {
    /// Join the room and say it again: it was rejected, so the request id is free.
    Join,
    /// Read what the first one left.
    Repeat(Position),
}

/// Between two looks at a send that nobody calls: one that the log refused.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Sending {
    /// Begins to send. None where the router is to do it.
    pub(super) fn begin(app: &App, saying: Saying) -> Option<Sending> {
        let author = Author::User(saying.user);
        let command = saying.command();
        // First what costs nothing: a rate that was counted is not given back.
        if !app.node.would_take(author, &command) || app.rates.send(saying.user).is_err() {
            return None;
        }
        let submitted = app.node.begin(author, saying.request.clone(), command)?;
        let due = Instant::now() + app.node.submit_timeout();
        let (task, answer) = (OnceLock::new(), OnceLock::new());
        Some(Sending { saying, submitted, task, answer, due })
    }

    /// Returns whom to call when there is an outcome.
    pub(super) fn user(&self) -> UserId {
        self.saying.user
    }

    /// Returns the answer, if there is one by now.
    pub(super) fn look(self: &Arc<Sending>, app: &Arc<App>, runtime: &Handle) -> Option<Arc<[u8]>> {
        if let Some(answer) = self.answer.get() {
            return Some(answer.clone());
        }
        let more = match app.node.progress(&self.submitted) {
            Progress::OnItsWay => return None,
            Progress::Outcome(Err(Refusal::Rejected(Rejection::NotAMember))) => More::Join,
            Progress::Outcome(Ok(receipt)) => return Some(encode(app, native::said(&receipt))),
            Progress::Outcome(Err(refusal)) => {
                return Some(encode(app, Failure::from(refusal).whole()));
            }
            Progress::Repeat(first) => More::Repeat(first),
        };
        if self.task.set(()).is_ok() {
            runtime.spawn(self.clone().go_on(app.clone(), more));
        }
        None
    }

    async fn go_on(self: Arc<Sending>, app: Arc<App>, more: More) {
        let told = match more {
            More::Join => native::say(&app.node, &self.saying).await,
            More::Repeat(first) => app
                .node
                .repeat(first)
                .await
                .map(|receipt| native::said(&receipt))
                .map_err(Into::into),
        };
        let whole = told.unwrap_or_else(|failure| failure.whole());
        self.answer.set(encode(&app, whole)).expect("there is one task");
        app.node.call_author(self.saying.user);
    }

    /// Returns the answer to a send that is without an outcome for too long.
    pub(super) fn give_up(&self, app: &App) -> Option<Arc<[u8]>> {
        let is_due = Instant::now() >= self.due;
        is_due.then(|| encode(app, Failure::from(Unavailable::Unknown).whole()))
    }
}

fn encode(app: &App, mut whole: Whole) -> Arc<[u8]> {
    app.settings.origins.allow(whole.headers_mut());
    bytes::whole(whole)
}
