//! The queue of questions, in which askers take turns.
//!
//! Each asker has a row of their own, and one question of each row is answered at a
//! time: somebody with a thousand questions delays another's by one question, not
//! by a thousand. There is a bound for all together, and a part of that for each asker.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Condvar, Mutex, MutexGuard},
};

use linger_core::UserId;

use super::Question;

/// The asker whose turn a question takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A person's, however many connections they have.
    Person(UserId),
    /// All who ask from one address without saying who they are.
    Address(IpAddr),
    /// All other visitors.
    Visitors,
    /// The house itself: to find out who somebody is, or the answer to a repeat.
    House,
}

/// The queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    questions_max: usize,
}

#[derive(Default)]
struct State {
    /// The questions of each asker, oldest first. Empty while the last one is answered.
    rows: HashMap<Asker, VecDeque<Question>>,
    /// Askers who have a question, of whom none is being answered: the next turns.
    turns: VecDeque<Asker>,
    questions: usize,
    is_closed: bool,
}

/// Of all places in the queue, those that one asker may take: one in so many.
const SHARE: usize = 4;

impl Asker {
    /// Returns the asker who is this user, or a visitor.
    pub fn of(reader: Option<UserId>) -> Asker {
        reader.map_or(Asker::Visitors, Asker::Person)
    }
}

impl Queue {
    pub(super) fn new(questions_max: usize) -> Queue {
        Queue { state: Mutex::default(), arrived: Condvar::new(), questions_max }
    }

    /// Adds a question to its asker's row. Tells whether it has a place.
    pub(super) fn push(&self, asker: Asker, question: Question) -> bool {
        let mut state = self.lock();
        let State { rows, turns, questions, is_closed } = &mut *state;
        if *is_closed || *questions >= self.questions_max {
            return false;
        }
        match rows.get_mut(&asker) {
            Some(row) if row.len() >= self.questions_max.div_ceil(SHARE) => return false,
            Some(row) => row.push_back(question),
            None => {
                rows.insert(asker, VecDeque::from([question]));
                turns.push_back(asker);
            }
        }
        *questions += 1;
        drop(state);
        self.arrived.notify_one();
        true
    }

    /// Waits for the next question; none when the queue is closed and empty. The caller
    /// says when it is [`Queue::done`].
    pub(super) fn next(&self) -> Option<(Asker, Question)> {
        let is_idle = |state: &mut State| state.turns.is_empty() && !state.is_over();
        let state = self.arrived.wait_while(self.lock(), is_idle);
        let mut state = state.expect("no holder of this lock panics");
        let asker = state.turns.pop_front()?;
        let row = state.rows.get_mut(&asker).expect("who has a turn has a row");
        let question = row.pop_front().expect("who has a turn has a question");
        state.questions -= 1;
        Some((asker, question))
    }

    /// Gives the asker of an answered question their next turn, behind all others.
    pub(super) fn done(&self, asker: Asker) {
        let mut state = self.lock();
        match state.rows.get(&asker).is_some_and(|row| !row.is_empty()) {
            true => state.turns.push_back(asker),
            false => drop(state.rows.remove(&asker)),
        }
        drop(state);
        // This wakes those who wait for the end, too.
        self.arrived.notify_all();
    }

    /// Takes no more questions. Those that are there are still answered.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.is_closed && self.questions == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linger_core::Position;

    use super::*;

    fn person(number: u64) -> Asker {
        Asker::Person(UserId::new(Position::new(number)))
    }

    fn push(queue: &Queue, asker: Asker) -> bool {
        queue.push(asker, Box::new(|_| ()))
    }

    #[test]
    fn askers_take_turns_however_many_questions_one_of_them_has() {
        let queue = Queue::new(100);
        assert!((0..10).all(|_| push(&queue, person(1))));
        assert!((0..2).all(|_| push(&queue, person(2))));
        assert!(push(&queue, Asker::House));
        let mut turns = Vec::new();
        for _ in 0..6 {
            let (asker, _) = queue.next().unwrap();
            turns.push(asker);
            queue.done(asker);
        }
        let (one, two) = (person(1), person(2));
        assert_eq!(turns, [one, two, Asker::House, one, two, one]);
    }

    #[test]
    fn one_question_of_an_asker_is_answered_at_a_time() {
        let queue = Queue::new(100);
        assert!((0..2).all(|_| push(&queue, person(1))));
        let (one, _) = queue.next().unwrap();
        assert!(push(&queue, person(2)));
        let (two, _) = queue.next().unwrap();
        assert_eq!((one, two), (person(1), person(2)));
        queue.done(two);
        queue.done(one);
        assert_eq!(queue.next().unwrap().0, person(1));
    }

    #[test]
    fn the_queue_has_a_bound_for_all_and_a_smaller_one_for_each() {
        let queue = Queue::new(8);
        assert_eq!((0..8).filter(|_| push(&queue, person(1))).count(), 2);
        assert_eq!((2..20).filter(|asker| push(&queue, person(*asker))).count(), 6);
        let (asker, _) = queue.next().unwrap();
        queue.done(asker);
        assert!(push(&queue, person(30)));
        assert!(!push(&queue, person(31)));
    }

    #[test]
    fn a_queue_that_is_closed_gives_what_it_has_and_takes_nothing() {
        let queue = Arc::new(Queue::new(8));
        assert!(push(&queue, person(1)) && push(&queue, person(1)));
        queue.close();
        assert!(!push(&queue, person(2)));
        for _ in 0..2 {
            let (asker, _) = queue.next().unwrap();
            queue.done(asker);
        }
        assert!(queue.next().is_none());
    }
}
