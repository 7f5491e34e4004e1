//! Calls: those whom a batch of news concerns, found out once for the batch.
//!
//! A [`Call`] is made from a batch once. Every waiting room finds the readers in it
//! whom the call concerns: the node's own (`hub`) and those of the edges ([`Annex`]).
//! It carries no news: the readers who are called look for themselves.

use std::{collections::HashSet, sync::Arc, time::Duration};

use linger_core::{Audience, News, RoomId, UserId, visibility::Scope};

use crate::{onlookers::Onlookers, roster::Roster};

/// The thing that a reader waits for: those who wait for the same are called together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Awaited {
    /// Events of one room.
    Room(RoomId),
    /// All events that one user sees.
    User(UserId),
    /// Events of several open rooms, for visitors: a number below 2^53 that is made from
    /// the rooms. If others have the same, they are called too, and find nothing.
    OpenRooms(u64),
    /// The outcome of a command that one user sent.
    Outcome(UserId),
}

/// Those whom one batch of news concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Rooms in which something happened, each once: for their readers and members.
    rooms: Vec<RoomId>,
    /// Rooms whose members it concerns wherever they are, each once.
    mates: Vec<RoomId>,
    /// There are so many of those that it is for everybody.
    is_for_all: bool,
    /// Users whom it concerns wherever they are.
    users: Vec<UserId>,
    /// Users who sent a command that has an outcome now.
    authors: Vec<UserId>,
}

/// The lists of one waiting room: one for each thing that is awaited.
pub trait WaitLists {
    /// Tells whether somebody waits for this.
    fn has(&self, awaited: Awaited) -> bool;
    /// Returns how many lists there are.
    fn count(&self) -> usize;
    /// Visits every list.
    fn each(&self, visit: &mut dyn FnMut(Awaited));
}

/// Lookups that may be made to find out whom a call concerns: some hundred
/// microseconds, for which the follower waits, and a shard's connections too.
const SPREAD_MAX: usize = 16_384;

/// A waiting room of an edge's own, beside the node's: for readers who are held
/// without a task. They count as held, and are called like all others.
pub trait Annex: Send + Sync {
    /// Calls those whom it concerns. The news can be seen already. It must not block:
    /// the follower calls it.
    fn wake(&self, call: &Arc<Call>);
    /// Returns how many wait.
    fn waiting(&self) -> usize;
    /// Answers all who wait, spread over this time, and holds nobody any more.
    /// Returns at once.
    fn close(&self, spread: Duration);
}

impl Awaited {
    /// Returns the thing that a reader of this scope waits for.
    pub fn of(scope: &Scope) -> Awaited {
        match (scope, scope.person()) {
            (Scope::Room(room, _), _) => Awaited::Room(*room),
            (_, Some(person)) => Awaited::User(person),
            (_, None) => Awaited::OpenRooms(number_of(scope.open_rooms())),
        }
    }

    /// Tells whether its readers read more than one room, so that a call may not find them
    /// by a room alone.
    fn is_for_many_rooms(self) -> bool {
        matches!(self, Awaited::User(_) | Awaited::OpenRooms(_))
    }
}

impl Call {
    /// Returns the call for a batch: for those who sent its commands, and for those whom
    /// its news concern.
    pub(crate) fn of<'n>(
        authors: impl Iterator<Item = UserId>,
        news: impl Iterator<Item = &'n News>,
    ) -> Call {
        /// Rooms whose members are concerned: if there are more, they are most of a house.
        const MATES_MAX: usize = 4096;
        let mut call = Call { authors: authors.collect(), ..Call::default() };
        for news in news {
            call.users.extend(news.subject());
            match &news.audience {
                // A batch is mostly from one busy room, which is not collected again and again.
                Audience::Room(room) if call.rooms.last() == Some(room) => {}
                Audience::Room(room) => call.rooms.push(*room),
                Audience::Person(person) => call.users.push(*person),
                Audience::RoomMates { of, rooms } => {
                    call.users.push(*of);
                    if call.mates.len() < MATES_MAX && !call.mates.ends_with(rooms) {
                        call.mates.extend(rooms);
                    }
                    call.is_for_all |= call.mates.len() >= MATES_MAX;
                }
            }
        }
        for rooms in [&mut call.rooms, &mut call.mates] {
            rooms.sort_unstable();
            rooms.dedup();
        }
        call
    }

    /// Returns the call for those who wait for the outcomes of these users' commands.
    pub(crate) fn of_authors(authors: Vec<UserId>) -> Call {
        Call { authors, ..Call::default() }
    }

    /// Tells whether it concerns nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.users.is_empty() && self.authors.is_empty()
    }

    /// Finds the awaited things to call. Some may come twice.
    ///
    /// If much happened in large rooms, it would take longer to find out who is concerned
    /// than to let everybody look: then all who read more than one room are called. Returns
    /// how many lookups it took, which are bounded.
    pub(crate) fn spread(
        &self,
        roster: &Roster,
        onlookers: &Onlookers,
        lists: &impl WaitLists,
        mut call: impl FnMut(Awaited),
    ) -> usize {
        if lists.count() == 0 {
            return 0;
        }
        let lookups = self.authors.len() + self.users.len() + self.rooms.len() + self.mates.len();
        let mut call_if_there = |awaited| {
            if lists.has(awaited) {
                call(awaited);
            }
        };
        self.authors.iter().for_each(|&user| call_if_there(Awaited::Outcome(user)));
        self.users.iter().for_each(|&user| call_if_there(Awaited::User(user)));
        self.rooms.iter().for_each(|&room| call_if_there(Awaited::Room(room)));
        let members = |room: &RoomId| roster.members(*room);
        let members: Vec<_> = self.rooms.iter().chain(&self.mates).filter_map(members).collect();
        let fewer = |members: &&HashSet<UserId>| members.len().min(lists.count());
        let needed: usize = members.iter().map(fewer).sum();
        let onlookers = match SPREAD_MAX.checked_sub(needed) {
            Some(left) if !self.is_for_all => onlookers.of(&self.rooms, left),
            _ => None,
        };
        let Some(onlookers) = onlookers else {
            lists.each(&mut |awaited| {
                if awaited.is_for_many_rooms() {
                    call_if_there(awaited);
                }
            });
            return lookups + lists.count();
        };
        let needed = needed + onlookers.len();
        onlookers.into_iter().for_each(&mut call_if_there);
        for members in members {
            // Walks through the smaller one: the lists, or the members.
            if members.len() <= lists.count() {
                members.iter().for_each(|&user| call_if_there(Awaited::User(user)));
            } else {
                lists.each(&mut |awaited| {
                    if matches!(awaited, Awaited::User(user) if members.contains(&user)) {
                        call_if_there(awaited);
                    }
                });
            }
        }
        lookups + needed
    }
}

/// Returns the number of these rooms: FNV-1a over their ids, 53 bits of it.
fn number_of(rooms: &[RoomId]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = rooms.iter().flat_map(|room| room.get().to_le_bytes());
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)) >> 11
}
