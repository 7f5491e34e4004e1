//! The price of a read, counted in steps of SQLite's machine: it follows what is
//! returned, not what lies around it.
//!
//! One stage for each size. On each stands the same that bob may read and asks for;
//! around it the house grows: old messages of a closed room, other rooms, renames of
//! strangers, members, and bob's own comings and goings of long ago.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{draft, most};
use crate::{
    Author, Command, Entry, LogId, MessageId, MessageText, News, Outcome, Position, Projection,
    RoomId, RoomKind, RoomName, Slug, Timestamp, Topic, UserId, UserName,
    feed::{self, PageMax},
    queries::{self, Place},
    visibility::Scope,
};

const SIZES: [usize; 3] = [1, 100, 10_000];
/// The events that bob reads in each room.
const READ: usize = 10;
const START: Position = Position::START;

/// A house, and where things stand in it.
pub(super) struct House {
    projection: Projection,
    entries: Vec<Entry>,
    pub(super) ann: UserId,
    pub(super) bob: UserId,
    tea: RoomId,
    den: RoomId,
    /// An open room that bob looks at from outside.
    sight: RoomId,
    /// Bob's comings and goings were before this, and all else that is old.
    since: Position,
    /// Before all of them but the first.
    long_ago: Position,
    /// Steps that SQLite's machine has done.
    steps: Arc<AtomicU64>,
}

impl House {
    /// Ann and bob are there, and nothing else.
    pub(super) fn empty() -> House {
        let (nobody, nowhere) = (UserId::new(START), RoomId::new(START));
        let mut house = House {
            projection: Projection::in_memory(LogId::from_random(0)).unwrap(),
            entries: Vec::new(),
            ann: nobody,
            bob: nobody,
            tea: nowhere,
            den: nowhere,
            sight: nowhere,
            since: START,
            long_ago: START,
            steps: Arc::default(),
        };
        house.ann = house.guest("ann");
        house.bob = house.guest("bob");
        house
    }

    /// Builds one in which so much lies around of all that bob does not ask for.
    fn with(noise: usize) -> House {
        let mut house = House::empty();
        let (ann, bob) = (house.ann, house.bob);
        house.tea = house.opens(ann, "tea", RoomKind::Open);
        house.den = house.opens(ann, "den", RoomKind::Closed);
        let (tea, den) = (house.tea, house.den);
        let club = house.opens(ann, "club", RoomKind::Open);
        let stranger = house.guest("stranger");
        let far = house.opens(stranger, "far", RoomKind::Open);
        house.sight = house.opens(stranger, "sight", RoomKind::Open);
        let sight = house.sight;
        for number in 0..noise + 20 {
            if number == 1 {
                house.long_ago = house.position();
            }
            house.says(ann, den, "before bob came");
            house.says(stranger, far, "far away");
            house.does(stranger, Command::RenameUser { name: name(&format!("stranger {number}")) });
            house.does(bob, Command::JoinRoom { room: club });
            house.does(bob, Command::LeaveRoom { room: club });
            let guest = house.guest("member");
            house.does(guest, Command::JoinRoom { room: tea });
        }
        house.since = house.position();
        house.does(bob, Command::JoinRoom { room: tea });
        house.does(ann, Command::AddMember { room: den, user: bob });
        for _ in 0..READ {
            house.says(ann, tea, "tea");
            house.says(stranger, far, "far away");
            house.says(ann, den, "den");
            house.says(stranger, sight, "in sight");
        }
        house.does(ann, Command::RenameUser { name: name("anna") });
        house.built()
    }

