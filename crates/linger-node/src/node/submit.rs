//! Submit: append, wait until this node has applied it, and read the outcome there.

use std::sync::Arc;

use linger_core::{
    Author, Command, Draft, News, Outcome, Position, Rejection, RequestId, RoomKind, queries,
};
use tokio::time::timeout;

use super::Node;
use crate::{Refusal, Unavailable, log::AppendError, questions::HappenedAt};

/// What a submit did.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The position of the entry that took effect: ids are made of it.
    pub position: Position,
    /// The event that it left.
    pub news: Option<Arc<News>>,
    /// Whether it took effect earlier, by the same author and request id.
    pub is_repeat: bool,
}

impl Node {
    /// Appends one command and returns what it did, once this node has applied it.
    ///
    /// Errors: the [`Rejection`] of the rules; or [`Unavailable`], and then the
    /// same author may ask again under the same request id, as often as need be.
    pub async fn submit(
        &self,
        author: Author,
        request_id: RequestId,
        command: Command,
    ) -> Result<Receipt, Refusal> {
        if let Some(rejection) = self.refused_already(author, &command)
            && self.find_request(author, request_id.clone()).await?.is_none()
        {
            return Err(rejection.into());
        }
        let draft = Draft { at: self.clock.now(), author, request_id, command };
        let position = timeout(self.limits.submit_timeout, self.append(draft))
            .await
            .map_err(|_| Unavailable::Unknown)??;
        let outcome = self.memory().outcome(position).cloned();
        match outcome {
            Some(Outcome::Accepted(news)) => Ok(Receipt { position, news, is_repeat: false }),
            Some(Outcome::Repeated { first }) => {
                let news = self.query(HappenedAt(first)).await?.map(Arc::new);
                Ok(Receipt { position: first, news, is_repeat: true })
            }
            Some(Outcome::Rejected(rejection)) => Err(rejection.into()),
            // So many outcomes since then that this one is forgotten.
            None => Err(Unavailable::Unknown.into()),
        }
    }

    /// Appends, and waits until the position is applied here.
    async fn append(&self, draft: Draft) -> Result<Position, Unavailable> {
        let appending = self.log.append(draft).map_err(|error| match error {
            AppendError::Full => Unavailable::Overloaded,
            AppendError::Unknown => Unavailable::Unknown,
        })?;
        let position =
            appending.await.map_err(|_| Unavailable::Unknown)?.map_err(|_| Unavailable::Unknown)?;
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= position).await.map_err(|_| Unavailable::Unknown)?;
        Ok(position)
    }

    /// Returns why the rules would say no to this, as things stand here: then it
    /// need not be appended, unless it is a repeat.
    fn refused_already(&self, author: Author, command: &Command) -> Option<Rejection> {
        // What stands in the log and is not applied yet may say yes.
        if !self.is_open() {
            return None;
        }
        let Command::SendMessage { room, .. } = command else { return None };
        let Some(user) = author.user() else { return Some(Rejection::NotForTheServer) };
        let memory = self.memory();
        (!memory.roster.is_member(*room, user)).then_some(match memory.roster.kind(*room) {
            Some(RoomKind::Open) => Rejection::NotAMember,
            Some(RoomKind::Closed) | None => Rejection::RoomNotFound,
        })
    }

    async fn find_request(
        &self,
        author: Author,
        request_id: RequestId,
    ) -> Result<Option<Position>, Unavailable> {
        let found = self
            .read_pool()
            .ask(move |connection| queries::request(connection, author, &request_id));
        Ok(found.await?.map(|(position, _)| position))
    }
}
