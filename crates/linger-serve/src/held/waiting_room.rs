//! The park as the node sees it: a waiting room beside its own.

use std::{sync::Arc, time::Duration};

use linger_core::{Position, RoomId, UserId};
use linger_node::{Annex, Awaited, Call, WaitLists};
use linger_park::{Park, Parked, Topic};

use super::ParkService;

/// A park that the node calls, counts and closes.
pub(crate) struct WaitingRoom(pub(crate) Arc<Park<ParkService>>);

/// The lists of one shard.
pub(super) struct Lists<'a>(pub(super) &'a Parked<'a>);

impl Annex for WaitingRoom {
    fn wake(&self, call: &Arc<Call>) {
        self.0.wake(call);
    }

    fn waiting(&self) -> usize {
        self.0.parked()
    }

    fn close(&self, spread: Duration) {
        self.0.close(spread);
    }
}

impl WaitLists for Lists<'_> {
    fn has(&self, awaited: Awaited) -> bool {
        self.0.has(topic(awaited))
    }

    fn count(&self) -> usize {
        self.0.topics_len()
    }

    fn each_user(&self, visit: &mut dyn FnMut(UserId)) {
        for Topic(number) in self.0.topics() {
            if number % KINDS == USER {
                visit(UserId::new(Position::new(number / KINDS)));
            }
        }
    }
}

/// What is awaited, as a number: ids are below 2^53, so there is room for the kind.
const KINDS: u64 = 4;
const ROOM: u64 = 0;
const USER: u64 = 1;
const OUTCOME: u64 = 2;

/// Returns the topic under which readers of this wait.
pub(super) fn topic(awaited: Awaited) -> Topic {
    match awaited {
        Awaited::Room(room) => Topic(RoomId::get(room) * KINDS + ROOM),
        Awaited::User(user) => Topic(UserId::get(user) * KINDS + USER),
        Awaited::Outcome(user) => Topic(UserId::get(user) * KINDS + OUTCOME),
    }
}