    /// Applies what happened, and begins to count.
    pub(super) fn built(mut self) -> House {
        let outcomes = self.projection.apply(&self.entries).unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))));
        self.projection.commit().unwrap();
        let steps = self.steps.clone();
        let count = move || {
            steps.fetch_add(1, Ordering::Relaxed);
            false
        };
        self.projection.connection_mut().progress_handler(1, Some(count)).unwrap();
        self
    }

    pub(super) fn position(&self) -> Position {
        Position::new(self.entries.len() as u64)
    }

    fn applies(&mut self, author: Author, command: Command) -> Position {
        let position = self.position().next();
        let draft = draft(Timestamp::from_ms(0), author, &format!("r{position}"), command);
        self.entries.push(Entry { position, draft });
        position
    }

    pub(super) fn does(&mut self, user: UserId, command: Command) {
        self.applies(Author::User(user), command);
    }

    /// Does one thing more in a house that is built, and returns the steps that this takes.
    pub(super) fn steps_of(&mut self, author: Author, command: Command) -> u64 {
        let place = self.entries.len();
        self.applies(author, command);
        let before = self.steps.load(Ordering::Relaxed);
        let outcomes = self.projection.apply(&self.entries[place..]).unwrap();
        assert!(matches!(outcomes[..], [Outcome::Accepted(_)]), "{outcomes:?}");
        self.steps.load(Ordering::Relaxed) - before
    }

    pub(super) fn guest(&mut self, called: &str) -> UserId {
        let name = name(called);
        let guest = Command::CreateGuest { name, token_hash: None, external_id: None };
        UserId::new(self.applies(Author::Server, guest))
    }

    pub(super) fn opens(&mut self, user: UserId, slug: &str, kind: RoomKind) -> RoomId {
        let (slug, name) = (Slug::parse(slug).unwrap(), RoomName::parse(slug).unwrap());
        let open = Command::OpenRoom { slug, name, topic: Topic::parse("").unwrap(), kind };
        RoomId::new(self.applies(Author::User(user), open))
    }

    pub(super) fn says(&mut self, user: UserId, room: RoomId, text: &str) {
        let text = MessageText::parse(text).unwrap();
        self.does(user, Command::say(room, text));
    }

    /// Counts the steps of a question, and returns its answer.
    pub(super) fn count<T>(
        &self,
        ask: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> (u64, T) {
        let before = self.steps.load(Ordering::Relaxed);
        let answer = ask(self.projection.connection()).unwrap();
        (self.steps.load(Ordering::Relaxed) - before, answer)
    }

    /// Counts the steps of a page of events, and returns how many those are.
    fn events(&self, scope: &Scope, after: Position, max: PageMax) -> (u64, usize) {
        let (steps, read) = self.count(|connection| {
            let reader = Some(self.bob);
            let stays = queries::stays_after(connection, reader, scope, after, max.items)?;
            feed::read(connection, scope, &stays, after, max)
        });
        (steps, read.news.len())
    }

    fn history(&self, scope: &Scope) -> (u64, usize) {
        let (steps, history) = self.count(|connection| {
            queries::history(connection, scope, Some(self.bob), None, most(50))
        });
        (steps, history.messages.len())
    }

    /// Counts the steps of a page of ten around the place of a message that is sought: the
    /// fifth one of bob's.
    fn passage(&self, scope: &Scope, place: fn(&News) -> Place) -> (u64, usize) {
        let (_, all) = self.count(|it| queries::history(it, scope, Some(self.bob), None, most(50)));
        let place = place(&all.messages[4]);
        let (steps, passage) =
            self.count(|it| queries::passage(it, scope, Some(self.bob), place, most(READ)));
        (steps, passage.messages.len())
    }

    fn den(&self) -> Scope {
        Scope::Room(self.den, RoomKind::Closed)
    }

    fn mine(&self) -> Scope {
        Scope::Mine(self.bob)
    }

    fn tea(&self) -> Scope {
        Scope::Room(self.tea, RoomKind::Open)
    }

    /// Bob's rooms, one of which he looks at too, and one that he is not in.
    fn looking(&self) -> Scope {
        Scope::of_onlooker(Some(self.bob), self.in_sight())
    }

    /// The same rooms, for a visitor.
    fn visiting(&self) -> Scope {
        Scope::of_onlooker(None, self.in_sight())
    }

    fn in_sight(&self) -> [(RoomId, RoomKind); 2] {
        [self.sight, self.tea].map(|room| (room, RoomKind::Open))
    }
}

fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

