//! The park as the node sees it: a waiting room beside its own.

use std::{sync::Arc, time::Duration};

use linger_core::{Position, RoomId, UserId};
use linger_node::{Annex, Awaited, Call, WaitLists};
use linger_park::{Park, Parked, Topic};

use super::ParkService;

/// A park, which the node calls, counts and closes.
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

    fn each(&self, visit: &mut dyn FnMut(Awaited)) {
        self.0.topics().map(awaited).for_each(visit);
    }
}

/// The bits below the kind: an id, which is below 2^53. A topic is a kind and an id.
/// Lower kinds are called first: an author waits for one answer before the next send,
/// and a room may have ten thousand readers, who are patient.
const IDS: u64 = Topic::PATIENT.0 - 1;
const OUTCOME: u64 = 0;
const USER: u64 = Topic::PATIENT.0;
const ROOM: u64 = 2 * Topic::PATIENT.0;
const OPEN_ROOMS: u64 = 3 * Topic::PATIENT.0;

/// Returns the topic under which requests that await this wait.
pub(super) fn topic(awaited: Awaited) -> Topic {
    match awaited {
        Awaited::Outcome(user) => Topic(OUTCOME | UserId::get(user)),
        Awaited::User(user) => Topic(USER | UserId::get(user)),
        Awaited::Room(room) => Topic(ROOM | RoomId::get(room)),
        Awaited::OpenRooms(number) => Topic(OPEN_ROOMS | number),
    }
}

/// Returns what those wait for who wait under this topic.
fn awaited(Topic(topic): Topic) -> Awaited {
    let number = topic & IDS;
    match topic & !IDS {
        OUTCOME => Awaited::Outcome(UserId::new(Position::new(number))),
        USER => Awaited::User(UserId::new(Position::new(number))),
        ROOM => Awaited::Room(RoomId::new(Position::new(number))),
        OPEN_ROOMS => Awaited::OpenRooms(number),
        _ => panic!("{topic:#x} is no topic of ours"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_have_their_answers_before_anybody_has_the_news() {
        let (first, last) = (Position::new(1), Position::new((1 << 53) - 1));
        let of_author = topic(Awaited::Outcome(UserId::new(last)));
        let of_user = topic(Awaited::User(UserId::new(first)));
        let of_room = topic(Awaited::Room(RoomId::new(first)));
        assert!(of_author < of_user && of_user < of_room);
        assert!(of_author < Topic::PATIENT && of_user >= Topic::PATIENT);
    }

    #[test]
    fn a_topic_tells_what_is_awaited_under_it() {
        for number in [1, (1 << 53) - 1].map(Position::new) {
            let (user, room) = (UserId::new(number), RoomId::new(number));
            for waits_for in [
                Awaited::Outcome(user),
                Awaited::User(user),
                Awaited::Room(room),
                Awaited::OpenRooms(number.get()),
            ] {
                assert_eq!(awaited(topic(waits_for)), waits_for);
            }
        }
    }
}
