//! Submit: append, wait until this node has applied it, and read the outcome there.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use linger_core::{
    Author, Command, Draft, News, Nonce, Position, Rejection, Request, RoomKind, Salt, UserId,
    Vocabulary, queries,
};
use tokio::{sync::oneshot::error::TryRecvError, time::timeout};

use super::Node;
use crate::{
    Asker, Refusal, Unavailable,
    call::Call,
    log::{AppendError, Appending, Note},
    memory::{Effect, Memory},
    questions::HappenedAt,
};

/// The result of a submit.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The position of the entry that took effect: ids are made of it.
    pub position: Position,
    /// The event that it left.
    pub news: Option<Arc<News>>,
    /// Whether it took effect earlier, by the same author and request id.
    pub is_repeat: bool,
}

/// A submit that was begun, and that nobody waits for: it is looked at when its
/// author is called ([`crate::Awaited::Outcome`]).
#[derive(Debug)]
pub struct Submitted {
    position: Note,
    /// Asked only whether it failed.
    appending: Mutex<Appending>,
}

/// The progress of a submit that was begun.
#[derive(Debug, Clone)]
pub enum Progress {
    /// It has no outcome here yet.
    OnItsWay,
    /// It has one.
    Outcome(Result<Receipt, Refusal>),
    /// It took effect, there, earlier or by now, and memory does not have the event:
    /// [`Node::receipt`] reads it.
    Stored {
        /// Where it took effect.
        position: Position,
        /// Whether that was earlier.
        is_repeat: bool,
    },
}

impl Node {
    /// Begins what [`Node::submit`] does, without waiting, for an author in an
    /// [`crate::Annex`]. None where the answer is not simply that it is done: the
    /// rules seem to say no, or the queue is full.
    pub fn begin(
        &self,
        author: Author,
        request: Option<Request>,
        command: Command,
    ) -> Option<Submitted> {
        if !self.would_take(author, &command) {
            return None;
        }
        let draft = self.draft(author, request, command);
        let position = Note::default();
        let appending = self.log.append_noting(draft, Some(position.clone())).ok()?;
        Some(Submitted { position, appending: Mutex::new(appending) })
    }

    /// Tells whether the rules seem to allow this, as things stand here.
    pub fn would_take(&self, author: Author, command: &Command) -> bool {
        self.refused_already(author, command).is_none()
    }

    /// Returns how far a submit is. When it is called, it is known.
    pub fn progress(&self, submitted: &Submitted) -> Progress {
        let Some(&position) = submitted.position.get() else {
            let mut appending = submitted.appending.lock().expect("no holder of this lock panics");
            return match appending.try_recv() {
                // As soon as this: the note stands there, too, but the call is to come.
                Ok(Ok(_)) | Err(TryRecvError::Empty) => Progress::OnItsWay,
                Ok(Err(error)) => Progress::Outcome(Err(error.into())),
                Err(TryRecvError::Closed) => Progress::Outcome(Err(Unavailable::Unknown.into())),
            };
        };
        told(&self.memory(), position)
    }

    /// Returns the receipt of what took effect at `position`, from the tables.
    ///
    /// Errors: they cannot be read.
    pub async fn receipt(
        &self,
        position: Position,
        is_repeat: bool,
    ) -> Result<Receipt, Unavailable> {
        let news = self.query(Asker::House, HappenedAt(position)).await?.map(Arc::new);
        Ok(Receipt { position, news, is_repeat })
    }

    /// Calls those who wait in an annex for the outcome of what this user asked for.
    pub fn call_author(&self, user: UserId) {
        self.hub.wake_annexes(Call::of_authors(vec![user]));
    }

    /// Returns how long a submit waits for its outcome before it is unknown.
    pub fn submit_timeout(&self) -> Duration {
        self.limits.submit_timeout
    }

    /// Appends one command and returns what it did, once this node has applied it.
    ///
    /// Errors: the [`Rejection`] of the rules; or [`Unavailable`], and then the
    /// same author may ask again under the same request id, as often as need be.
    pub async fn submit(
        &self,
        author: Author,
        request: Option<Request>,
        command: Command,
    ) -> Result<Receipt, Refusal> {
        if let Some(rejection) = self.refused_already(author, &command)
            && !self.is_known(author, request.as_ref()).await?
        {
            return Err(rejection.into());
        }
        let draft = self.draft(author, request, command);
        let position = timeout(self.limits.submit_timeout, self.append(draft))
            .await
            .map_err(|_| Unavailable::Unknown)??;
        let progress = told(&self.memory(), position);
        match progress {
            Progress::Outcome(outcome) => outcome,
            Progress::Stored { position, is_repeat } => {
                Ok(self.receipt(position, is_repeat).await?)
            }
            Progress::OnItsWay => unreachable!("it is applied"),
        }
    }

