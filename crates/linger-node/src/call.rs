//! Whom news concerns, found out once per batch.
//!
//! A [`Call`] is made of a batch once, and spread by every waiting room over the
//! readers whom it has: the node's own (`hub`) and those of the edges ([`Annex`]).
//! It carries no news: who is called looks.

use std::{collections::HashSet, sync::Arc, time::Duration};

use linger_core::{Audience, News, RoomId, UserId, visibility::Scope};

use crate::roster::Roster;

/// What a reader waits for: those who wait for the same are called together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// Events of one room.
    Room(RoomId),
    /// Whatever one user sees.
    User(UserId),
    /// The outcome of what one user asked for.
    Outcome(UserId),
}

/// Whom one batch of news concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Rooms in which something happened, each once: for their readers and members.
    rooms: Vec<RoomId>,
    /// Rooms whose members it concerns wherever they are, each once.
    mates: Vec<RoomId>,
    /// So many of those that it is for everybody.
    is_for_all: bool,
    /// Users whom it concerns wherever they are.
    users: Vec<UserId>,
    /// Users who asked for something, and now it has an outcome.
    authors: Vec<UserId>,
}

/// What is waited for in one waiting room: a list for each.
pub trait WaitLists {
    /// Tells whether somebody waits for this.
    fn has(&self, awaited: Awaited) -> bool;
    /// Returns how many lists there are.
    fn count(&self) -> usize;
    /// Visits every user who is waited for.
    fn each_user(&self, visit: &mut dyn FnMut(UserId));
}

/// Lookups that may be made to find out whom a call concerns: some hundred
/// microseconds, for which the follower waits, and a shard's connections.
const SPREAD_MAX: usize = 16_384;

/// A waiting room of an edge's own, beside the node's: for readers who are held
/// without a task. They count as held, and are called like all others.
pub trait Annex: Send + Sync {
    /// Calls whom it concerns. What is to be seen can be seen already. It must not
    /// block: the follower calls it.
    fn wake(&self, call: &Arc<Call>);
    /// Returns how many wait.
    fn waiting(&self) -> usize;
    /// Answers all who wait, spread over this time, and holds nobody any more.
    /// Returns at once.
    fn close(&self, spread: Duration);
}

impl Awaited {
    /// Returns what a reader of this scope waits for.
    pub fn of(scope: Scope) -> Awaited {
        match scope {
            Scope::Room(room, _) => Awaited::Room(room),
            Scope::Mine(user) => Awaited::User(user),
        }
    }
}

impl Call {
    /// Returns whom a batch concerns: those who asked for it, and those whom the
    /// news is for that it left.
    pub(crate) fn of<'n>(
        authors: impl Iterator<Item = UserId>,
        news: impl Iterator<Item = &'n News>,
    ) -> Call {
        /// More rooms whose members are concerned are most of a house.
        const MATES_MAX: usize = 4096;
        let mut call = Call { authors: authors.collect(), ..Call::default() };
        for news in news {
            call.users.extend(news.subject());
            match &news.audience {
                // A batch is mostly one busy room: do not collect it again and again.
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

    /// Returns who waits for the outcome of what these users asked for.
    pub(crate) fn of_authors(authors: Vec<UserId>) -> Call {
        Call { authors, ..Call::default() }
    }

    /// Tells whether it concerns nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.users.is_empty() && self.authors.is_empty()
    }

    /// Finds what to call among that which somebody waits for. Some may come twice.
    ///
    /// To find out who is concerned by much that happened in large rooms would take
    /// longer than to let everybody look: then all users are called. Returns how many
    /// lookups it took, which are bounded.
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
            // Go through whichever is fewer: the lists, or the members.
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
