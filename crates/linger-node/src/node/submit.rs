//! Submit: append, wait until this node has applied it, and read the outcome there.

use std::sync::{Arc, Mutex};

use linger_core::{
    Author, Command, Draft, News, Nonce, Position, Rejection, Request, RoomKind, Salt, queries,
};
use tokio::time::timeout;

use super::Node;
use crate::{
    Asker, Refusal, Unavailable,
    log::{AppendError, Appending, Note},
    memory::{Effect, Memory},
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
    pub(super) position: Note,
    /// Asked only whether it failed.
    pub(super) appending: Mutex<Appending>,
}

/// The state of a submit that was begun.
#[derive(Debug, Clone)]
pub enum SubmitState {
    /// It has no outcome here yet.
    OnItsWay,
    /// It has one.
    Outcome(Result<Receipt, Refusal>),
    /// It took effect, there, earlier or by now, and memory does not have the event:
    /// [`NonBlocking::receipt`](super::NonBlocking::receipt) reads it.
    Stored {
        /// Where it took effect.
        position: Position,
        /// Whether that was earlier.
        is_repeat: bool,
    },
}

impl Node {
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
        if !self.may_write(&command) {
            return Err(Unavailable::NotAgreed.into());
        }
        let mut refused = self.refused_already(author, &command);
        if refused.is_some() && self.log.is_shared() {
            // Another node may have let them in just now.
            self.catch_up().await?;
            refused = self.refused_already(author, &command);
        }
        if let Some(rejection) = refused
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
            SubmitState::Outcome(outcome) => outcome,
            SubmitState::Stored { position, is_repeat } => {
                Ok(self.non_blocking().receipt(position, is_repeat).await?)
            }
            SubmitState::OnItsWay => unreachable!("it is applied"),
        }
    }

    /// Appends, and waits until the position is applied here.
    async fn append(&self, draft: Draft) -> Result<Position, Unavailable> {
        let position = self.log.append(draft)?.await.map_err(|_| Unavailable::Unknown)??;
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= position).await.map_err(|_| Unavailable::Unknown)?;
        Ok(position)
    }

    /// Tells whether all nodes of the cluster know the words of a command.
    pub(super) fn may_write(&self, command: &Command) -> bool {
        command.vocabulary() <= self.agreement.agreed()
    }

    /// Returns why the rules would say no to this, as things stand here, or a bound
    /// does: then it need not be appended, unless it is a repeat.
    pub(super) fn refused_already(&self, author: Author, command: &Command) -> Option<Rejection> {
        // Entries in the log that are not applied yet may allow it.
        if !self.is_open() {
            return None;
        }
        let memory = self.memory();
        let roster = &memory.roster;
        let is_full = |user, rooms_max| {
            let rooms = roster.stays(Some(user)).rooms_count();
            (rooms >= rooms_max).then_some(Rejection::TooManyRooms)
        };
        let (own_max, others_max) =
            (self.limits.rooms_of_a_person_max, self.limits.rooms_by_others_max);
        match (command, author.user()) {
            (Command::SendMessage { .. }, None) => Some(Rejection::NotForTheServer),
            (Command::SendMessage { room, .. }, Some(user)) => (!roster.is_member(*room, user))
                .then_some(match roster.kind(*room) {
                    Some(RoomKind::Open) => Rejection::NotAMember,
                    Some(RoomKind::Closed) | None => Rejection::RoomNotFound,
                }),
            (Command::OpenRoom { .. }, Some(user)) => is_full(user, own_max),
            (Command::JoinRoom { room }, Some(user)) if !roster.is_member(*room, user) => {
                is_full(user, own_max)
            }
            // Those outside are not told of others.
            (Command::AddMember { room, user }, Some(by))
                if roster.is_member(*room, by) && !roster.is_member(*room, *user) =>
            {
                is_full(*user, others_max.min(own_max))
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

    pub(super) fn draft(
        &self,
        author: Author,
        request: Option<Request>,
        command: Command,
    ) -> Draft {
        let chance = self.clock.nonce();
        let (salt, nonce) = chance.split_at(16);
        let nonce = u64::from_le_bytes(nonce[..8].try_into().expect("eight of 16 bytes"));
        Draft {
            vocabulary: self.agreement.agreed(),
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
pub(super) fn told(memory: &Memory, position: Position) -> SubmitState {
    let receipt = |news| Ok(Receipt { position, news, is_repeat: false });
    SubmitState::Outcome(match memory.outcome(position) {
        Some(Effect::Accepted) => receipt(None),
        Some(Effect::LeftEvent) => match memory.event(position) {
            Some(news) => receipt(Some(news.clone())),
            None => return SubmitState::Stored { position, is_repeat: false },
        },
        Some(Effect::Repeated(first)) => {
            return SubmitState::Stored { position: first, is_repeat: true };
        }
        Some(Effect::Rejected(rejection)) => Err(rejection.into()),
        None if memory.applied() < position => return SubmitState::OnItsWay,
        // So many outcomes since then that this one is forgotten.
        None => Err(Unavailable::Unknown.into()),
    })
}