#[test]
fn a_read_costs_what_it_returns_whatever_lies_around_it() {
    let reads: [(&str, Read, usize); 13] = [
        ("history of a closed room", |house| house.history(&house.den()), READ),
        ("history of an open room", |house| house.history(&house.tea()), READ),
        ("a closed room, from the start", |house| house.events(&house.den(), START, most(5)), 5),
        ("an open room, from the start", |house| house.events(&house.tea(), START, most(1)), 1),
        (
            "an open room, lately",
            |house| house.events(&house.tea(), house.since, most(100)),
            READ + 1,
        ),
        ("my events, long ago", |house| house.events(&house.mine(), house.long_ago, most(20)), 20),
        ("my events, a part", |house| house.events(&house.mine(), house.since, most(10)), 10),
        (
            "my events, lately",
            |house| house.events(&house.mine(), house.since, most(1000)),
            2 * READ + 3,
        ),
        (
            "my events, caught up",
            |house| house.events(&house.mine(), house.projection.applied(), most(100)),
            0,
        ),
        (
            "my events and rooms in sight, lately",
            |house| house.events(&house.looking(), house.since, most(1000)),
            3 * READ + 3,
        ),
        (
            "my events and rooms in sight, caught up",
            |house| house.events(&house.looking(), house.projection.applied(), most(100)),
            0,
        ),
        (
            "rooms in sight, from the start",
            |house| house.events(&house.visiting(), START, most(2)),
            2,
        ),
        (
            "rooms in sight, lately",
            |house| house.events(&house.visiting(), house.since, most(1000)),
            2 * READ + 1,
        ),
    ];
    cost_the_same(&reads);
}

#[test]
fn a_passage_costs_what_it_returns_whatever_lies_around_it() {
    cost_the_same(&[
        ("after, in a closed room", |house| house.passage(&house.den(), after), READ / 2),
        ("after, in an open room", |house| house.passage(&house.tea(), after), READ / 2),
        ("around, in a closed room", |house| house.passage(&house.den(), around), READ),
        ("around, in an open room", |house| house.passage(&house.tea(), around), READ),
        ("from the start of a stay", |house| house.passage(&house.den(), first), READ),
    ]);
}

fn first(_: &News) -> Place {
    Place::After(MessageId::new(START))
}

fn after(news: &News) -> Place {
    Place::After(news.message().unwrap().id)
}

fn around(news: &News) -> Place {
    Place::Around(news.message().unwrap().id)
}

/// A question to a house: the steps that it takes, and how much the answer has.
type Read = fn(&House) -> (u64, usize);

/// Checks that each question finds so much in each house, and costs about the same.
fn cost_the_same(reads: &[(&str, Read, usize)]) {
    let houses = SIZES.map(House::with);
    for &(name, read, expected) in reads {
        // Statements are prepared before: what is counted is the read itself.
        houses.iter().for_each(|house| assert_eq!(read(house).1, expected, "{name}"));
        is_flat(name, houses.each_ref().map(|house| read(house).0));
    }
}

#[test]
fn a_number_is_found_in_some_lookups_for_each_doubling_of_the_log() {
    for size in [1, 30, 1000] {
        let house = House::with(size);
        let applied = house.projection.applied().get();
        let find = |number| {
            let (steps, found) = house.count(|it| queries::position_of(it, house.tea, number));
            assert!(found > house.tea.position(), "{size}");
            steps
        };
        find(2);
        let halvings = u64::from(applied.ilog2()) + 1;
        for number in [2, 20, size as u64, u64::MAX] {
            let steps = find(number.max(2));
            assert!(steps <= 40 * halvings, "{steps} steps among {applied} entries");
        }
    }
}

#[test]
fn what_came_between_two_messages_is_looked_through_up_to_the_size_of_a_page() {
    let costs = [0, 49, 10_000].map(|between| {
        let mut house = House::empty();
        let ann = house.ann;
        house.tea = house.opens(ann, "tea", RoomKind::Open);
        let tea = house.tea;
        house.says(ann, tea, "one");
        for _ in 0..between {
            let guest = house.guest("member");
            house.does(guest, Command::JoinRoom { room: tea });
        }
        house.says(ann, tea, "two");
        let house = house.built();
        assert_eq!(house.history(&house.tea()).1, 2);
        house.history(&house.tea()).0
    });
    let [none, some, many] = costs;
    assert!(some > none, "49 joins are looked through: {costs:?}");
    assert!(some < none + 49 * 25, "{costs:?}");
    assert!(many <= none + 50, "10,000 are not: {costs:?}");
}

#[test]
fn a_page_of_many_rooms_costs_the_same_however_much_comes_after_it() {
    let costs = [10, 100, 1000].map(|each| {
        let mut house = House::empty();
        let (ann, bob) = (house.ann, house.bob);
        let rooms: Vec<_> =
            (0..20).map(|room| house.opens(ann, &format!("room-{room}"), RoomKind::Open)).collect();
        rooms.iter().for_each(|room| house.does(bob, Command::JoinRoom { room: *room }));
        house.since = house.position();
        for _ in 0..each {
            rooms.iter().for_each(|room| house.says(ann, *room, "one of many"));
        }
        let house = house.built();
        let page = |house: &House| house.events(&house.mine(), house.since, most(50));
        assert_eq!(page(&house).1, 50);
        page(&house).0
    });
    is_flat("a page of many rooms", costs);
}

