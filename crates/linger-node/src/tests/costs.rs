//! The price of what others wait for, counted in lookups: a look in memory, and
//! finding out whom news concern.

use std::collections::BTreeSet;

use linger_core::{
    Author, Command, Entry, LogId, Position, Projection, RoomId, RoomKind, Timestamp, UserId,
    visibility::Scope,
};

use super::cast::{create, draft, open, rename, say};
use crate::{
    Awaited, Call, Limits, WaitLists, limits::LOOKUPS_MAX, memory::Memory, onlookers::Onlookers,
    roster::Roster,
};

const SIZES: [usize; 3] = [1, 100, 10_000];

/// A house in memory.
struct House {
    projection: Projection,
    memory: Memory,
    entries: Vec<Entry>,
    calls: Vec<Call>,
}

impl House {
    fn new(limits: &Limits) -> House {
        let projection = Projection::in_memory(LogId::from_random(0)).unwrap();
        let memory = Memory::new(Roster::default(), Vec::new(), Position::START, limits);
        House { projection, memory, entries: Vec::new(), calls: Vec::new() }
    }

    fn does(&mut self, author: Author, command: Command) -> Position {
        let position = Position::new(self.memory.applied().get() + self.entries.len() as u64 + 1);
        let draft = draft(Timestamp::from_ms(0), author, &format!("r{position}"), command);
        self.entries.push(Entry { position, draft });
        position
    }

    fn guest(&mut self) -> UserId {
        UserId::new(self.does(Author::Server, create(&format!("guest {}", self.entries.len()))))
    }

    fn opens(&mut self, user: UserId, slug: &str, kind: RoomKind) -> RoomId {
        RoomId::new(self.does(Author::User(user), open(slug, kind)))
    }

    fn asks(&mut self, user: UserId, command: Command) {
        self.does(Author::User(user), command);
    }

    /// Applies what happened, and notes whom it concerns.
    fn apply(&mut self) -> Position {
        let entries = std::mem::take(&mut self.entries);
        let outcomes = self.projection.apply(&entries).unwrap();
        let news: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.news().cloned()).collect();
        assert!(
            outcomes.iter().all(|outcome| matches!(outcome, linger_core::Outcome::Accepted(_)))
        );
        let mut outcomes = entries.iter().map(|entry| entry.position).zip(outcomes);
        while !self.memory.absorb(&mut outcomes) {}
        self.calls.push(Call::of(std::iter::empty(), news.iter().map(|news| &**news)));
        self.memory.applied()
    }

    /// Counts the lookups of a look, and the events that it found.
    fn look(&self, reader: UserId, scope: &Scope, after: Position) -> Option<(usize, usize)> {
        let look = self.memory.look(Some(reader), scope, after, 1000, LOOKUPS_MAX)?;
        Some((look.lookups, look.news.len()))
    }
}

/// Bob is in #tea and in the closed #den, looks at #sight, and was caught up before the
/// noise began. The noise is, so many times: a room that he is not in, renames of people in hundreds
/// of rooms that he does not share, and events that he may not see any more.
fn bob_among(noise: usize) -> (House, UserId, [Scope; 5], Position) {
    let mut house = House::new(&Limits::default());
    let [ann, bob, stranger] = [house.guest(), house.guest(), house.guest()];
    let tea = house.opens(ann, "tea", RoomKind::Open);
    let den = house.opens(ann, "den", RoomKind::Closed);
    let club = house.opens(ann, "club", RoomKind::Closed);
    let far = house.opens(stranger, "far", RoomKind::Open);
    let sight = house.opens(stranger, "sight", RoomKind::Open);
    for room in 0..10 {
        house.opens(stranger, &format!("far-{room}"), RoomKind::Closed);
    }
    house.asks(bob, Command::JoinRoom { room: tea });
    house.asks(ann, Command::AddMember { room: den, user: bob });
    house.asks(ann, Command::AddMember { room: club, user: bob });
    house.asks(bob, Command::LeaveRoom { room: club });
    let after = house.apply();
    for number in 0..noise {
        house.asks(stranger, say(far, "far away"));
        if number % 10 == 0 {
            house.asks(stranger, rename(&format!("stranger {number}")));
            house.asks(ann, say(club, "without bob"));
        }
    }
    for room in [tea, den] {
        house.asks(ann, say(room, "for bob"));
    }
    house.asks(stranger, say(sight, "in sight"));
    house.apply();
    let in_sight = [(tea, RoomKind::Open), (sight, RoomKind::Open)];
    let scopes = [
        Scope::Mine(bob),
        Scope::Room(tea, RoomKind::Open),
        Scope::Room(den, RoomKind::Closed),
        Scope::of_onlooker(Some(bob), in_sight),
        Scope::of_onlooker(None, in_sight),
    ];
    (house, bob, scopes, after)
}

