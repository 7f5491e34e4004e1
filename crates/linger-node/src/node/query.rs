//! Query: any question that is neither the feed nor a command, answered from the
//! tables; and the one that is asked all the time, who holds a token, mostly from
//! memory.

use linger_core::{TokenHash, UserId};
use rusqlite::Connection;
use tokio::time::timeout;

use super::Node;
use crate::{
    Unavailable,
    commits::Readable,
    questions::{Question, WhoHolds},
    read_pool::{self, Asker, Unanswered},
    sessions::Sessions,
};

impl Node {
    /// Answers any other question from the projection, in the turn of `asker`.
    pub async fn query<Q: Question>(
        &self,
        asker: Asker,
        question: Q,
    ) -> Result<Q::Answer, Unavailable> {
        let log = self.log.id();
        self.ask_tables(asker, move |connection| question.answer(connection, log)).await
    }

    /// Returns the user who holds this token, on whichever node it was made.
    pub async fn authenticate(&self, token: &str) -> Result<Option<UserId>, Unavailable> {
        if let Some(user) = self.session(token) {
            return Ok(Some(user));
        }
        let hash = TokenHash::of(token);
        let mut user = self.query(Asker::House, WhoHolds(hash)).await?;
        if user.is_none() && self.log.is_shared() {
            // Another node may have begun the session just now.
            self.catch_up().await?;
            user = self.query(Asker::House, WhoHolds(hash)).await?;
        }
        if let Some(user) = user {
            self.sessions().keep(hash, user);
        }
        Ok(user)
    }

    /// Returns the user who holds this token, if the tables need not be asked.
    pub fn session(&self, token: &str) -> Option<UserId> {
        self.sessions().find(&TokenHash::of(token))
    }

    /// Forgets who holds a token: the tables are asked when it comes again. For a
    /// session that has ended.
    pub fn forget_session(&self, token: &TokenHash) {
        self.sessions().forget(token);
    }

    /// Asks the tables, after they have caught up with memory: nobody reads less there than
    /// they have read before.
    ///
    /// Tables that turn out to be damaged are made anew, and asked again.
    pub(super) async fn ask_tables<T: Send + 'static>(
        &self,
        asker: Asker,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T, Unavailable> {
        match self.ask_tables_once(asker, question.clone()).await {
            Err(Unanswered::Damaged) => {
                self.damage.until_healed(self.limits.submit_timeout).await;
                Ok(self.ask_tables_once(asker, question).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn ask_tables_once<T: Send + 'static>(
        &self,
        asker: Asker,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let told = self.memory().applied();
        match self.committed.reach(told).await {
            Readable::Everywhere => {
                let read_pool = self.read_pool.as_ref();
                let read_pool =
                    read_pool.expect("it closes only when nobody has the node any more");
                let time_max = self.limits.read_timeout * 2;
                read_pool.ask(asker, time_max, &self.damage, question).await
            }
            Readable::AtTheFollower => {
                let (question, answered) = read_pool::envelope(self.damage.clone(), question);
                self.ask_follower.try_send(question).map_err(|_| Unanswered::Overloaded)?;
                let answer = timeout(self.limits.submit_timeout, answered).await;
                answer.ok().and_then(Result::ok).unwrap_or(Err(Unanswered::Failed))
            }
            Readable::Nowhere => Err(Unanswered::Failed),
        }
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().expect("no holder of this lock panics")
    }
}