#[test]
fn a_page_is_bounded_in_bytes_and_the_next_one_goes_on_where_it_ended() {
    let mut house = House::empty();
    let (ann, bob) = (house.ann, house.bob);
    let tea = house.opens(ann, "tea", RoomKind::Open);
    house.does(bob, Command::JoinRoom { room: tea });
    house.since = house.position();
    let long = "\u{1f375}".repeat(4000);
    (0..20).for_each(|_| house.says(ann, tea, &long));
    let house = house.built();
    let connection = house.projection.connection();
    let max = PageMax { items: 100, bytes: 100_000 };
    let stays = queries::stays_of(connection, bob).unwrap();
    for scope in [house.mine(), Scope::Room(tea, RoomKind::Open)] {
        let (mut after, mut sizes) = (house.since, Vec::new());
        while after < house.projection.applied() {
            let read = feed::read(connection, &scope, &stays, after, max).unwrap();
            assert!(read.news.iter().map(|news| news.json.len()).sum::<usize>() <= max.bytes);
            sizes.push(read.news.len());
            after = read.upto;
        }
        assert_eq!(sizes, [6, 6, 6, 2]);
    }
    let (mut before, mut sizes) = (None, Vec::new());
    loop {
        let scope = Scope::Room(tea, RoomKind::Open);
        let page = queries::history(connection, &scope, Some(bob), before, max).unwrap();
        before = page.messages[0].message().map(|message| message.id);
        sizes.push(page.messages.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(sizes, [6, 6, 6, 2]);
    // One that is larger than a page is a page.
    let small = PageMax { items: 100, bytes: 10 };
    let read = feed::read(connection, &house.mine(), &stays, house.since, small).unwrap();
    assert_eq!((read.news.len(), read.upto), (1, house.since.next()));
}

#[test]
fn a_page_needs_no_more_stays_than_it_loads() {
    let mut house = House::empty();
    let (ann, bob) = (house.ann, house.bob);
    let kinds = [RoomKind::Open, RoomKind::Closed, RoomKind::Closed];
    let rooms = [0, 1, 2].map(|room| house.opens(ann, &format!("room-{room}"), kinds[room]));
    for turn in 0..40 {
        for (number, room) in rooms.into_iter().enumerate() {
            // Short stays, and some that last over many of the others.
            match turn % (3 + 5 * number) {
                0 if turn == 0 => house.does(ann, Command::AddMember { room, user: bob }),
                0 => house.does(bob, Command::JoinRoom { room }),
                1 if number == 0 => house.does(bob, Command::LeaveRoom { room }),
                7 => house.does(bob, Command::LeaveRoom { room }),
                _ => house.says(ann, room, "something"),
            }
        }
        house.does(ann, Command::RenameUser { name: name(&format!("ann {turn}")) });
    }
    let house = house.built();
    let connection = house.projection.connection();
    let all = queries::stays_of(connection, bob).unwrap();
    let of_rooms = rooms.iter().zip(kinds).map(|(room, kind)| Scope::Room(*room, kind));
    for scope in of_rooms.chain([house.mine()]) {
        for after in (0..house.projection.applied().get()).map(Position::new) {
            for max in [1, 2, 3, 10, 100].map(most) {
                let found = queries::stays_after(connection, Some(bob), &scope, after, max.items);
                let page = feed::read(connection, &scope, &found.unwrap(), after, max).unwrap();
                let expected = feed::read(connection, &scope, &all, after, max).unwrap();
                assert_eq!(page, expected, "{scope:?} after {after}, {max:?}");
            }
        }
    }
}

/// Checks that a read costs about the same in all houses.
#[track_caller]
pub(super) fn is_flat(read: &str, costs: [u64; 3]) {
    let least = costs.into_iter().min().expect("there are three");
    let is_flat = costs.iter().all(|cost| *cost <= least + least / 2);
    assert!(is_flat, "{read} costs {costs:?} steps: more than half as much again");
}
