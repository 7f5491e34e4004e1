//! Sessions whose user is known without asking the tables.
//!
//! [`crate::Node::authenticate`] adds them, and every request looks here first. So
//! many are kept: one more takes the place of one that nobody used lately, and the
//! others stay. The algorithm is CLOCK: a hand goes round the places, passes by those
//! that were used since it last came, and takes the first that was not.

use std::collections::HashMap;

use linger_core::{TokenHash, UserId};

/// The sessions that are known. Memory: two hashes and a few numbers for each.
#[derive(Debug)]
pub(crate) struct Sessions {
    max: usize,
    /// The place of each in `kept`.
    places: HashMap<TokenHash, usize>,
    kept: Vec<Session>,
    hand: usize,
}

#[derive(Debug)]
struct Session {
    token: TokenHash,
    user: UserId,
    /// Whether it was used since the hand last passed by.
    is_used: bool,
}

impl Sessions {
    /// Makes a place for `max` sessions, at least one.
    pub(crate) fn new(max: usize) -> Sessions {
        Sessions { max: max.max(1), places: HashMap::new(), kept: Vec::new(), hand: 0 }
    }

    /// Returns the user of a session, and notes that it is used.
    pub(crate) fn find(&mut self, token: &TokenHash) -> Option<UserId> {
        let session = &mut self.kept[*self.places.get(token)?];
        session.is_used = true;
        Some(session.user)
    }

    /// Keeps a session, in the place of another if there are too many.
    pub(crate) fn keep(&mut self, token: TokenHash, user: UserId) {
        // It does not count as used yet: sessions that come once give way to the others.
        let session = Session { token, user, is_used: false };
        if let Some(&place) = self.places.get(&token) {
            self.kept[place] = session;
            return;
        }
        let place = match self.kept.len() < self.max {
            true => {
                self.kept.push(session);
                self.kept.len() - 1
            }
            false => {
                let place = self.unused();
                let evicted = std::mem::replace(&mut self.kept[place], session);
                self.places.remove(&evicted.token);
                place
            }
        };
        self.places.insert(token, place);
    }

    /// Forgets a session, if it is kept: it has ended.
    pub(crate) fn forget(&mut self, token: &TokenHash) {
        let Some(place) = self.places.remove(token) else { return };
        self.kept.swap_remove(place);
        if let Some(moved) = self.kept.get(place) {
            self.places.insert(moved.token, place);
        }
    }

    /// Returns the place of a session that was not used since the hand last passed by.
    fn unused(&mut self) -> usize {
        // It ends, because a session that it passes by counts as unused afterwards.
        loop {
            let place = self.hand % self.kept.len();
            self.hand = place + 1;
            if !std::mem::take(&mut self.kept[place].is_used) {
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use linger_core::Position;
    use proptest::prelude::*;

    use super::*;

    fn token(number: u64) -> TokenHash {
        TokenHash::of(&number.to_string())
    }

    fn user(number: u64) -> UserId {
        UserId::new(Position::new(number))
    }

    #[test]
    fn one_session_too_many_takes_the_place_of_one_that_nobody_uses() {
        let mut sessions = Sessions::new(100);
        for number in 0..100 {
            sessions.keep(token(number), user(number));
        }
        for stranger in 1000..1010 {
            // All sessions but one are used between two strangers.
            for number in (0..100).filter(|number| *number != 42) {
                sessions.find(&token(number));
            }
            sessions.keep(token(stranger), user(stranger));
        }
        let known = (0..100).filter(|number| sessions.find(&token(*number)).is_some());
        let known: Vec<u64> = known.collect();
        let expected: Vec<u64> = (0..100).filter(|number| *number != 42).collect();
        assert_eq!(known, expected, "the strangers took each other's place");
        assert_eq!(sessions.find(&token(1009)), Some(user(1009)));
    }

    #[test]
    fn when_everybody_uses_theirs_one_is_evicted_and_no_more() {
        let mut sessions = Sessions::new(100);
        for number in 0..100 {
            sessions.keep(token(number), user(number));
            sessions.find(&token(number));
        }
        sessions.keep(token(1000), user(1000));
        let known = (0..100).filter(|number| sessions.find(&token(*number)).is_some()).count();
        assert_eq!(known, 99);
    }

    #[derive(Debug, Clone)]
    enum Act {
        Keep(u64),
        Find(u64),
        Forget(u64),
    }

    proptest! {
        #[test]
        fn what_is_known_is_true_and_never_more_than_so_many(
            acts in prop::collection::vec(
                prop_oneof![
                    (0_u64..12).prop_map(Act::Keep),
                    (0_u64..12).prop_map(Act::Find),
                    (0_u64..12).prop_map(Act::Forget),
                ],
                0..200,
            ),
        ) {
            let mut sessions = Sessions::new(5);
            let mut held = BTreeMap::new();
            for act in acts {
                match act {
                    Act::Keep(number) => {
                        sessions.keep(token(number), user(number));
                        held.insert(number, user(number));
                        prop_assert_eq!(sessions.find(&token(number)), Some(user(number)));
                    }
                    Act::Find(number) => {
                        let found = sessions.find(&token(number));
                        prop_assert!(found.is_none() || found == held.get(&number).copied());
                    }
                    Act::Forget(number) => {
                        sessions.forget(&token(number));
                        held.remove(&number);
                        prop_assert_eq!(sessions.find(&token(number)), None);
                    }
                }
                prop_assert!(sessions.kept.len() <= 5);
                prop_assert_eq!(sessions.kept.len(), sessions.places.len());
                for (place, session) in sessions.kept.iter().enumerate() {
                    prop_assert_eq!(sessions.places.get(&session.token), Some(&place));
                }
            }
        }
    }
}
