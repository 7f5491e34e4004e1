//! A send that waits for its outcome: a sender is a reader too.
//!
//! It begins on a shard's thread and is looked at when its author is called, like
//! any other wait, so no task sleeps for it. A send that needs more than a look (a
//! repeat, or a join after a rejection) goes on in a task.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use linger_core::{Author, Position, UserId};
use linger_node::{Receipt, Refusal, SubmitState, Submitted, Unavailable};
use tokio::runtime::Handle;

use super::bytes;
use crate::{app::App, failure::Failure, rates::Change, submission::Submission};

/// One send. Only equal to itself.
#[derive(Debug)]
pub(crate) struct Sending {
    submission: Box<dyn Submission>,
    submitted: Submitted,
    /// Set once a task goes on with it; `answer` then comes from the task.
    task: OnceLock<()>,
    answer: OnceLock<Arc<[u8]>>,
    /// The time after which its outcome counts as unknown.
    due: Instant,
}

/// The work that a look cannot do.
enum More {
    /// Go on after a rejection: the request id is free then.
    GoOn(BoxFuture<'static, Result<Receipt, Refusal>>),
    /// Read what it left, there: earlier, if it is a repeat.
    Read { position: Position, is_repeat: bool },
}

/// Between two looks at a send that nobody calls, because the log refused it.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Sending {
    /// Begins to send. None: hyper's side must do it.
    pub(super) fn begin(app: &App, submission: Box<dyn Submission>) -> Option<Sending> {
        let (user, command) = (submission.author(), submission.command());
        let author = Author::User(user);
        // This check comes first, because it is free: a counted rate is not given back.
        if !app.node.non_blocking().would_take(author, &command) {
            return None;
        }
        app.rates.count(Change::Message, user, submission.address()).ok()?;
        let submitted = app.node.non_blocking().begin(author, submission.request(), command)?;
        let due = Instant::now() + app.node.non_blocking().submit_timeout();
        let (task, answer) = (OnceLock::new(), OnceLock::new());
        Some(Sending { submission, submitted, task, answer, due })
    }

    /// Returns the user to call when there is an outcome.
    pub(super) fn user(&self) -> UserId {
        self.submission.author()
    }

    /// Returns the answer, if there is one by now.
    pub(super) fn look(self: &Arc<Sending>, app: &Arc<App>, runtime: &Handle) -> Option<Arc<[u8]>> {
        if let Some(answer) = self.answer.get() {
            return Some(answer.clone());
        }
        let more = match app.node.non_blocking().state_of(&self.submitted) {
            SubmitState::OnItsWay => return None,
            SubmitState::Stored { position, is_repeat } => More::Read { position, is_repeat },
            SubmitState::Outcome(Err(Refusal::Rejected(rejection))) => {
                match self.submission.go_on(&app.node, rejection) {
                    Some(going_on) => More::GoOn(going_on),
                    None => return Some(self.render(app, Err(rejection.into()))),
                }
            }
            SubmitState::Outcome(outcome) => return Some(self.render(app, outcome)),
        };
        if self.task.set(()).is_ok() {
            runtime.spawn(self.clone().go_on(app.clone(), more));
        }
        None
    }

    async fn go_on(self: Arc<Sending>, app: Arc<App>, more: More) {
        let outcome = match more {
            More::GoOn(going_on) => going_on.await,
            More::Read { position, is_repeat } => {
                app.node.non_blocking().receipt(position, is_repeat).await.map_err(Refusal::from)
            }
        };
        self.answer.set(self.render(&app, outcome)).expect("there is one task");
        app.node.non_blocking().call_author(self.user());
    }

    fn render(&self, app: &App, outcome: Result<Receipt, Refusal>) -> Arc<[u8]> {
        let mut whole = match outcome {
            Ok(receipt) => self.submission.render(&receipt),
            Err(refusal) => self.submission.render_failure(&Failure::from(refusal)),
        };
        if self.submission.is_for_named_origins() {
            app.settings.origins.allow(whole.headers_mut());
        }
        bytes::whole(whole)
    }

    /// Returns the answer to a send whose time for an outcome is over.
    pub(super) fn give_up(&self, app: &App) -> Option<Arc<[u8]>> {
        let is_due = Instant::now() >= self.due;
        is_due.then(|| self.render(app, Err(Unavailable::Unknown.into())))
    }
}
