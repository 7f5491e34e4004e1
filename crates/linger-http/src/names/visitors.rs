//! The visitors, and how far each has read: `/get_new_message` brings no cursor,
//! so the server keeps one for each visitor.
//!
//! The article keeps a queue for each, and drops slow ones. A cursor is one number
//! however many messages come, so nobody is dropped for being slow. Used by `names`
//! only. It is kept in memory only; [`Visitors::begin`] repairs what a restart forgets.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use linger_core::{ExternalId, Position, UserId};
use linger_node::Unavailable;
use tokio::time::Instant;

/// A visitor without a request for so long is dropped. These are four holds: a visitor
/// who polls stays, even if a request or two are lost.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(120);
/// Visitors at once: as many as the node holds requests.
const VISITORS_MAX: usize = 100_000;
/// Bytes of all of them: so many with usual names.
const BYTES_MAX: usize = 16 << 20;
/// Bytes that a visitor takes beside their name, with their part of an empty table.
const VISITOR_BYTES: usize = 128;
/// Between two looks for the idle: each goes through all visitors.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// All visitors.
#[derive(Debug)]
pub(super) struct Visitors {
    present: Mutex<Present>,
    /// The end of the log when this server began, and the time of that.
    began: Position,
    began_at: Instant,
}

#[derive(Debug)]
struct Present {
    visitors: HashMap<ExternalId, Visitor>,
    /// Their bytes, about.
    bytes: usize,
    swept_at: Instant,
}

/// One visitor, at the time of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Visitor {
    pub(super) user: UserId,
    /// Events up to here were answered, or are not for this visitor.
    pub(super) position: Position,
    used_at: Instant,
}

impl Visitors {
    /// Begins with nobody. `end` is the end of the log.
    pub(super) fn new(end: Position) -> Visitors {
        let now = Instant::now();
        let present = Present { visitors: HashMap::new(), bytes: 0, swept_at: now };
        Visitors { present: Mutex::new(present), began: end, began_at: now }
    }

    /// Returns a visitor who is here.
    pub(super) fn find(&self, id: &ExternalId, now: Instant) -> Option<Visitor> {
        let mut present = self.lock();
        let visitor = present.visitors.get_mut(id)?;
        visitor.used_at = now;
        Some(*visitor)
    }

    /// Lets a visitor in who reads from `latest` on, and returns them. A visitor who is
    /// here already keeps their position.
    ///
    /// Soon after the server began, they read from its beginning on: somebody who was here
    /// before a restart must not miss the messages of those who came back earlier.
    /// Errors: [`Unavailable::Overloaded`] when too many are here.
    pub(super) fn begin(
        &self,
        id: &ExternalId,
        user: UserId,
        latest: Position,
        now: Instant,
    ) -> Result<Visitor, Unavailable> {
        let mut present = self.lock();
        present.sweep(now);
        if !present.has_room_for(id) {
            return Err(Unavailable::Overloaded);
        }
        let position = match now - self.began_at < IDLE_MAX {
            // Messages from before the newcomer existed are not missed.
            true => self.began.max(user.position()),
            false => latest,
        };
        let newcomer = Visitor { user, position, used_at: now };
        let visitor = present.insert(id, newcomer);
        visitor.used_at = now;
        Ok(*visitor)
    }

    /// Moves a visitor, who is this user, from `from` to `to`.
    ///
    /// Errors: the visitor's position, if another request has moved them.
    pub(super) fn advance(
        &self,
        id: &ExternalId,
        user: UserId,
        from: Position,
        to: Position,
        now: Instant,
    ) -> Result<(), Position> {
        let mut present = self.lock();
        // The visitor was dropped in between, so no other request has moved them.
        let dropped = Visitor { user, position: from, used_at: now };
        let visitor = present.insert(id, dropped);
        visitor.used_at = now;
        if visitor.position != from {
            return Err(visitor.position);
        }
        visitor.position = to;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        self.present.lock().expect("no holder of this lock panics")
    }
}

impl Present {
    /// Tells whether this visitor is here, or may come.
    fn has_room_for(&self, id: &ExternalId) -> bool {
        let has_room = self.visitors.len() < VISITORS_MAX && self.bytes + weight(id) <= BYTES_MAX;
        has_room || self.visitors.contains_key(id)
    }

    /// Returns the visitor who is here, or else this one, from now on.
    fn insert(&mut self, id: &ExternalId, visitor: Visitor) -> &mut Visitor {
        let Present { visitors, bytes, .. } = self;
        visitors.entry(id.clone()).or_insert_with(|| {
            *bytes += weight(id);
            visitor
        })
    }

