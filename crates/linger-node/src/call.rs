//! Calls: those whom a batch of news concerns, found out once for the batch.
//!
//! A [`Call`] is made from a batch once. Every waiting room finds the readers in it
//! whom the call concerns: the node's own (`hub`) and those of the edges ([`Annex`]).
//! It carries no news: the readers who are called look for themselves.

use std::{collections::HashSet, sync::Arc, time::Duration};

use linger_core::{Audience, News, RoomId, UserId, visibility::Scope};

use crate::roster::Roster;

/// The thing that a reader waits for: those who wait for the same are called together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// Events of one room.
    Room(RoomId),
    /// All events that one user sees.
    User(UserId),
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
    /// Visits every user whose events somebody waits for.
    fn each_user(&self, visit: &mut dyn FnMut(UserId));
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
    pub fn of(scope: Scope) -> Awaited {
        match scope {
            Scope::Room(room, _) => Awaited::Room(room),
            Scope::Mine(user) => Awaited::User(user),
        }
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
    /// than to let everybody look: then all users are called. Returns how many lookups it
    /// took, which are bounded.
    pub(crate) fn spread(
        &self,
        roster: &Roster,
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
        if self.is_for_all || needed > SPREAD_MAX {
            lists.each_user(&mut |user| call_if_there(Awaited::User(user)));
            return lookups + lists.count();
        }
        for members in members {
            // Walks through the smaller one: the lists, or the members.
            if members.len() <= lists.count() {
                members.iter().for_each(|&user| call_if_there(Awaited::User(user)));
            } else {
                lists.each_user(&mut |user| {
                    if members.contains(&user) {
                        call_if_there(Awaited::User(user));
                    }
                });
            }
        }
        lookups + needed
    }
}