    /// Appends, and waits until the position is applied here.
    async fn append(&self, draft: Draft) -> Result<Position, Unavailable> {
        let position = self.log.append(draft)?.await.map_err(|_| Unavailable::Unknown)??;
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= position).await.map_err(|_| Unavailable::Unknown)?;
        Ok(position)
    }

    /// Returns why the rules would say no to this, as things stand here, or a bound
    /// does: then it need not be appended, unless it is a repeat.
    fn refused_already(&self, author: Author, command: &Command) -> Option<Rejection> {
        // Entries in the log that are not applied yet may allow it.
        if !self.is_open() {
            return None;
        }
        let memory = self.memory();
        let roster = &memory.roster;
        let is_full = |user| {
            let rooms = roster.stays(Some(user)).rooms_count();
            (rooms >= self.limits.rooms_of_a_person_max).then_some(Rejection::TooManyRooms)
        };
        match (command, author.user()) {
            (Command::SendMessage { .. }, None) => Some(Rejection::NotForTheServer),
            (Command::SendMessage { room, .. }, Some(user)) => (!roster.is_member(*room, user))
                .then_some(match roster.kind(*room) {
                    Some(RoomKind::Open) => Rejection::NotAMember,
                    Some(RoomKind::Closed) | None => Rejection::RoomNotFound,
                }),
            (Command::OpenRoom { .. }, Some(user)) => is_full(user),
            (Command::JoinRoom { room }, Some(user)) if !roster.is_member(*room, user) => {
                is_full(user)
            }
            // Those outside are not told of others.
            (Command::AddMember { room, user }, Some(by))
                if roster.is_member(*room, by) && !roster.is_member(*room, *user) =>
            {
                is_full(*user)
            }
            _ => None,
        }
    }

    /// Tells whether the author's request was accepted before, here.
    async fn is_known(
        &self,
        author: Author,
        request: Option<&Request>,
    ) -> Result<bool, Unavailable> {
        let Some(request_id) = request.map(|request| request.id.clone()) else { return Ok(false) };
        let found = self.ask_tables(Asker::of(author.user()), move |connection| {
            queries::request(connection, author, &request_id)
        });
        Ok(found.await?.is_some())
    }

    fn draft(&self, author: Author, request: Option<Request>, command: Command) -> Draft {
        let chance = self.clock.nonce();
        let (salt, nonce) = chance.split_at(16);
        let nonce = u64::from_le_bytes(nonce[..8].try_into().expect("eight of 16 bytes"));
        Draft {
            vocabulary: Vocabulary::LATEST,
            at: self.clock.now(),
            author,
            request,
            salt: Some(Salt(salt.try_into().expect("16 of 32 bytes"))),
            nonce: Some(Nonce::from_random(nonce)),
            command,
        }
    }
}

impl From<AppendError> for Unavailable {
    fn from(error: AppendError) -> Unavailable {
        match error {
            AppendError::Full => Unavailable::Overloaded,
            AppendError::NotWritten => Unavailable::Storage,
            AppendError::Unknown => Unavailable::Unknown,
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Refusal {
        Unavailable::from(error).into()
    }
}

/// Returns how far the entry at `position` is for who asked.
fn told(memory: &Memory, position: Position) -> Progress {
    let receipt = |news| Ok(Receipt { position, news, is_repeat: false });
    Progress::Outcome(match memory.outcome(position) {
        Some(Effect::Accepted) => receipt(None),
        Some(Effect::Told) => match memory.event(position) {
            Some(news) => receipt(Some(news.clone())),
            None => return Progress::Stored { position, is_repeat: false },
        },
        Some(Effect::Repeated(first)) => {
            return Progress::Stored { position: first, is_repeat: true };
        }
        Some(Effect::Rejected(rejection)) => Err(rejection.into()),
        None if memory.applied() < position => return Progress::OnItsWay,
        // So many outcomes since then that this one is forgotten.
        None => Err(Unavailable::Unknown.into()),
    })
}