    /// Drops the idle, when it is time to.
    fn sweep(&mut self, now: Instant) {
        if now - self.swept_at >= SWEEP_EVERY {
            self.swept_at = now;
            self.visitors.retain(|_, visitor| now - visitor.used_at < IDLE_MAX);
            self.bytes = self.visitors.keys().map(weight).sum();
        }
    }
}

fn weight(id: &ExternalId) -> usize {
    VISITOR_BYTES + id.as_str().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// Long after the start: nobody returns from before a restart any more.
    const LATER: Duration = Duration::from_secs(1000);

    fn at(position: u64) -> Position {
        Position::new(position)
    }

    fn user(number: u64) -> UserId {
        UserId::new(at(number))
    }

    fn id(text: &str) -> ExternalId {
        ExternalId::parse(text).unwrap()
    }

    #[test]
    fn a_visitor_who_stopped_asking_is_dropped_and_one_who_asks_is_not() {
        let visitors = Visitors::new(at(9));
        let mut now = visitors.began_at + LATER;
        for name in ["ann", "bob"] {
            visitors.begin(&id(name), user(1), at(10), now).unwrap();
        }
        for _ in 0..5 {
            now += IDLE_MAX - SECOND;
            assert!(visitors.find(&id("ann"), now).is_some());
            visitors.begin(&id("cleo"), user(3), at(10), now).unwrap();
        }
        assert!(visitors.find(&id("bob"), now).is_none());
        assert_eq!(visitors.lock().visitors.len(), 2);
    }

    #[test]
    fn of_two_requests_of_one_visitor_one_moves_the_cursor() {
        let visitors = Visitors::new(at(9));
        let now = visitors.began_at + LATER;
        let visitor = visitors.begin(&id("ann"), user(1), at(10), now).unwrap();
        assert_eq!(visitor.position, at(10));
        let advance = |from, to| visitors.advance(&id("ann"), user(1), at(from), at(to), now);
        assert_eq!(advance(10, 11), Ok(()));
        assert_eq!(advance(10, 11), Err(at(11)));
        assert_eq!(advance(11, 12), Ok(()));
        assert_eq!(visitors.find(&id("ann"), now).map(|visitor| visitor.position), Some(at(12)));
    }

    #[test]
    fn who_comes_back_soon_after_a_restart_reads_on_from_it() {
        let cases = [
            ("was here before", user(3), SECOND, at(9)),
            ("came since", user(12), SECOND, at(12)),
            ("comes back much later", user(3), LATER, at(20)),
        ];
        for (case, user, after, expected) in cases {
            let visitors = Visitors::new(at(9));
            let now = visitors.began_at + after;
            let visitor = visitors.begin(&id("ann"), user, at(20), now).unwrap();
            assert_eq!(visitor.position, expected, "{case}");
        }
    }

    #[test]
    fn one_visitor_too_many_is_told_to_come_back_until_others_have_gone() {
        let visitors = Visitors::new(at(9));
        let now = visitors.began_at + LATER;
        for number in 0..VISITORS_MAX {
            visitors.begin(&id(&number.to_string()), user(1), at(10), now).unwrap();
        }
        let begin =
            |name, now| visitors.begin(&id(name), user(2), at(10), now).map(|visitor| visitor.user);
        assert_eq!(begin("ann", now), Err(Unavailable::Overloaded));
        assert_eq!(begin("7", now), Ok(user(1)), "who is here already stays");
        assert_eq!(begin("ann", now + IDLE_MAX), Ok(user(2)));
    }

    #[test]
    fn visitors_with_long_names_are_weighed_and_make_room_when_they_go() {
        let visitors = Visitors::new(at(9));
        let now = visitors.began_at + LATER;
        let name = |number: usize| id(&format!("{number:0>64}"));
        let weight = VISITOR_BYTES + 64;
        let begin = |number, now| visitors.begin(&name(number), user(1), at(10), now).is_ok();
        let came = (0..VISITORS_MAX).take_while(|number| begin(*number, now)).count();
        assert_eq!(came, BYTES_MAX / weight);
        assert_eq!(visitors.lock().bytes, came * weight);
        assert!(begin(0, now), "who is here already stays");
        assert!(begin(came, now + IDLE_MAX));
        assert_eq!(visitors.lock().bytes, weight);
    }
}