#[test]
fn a_look_takes_as_many_lookups_whatever_else_happened() {
    let houses = SIZES.map(bob_among);
    for scope in 0..5 {
        let looks = houses.each_ref().map(|(house, bob, scopes, after)| {
            house.look(*bob, &scopes[scope], *after).expect("memory has it all")
        });
        let expected = [2, 1, 1, 3, 2][scope];
        assert!(looks.iter().all(|(_, found)| *found == expected), "{looks:?}");
        let (least, most) = (looks.iter().min().unwrap().0, looks.iter().max().unwrap().0);
        // Four events were walked through, or a few ranges asked: both are cheap.
        assert!(most <= least + least / 2 || most <= 12, "scope {scope}: {looks:?}");
    }
}

#[test]
fn a_look_takes_as_many_lookups_however_often_the_reader_came_and_went() {
    let costs = SIZES.map(|times| {
        let mut house = House::new(&Limits::default());
        let [ann, bob] = [house.guest(), house.guest()];
        let tea = house.opens(ann, "tea", RoomKind::Open);
        for _ in 0..times {
            house.asks(bob, Command::JoinRoom { room: tea });
            house.asks(bob, Command::LeaveRoom { room: tea });
        }
        let after = house.apply();
        house.asks(ann, say(tea, "not for bob"));
        house.apply();
        house.look(bob, &Scope::Mine(bob), after)
    });
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}

#[test]
fn a_look_that_would_take_too_many_lookups_is_left_to_a_task() {
    let mut house = House::new(&Limits::default());
    let bob = house.guest();
    for room in 0..LOOKUPS_MAX + 10 {
        house.opens(bob, &format!("room-{room}"), RoomKind::Open);
    }
    let before = house.memory.applied();
    let after = house.apply();
    let scope = Scope::Mine(bob);
    assert_eq!(house.look(bob, &scope, after), Some((0, 0)), "nothing happened since");
    assert_eq!(house.look(bob, &scope, before), None);
    let all = house.memory.look(Some(bob), &scope, before, 1000, usize::MAX).unwrap();
    assert_eq!(all.news.len(), 1000);
}

#[test]
fn what_memory_holds_is_bounded_in_bytes_however_long_messages_are() {
    let limits = Limits { recent_bytes_max: 1 << 20, ..Limits::default() };
    let mut house = House::new(&limits);
    let ann = house.guest();
    let tea = house.opens(ann, "tea", RoomKind::Open);
    for _ in 0..200 {
        house.asks(ann, say(tea, &"\u{1f375}".repeat(4000)));
    }
    let last = house.apply();
    // Text and JSON take 16,000 bytes each.
    let held = (1..=last.get()).filter(|at| house.memory.event(Position::new(*at)).is_some());
    assert_eq!(held.count(), 31);
    assert!(house.memory.outcome(Position::new(3)).is_some(), "it has no text");
}

/// So many people wait for what they see; counts how many are called.
struct Crowd(BTreeSet<UserId>);

