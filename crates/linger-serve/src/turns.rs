//! Turns: which connections hyper serves at once.
//!
//! A connection has a turn from when its request is whole until its answer is
//! there; a turn that nobody else wants may be kept for a while after that. A
//! request whose body or news is still to come gives its turn back meanwhile, so
//! nobody waits for a peer. Each connection on hyper has 20 KiB of buffers, and
//! more turns would not make the answers faster.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError, futures::OwnedNotified},
    task_local,
};

/// So many connections have a turn at once.
const TURNS: usize = 64;

task_local! {
    /// The turn of the request that is being answered.
    static TURN: RefCell<Option<Turn>>;
}

/// All turns of one server.
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    /// Calls those who keep a turn without need.
    wanted: Arc<Notify>,
}

/// A right to be served now, until this is dropped.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// Where a connection keeps the turn for its next request.
pub(crate) struct Slot(Mutex<Option<Turn>>);

/// Is ready when somebody else wants a turn.
pub(crate) type Wanted = Pin<Box<OwnedNotified>>;

impl Turns {
    /// Makes turns, all free.
    pub(crate) fn new() -> Turns {
        Turns { free: Arc::new(Semaphore::new(TURNS)), wanted: Arc::default() }
    }

    /// Waits for a turn. Those who came first get a free one first.
    pub(crate) async fn take(&self) -> Turn {
        let permit = match self.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => {
                self.wanted.notify_waiters();
                self.free.clone().acquire_owned().await.expect("it is never closed")
            }
            Err(TryAcquireError::Closed) => unreachable!("it is never closed"),
        };
        Turn { _permit: permit }
    }

    /// Takes a turn that nobody wants, to be given back as soon as somebody does.
    pub(crate) fn spare(&self) -> Option<(Turn, Wanted)> {
        // Before the turn is taken: a call in between must not be missed.
        let wanted = Box::pin(self.wanted.clone().notified_owned());
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some((Turn { _permit: permit }, wanted))
    }
}

impl Slot {
    /// Begins with a turn, or without.
    pub(crate) fn new(turn: Option<Turn>) -> Slot {
        Slot(Mutex::new(turn))
    }

    /// Keeps a turn, in the place of the one that is there.
    pub(crate) fn put(&self, turn: Turn) {
        drop(self.lock().replace(turn));
    }

    /// Takes the turn out, if one is there. It is given back when it is dropped.
    pub(crate) fn take(&self) -> Option<Turn> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Turn>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// Lets a request be answered in this turn. It ends with the answer.
pub(crate) async fn within<F: Future>(turn: Turn, answering: F) -> F::Output {
    TURN.scope(RefCell::new(Some(turn)), answering).await
}

/// Gives back the turn of the request that is being answered, because its answer
/// waits for something that takes no turn.
pub(crate) fn give_back_turn() {
    // Without a server there are no turns.
    let turn = TURN.try_with(|turn| turn.take());
    drop(turn);
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_turn_that_is_kept_for_nothing_goes_to_who_wants_one() {
        let turns = Turns::new();
        let mut taken = Vec::new();
        for _ in 1..TURNS {
            taken.push(turns.take().await);
        }
        let (spare, mut wanted) = turns.spare().expect("one is free");
        assert!(turns.spare().is_none());
        assert!(wanted.as_mut().now_or_never().is_none(), "nobody wants it yet");
        let mut next = Box::pin(turns.take());
        assert!(next.as_mut().now_or_never().is_none());
        assert!(wanted.as_mut().now_or_never().is_some());
        drop(spare);
        // Those who wait come before those who only keep a turn.
        assert!(turns.spare().is_none());
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test]
    async fn an_answer_that_waits_gives_its_turn_back() {
        let turns = Turns::new();
        let answering = async {
            assert_eq!(turns.free.available_permits(), TURNS - 1);
            give_back_turn();
            assert_eq!(turns.free.available_permits(), TURNS);
            give_back_turn();
        };
        within(turns.take().await, answering).await;
        within(turns.take().await, async {}).await;
        assert_eq!(turns.free.available_permits(), TURNS);
        give_back_turn();
    }
}