impl WaitLists for Crowd {
    fn has(&self, awaited: Awaited) -> bool {
        matches!(awaited, Awaited::User(user) if self.0.contains(&user))
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn each(&self, visit: &mut dyn FnMut(Awaited)) {
        self.0.iter().copied().map(Awaited::User).for_each(visit);
    }
}

#[test]
fn to_call_for_a_rename_in_many_large_rooms_takes_a_bounded_number_of_lookups() {
    let mut house = House::new(&Limits::default());
    let ann = house.guest();
    let mates: Vec<_> = (0..1000).map(|_| house.guest()).collect();
    for room in 0..50 {
        let room = house.opens(ann, &format!("room-{room}"), RoomKind::Open);
        mates.iter().for_each(|mate| house.asks(*mate, Command::JoinRoom { room }));
    }
    house.apply();
    house.asks(ann, rename("anna"));
    house.apply();
    let call = house.calls.pop().unwrap();
    let crowd = Crowd(mates.iter().copied().collect());
    let mut called = BTreeSet::new();
    let onlookers = Onlookers::new(0);
    let lookups = call.spread(&house.memory.roster, &onlookers, &crowd, |awaited| match awaited {
        Awaited::User(user) => drop(called.insert(user)),
        awaited => panic!("{awaited:?} is not concerned"),
    });
    assert_eq!(called, crowd.0, "all of them see it");
    assert!(lookups < 2000, "{lookups} lookups, and there are 50,000 memberships");
}

#[test]
fn to_call_for_a_room_takes_a_lookup_for_each_who_looks_at_it_and_none_for_others() {
    // So many look at the room, and so many at another.
    for (here, there) in [(1, 10_000), (100, 100), (10_000, 1)] {
        let mut house = House::new(&Limits::default());
        let ann = house.guest();
        let people: Vec<_> = (0..here + there).map(|_| house.guest()).collect();
        let tea = house.opens(ann, "tea", RoomKind::Open);
        let garden = house.opens(ann, "garden", RoomKind::Open);
        house.apply();
        house.asks(ann, say(tea, "hello"));
        house.apply();
        let onlookers = Onlookers::new(usize::MAX);
        let look = |people: &[UserId], room| {
            let scopes = people.iter().map(|who| Scope::of_onlooker(Some(*who), [room]));
            scopes.map(|scope| onlookers.note(&scope).unwrap()).collect::<Vec<_>>()
        };
        let (near, far) = people.split_at(here);
        let noted = [look(near, (tea, RoomKind::Open)), look(far, (garden, RoomKind::Open))];
        let crowd = Crowd(people.iter().copied().collect());
        let mut called = BTreeSet::new();
        let call = house.calls.pop().unwrap();
        let lookups = call.spread(&house.memory.roster, &onlookers, &crowd, |awaited| {
            called.insert(awaited);
        });
        assert_eq!(called, near.iter().copied().map(Awaited::User).collect());
        assert!(lookups <= here + 5, "{lookups} lookups for {here} of {}", here + there);
        drop(noted);
        assert_eq!(onlookers.len(), 0);
    }
}

#[test]
fn to_call_for_a_room_that_half_a_town_looks_at_takes_a_bounded_number_of_lookups() {
    let mut house = House::new(&Limits::default());
    let ann = house.guest();
    let tea = house.opens(ann, "tea", RoomKind::Open);
    house.apply();
    house.asks(ann, say(tea, "hello"));
    house.apply();
    let people = (0..40_000).map(|number| UserId::new(Position::new(1000 + number)));
    let onlookers = Onlookers::new(usize::MAX);
    let noted = people.clone().map(|who| {
        let scope = Scope::of_onlooker(Some(who), [(tea, RoomKind::Open)]);
        onlookers.note(&scope).unwrap()
    });
    let _noted: Vec<_> = noted.collect();
    // A shard holds some of them.
    let crowd = Crowd(people.step_by(100).collect());
    let mut called = BTreeSet::new();
    let call = house.calls.pop().unwrap();
    let lookups = call.spread(&house.memory.roster, &onlookers, &crowd, |awaited| {
        called.insert(awaited);
    });
    assert_eq!(called, crowd.0.iter().copied().map(Awaited::User).collect(), "all see it");
    assert!(lookups < 1000, "{lookups} lookups to call 400");
}
