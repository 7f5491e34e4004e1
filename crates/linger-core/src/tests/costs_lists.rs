//! Lists of rooms and members: many small pages are the whole list, and the cost of a
//! page follows its size, counted in SQLite's steps.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use proptest::prelude::*;

use super::{
    draft,
    logs::{Log, asks, empty, limits, readers},
    properties::laws,
};
use crate::{
    Author, Command, Entry, Outcome, Position, Projection, RoomId, RoomKind, RoomName, Slug,
    Timestamp, Topic, UserId, UserName, queries,
};

proptest! {
    #![proptest_config(laws(128))]

    #[test]
    fn pages_of_rooms_and_members_are_the_whole_list(asks in asks(), limits in limits()) {
        let log = Log::of(&asks);
        let mut projection = empty();
        projection.apply(&log.entries).unwrap();
        let db = projection.connection();
        let is_in = |room: RoomId, user: UserId| log.model.members[&room].contains(&user);
        for reader in readers() {
            let mut limits = limits.iter().cycle();
            let rooms = log.model.rooms.values().filter(|room| {
                room.kind == RoomKind::Open || reader.is_some_and(|user| is_in(room.id, user))
            });
            let rooms: Vec<_> = rooms.cloned().collect();
            let mut listed = Vec::new();
            loop {
                let after = listed.last().map(|room: &queries::Room| room.id);
                let limit = *limits.next().unwrap();
                let page = queries::rooms_for(db, reader, after, limit).unwrap();
                prop_assert!(page.rooms.len() == limit || !page.more);
                listed.extend(page.rooms);
                if !page.more {
                    break;
                }
            }
            prop_assert_eq!(&listed, &rooms);
            if let Some(user) = reader {
                let mine = queries::rooms_of(db, user, 1).unwrap();
                let expected: Vec<_> =
                    log.model.rooms.values().filter(|room| is_in(room.id, user)).collect();
                prop_assert_eq!(mine.rooms.iter().collect::<Vec<_>>(), &expected[..expected.len().min(1)]);
                prop_assert_eq!(mine.more, expected.len() > 1);
            }
        }
        for (room, members) in &log.model.members {
            let mut limits = limits.iter().cycle();
            let mut listed: Vec<UserId> = Vec::new();
            loop {
                let after = listed.last().copied();
                let page = queries::members_of(db, *room, after, *limits.next().unwrap()).unwrap();
                listed.extend(page.members.iter().map(|member| member.id));
                if !page.more {
                    break;
                }
            }
            prop_assert_eq!(listed, members.iter().copied().collect::<Vec<_>>());
        }
    }
}

/// The sizes of everything around a page that stays the same.
const SIZES: [u64; 3] = [1, 100, 10_000];
/// Rooms or members of each page.
const PAGE: usize = 10;

/// The name of something that grows, and the function that makes it grow.
type Row<'a> = (&'static str, &'a dyn Fn(&mut World, u64));

/// Checks that a read takes about as many steps whatever lies around it.
fn check_flat(what: &str, grow: impl Fn(&mut World, u64), read: impl Fn(&World) -> usize) {
    let steps = SIZES.map(|size| {
        let mut world = World::new();
        grow(&mut world, size);
        // Statements are prepared by then.
        assert_eq!(read(&world), PAGE, "{what}: {size}");
        let before = world.steps.load(Ordering::Relaxed);
        read(&world);
        world.steps.load(Ordering::Relaxed) - before
    });
    assert!(steps[0] > PAGE as u64, "{what}: steps are counted: {steps:?}");
    for more in steps {
        assert!(2 * more <= 3 * steps[0], "{what}: {steps:?} for {SIZES:?}");
    }
}

#[test]
fn a_page_of_rooms_costs_what_it_returns() {
    let rooms = |world: &World| {
        let [bobs, visitors] = [Some(world.bob), None]
            .map(|reader| queries::rooms_for(world.db(), reader, None, PAGE).unwrap().rooms.len());
        assert_eq!(bobs, visitors);
        bobs
    };
    let page = |world: &mut World| world.open_many(world.ann, RoomKind::Open, PAGE as u64);
    let rows: [Row<'_>; 4] = [
        ("others' closed rooms before them", &|world, size| {
            world.open_many(world.ann, RoomKind::Closed, size);
            page(world);
        }),
        ("open rooms behind them", &|world, size| {
            page(world);
            world.open_many(world.ann, RoomKind::Open, size);
        }),
        ("closed rooms that one has left", &|world, size| {
            for _ in 0..size {
                let room = world.open(world.bob, RoomKind::Closed);
                world.ask(world.bob, Command::LeaveRoom { room });
            }
            page(world);
        }),
        ("stays in one closed room that are past", &|world, size| {
            let room = world.open(world.bob, RoomKind::Closed);
            for _ in 0..size {
                world.ask(world.bob, Command::LeaveRoom { room });
                world.ask(world.bob, Command::JoinRoom { room });
            }
            page(world);
        }),
    ];
    for (what, grow) in rows {
        check_flat(what, grow, rooms);
    }
}

#[test]
fn a_later_page_of_rooms_costs_as_much_as_the_first() {
    let last = Rc::new(Cell::new(None));
    let grow = |world: &mut World, size| {
        for _ in 0..size {
            last.set(Some(world.open(world.bob, RoomKind::Open)));
        }
        world.open_many(world.bob, RoomKind::Closed, PAGE as u64);
    };
    check_flat("rooms on pages before", grow, |world| {
        queries::rooms_for(world.db(), Some(world.bob), last.get(), PAGE).unwrap().rooms.len()
    });
}

#[test]
fn what_a_page_needs_to_start_costs_what_it_returns() {
    let rows: [Row<'_>; 3] = [
        ("rooms that one is not in", &|world, size| {
            world.open_many(world.ann, RoomKind::Open, size);
        }),
        ("stays that are past", &|world, size| {
            let room = world.open(world.bob, RoomKind::Open);
            for _ in 0..size {
                world.ask(world.bob, Command::LeaveRoom { room });
                world.ask(world.bob, Command::JoinRoom { room });
            }
            world.ask(world.bob, Command::LeaveRoom { room });
        }),
        ("starts of the server", &|world, size| {
            for epoch in 0..size {
                let epoch = crate::Epoch::from_random(epoch);
                world.apply(Author::Server, Command::BeginEpoch { epoch });
            }
        }),
    ];
    for (what, grow) in rows {
        let grow = |world: &mut World, size| {
            grow(world, size);
            world.open_many(world.bob, RoomKind::Closed, PAGE as u64);
        };
        check_flat(what, grow, |world| {
            queries::epoch_at(world.db(), world.projection.applied()).unwrap();
            queries::rooms_of(world.db(), world.bob, 500).unwrap().rooms.len()
        });
    }
}

#[test]
fn a_page_of_members_costs_what_it_returns() {
    let tea = Rc::new(Cell::new(None));
    let members = |world: &World| {
        queries::members_of(world.db(), tea.get().unwrap(), None, PAGE).unwrap().members.len()
    };
    let join = |world: &mut World, room: RoomId, people: u64| {
        for _ in 0..people {
            let person = world.guest("cleo");
            world.ask(person, Command::JoinRoom { room });
        }
    };
    let rows: [Row<'_>; 2] = [
        ("members behind them", &|world, size| {
            let room = world.open(world.ann, RoomKind::Open);
            tea.set(Some(room));
            join(world, room, PAGE as u64 + size);
        }),
        ("members of other rooms", &|world, size| {
            let [room, other] = [(); 2].map(|()| world.open(world.ann, RoomKind::Open));
            tea.set(Some(room));
            join(world, other, size);
            join(world, room, PAGE as u64);
        }),
    ];
    for (what, grow) in rows {
        check_flat(what, grow, members);
    }
}

#[test]
fn a_name_means_the_one_member_who_bears_it() {
    let mut world = World::new();
    let [tea, cake] = [(); 2].map(|()| world.open(world.ann, RoomKind::Open));
    let mut people = Vec::new();
    for (name, rooms) in [("cleo", &[tea][..]), ("cleo", &[cake]), ("dan", &[tea]), ("dan", &[tea])]
    {
        let person = world.guest(name);
        for &room in rooms {
            world.ask(person, Command::JoinRoom { room });
        }
        people.push(person);
    }
    let rows = [
        ("one member", tea, "ann", Some(world.ann)),
        ("one here, and one elsewhere", tea, "cleo", Some(people[0])),
        ("the other one, there", cake, "cleo", Some(people[1])),
        ("two members", tea, "dan", None),
        ("somebody who is elsewhere", cake, "dan", None),
        ("somebody who is nowhere", tea, "bob", None),
        ("nobody", tea, "eve", None),
        ("another form of it", tea, "Ann", None),
    ];
    for (case, room, name, expected) in rows {
        let name = UserName::parse(name).unwrap();
        let found = queries::member_named(world.db(), room, &name).unwrap();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn looking_for_names_costs_what_there_is_of_each() {
    let tea = Rc::new(Cell::new(None));
    let named = |count: u64| (0..count).map(|n| UserName::parse(&format!("p{n}")).unwrap());
    let found = |world: &World| {
        let room = tea.get().unwrap();
        named(PAGE as u64)
            .filter_map(|name| queries::member_named(world.db(), room, &name).unwrap())
            .count()
    };
    let begin = |world: &mut World| {
        let room = world.open(world.ann, RoomKind::Open);
        tea.set(Some(room));
        for n in 0..PAGE {
            let person = world.guest(&format!("p{n}"));
            world.ask(person, Command::JoinRoom { room });
        }
        room
    };
    let rows: [Row<'_>; 2] = [
        ("other members", &|world, size| {
            let room = begin(world);
            for n in 0..size {
                let person = world.guest(&format!("q{n}"));
                world.ask(person, Command::JoinRoom { room });
            }
        }),
        ("people who are elsewhere", &|world, size| {
            begin(world);
            for n in 0..size {
                world.guest(&format!("p{n}x"));
            }
        }),
    ];
    for (what, grow) in rows {
        check_flat(what, grow, found);
    }
    // A name that half the server bears is not looked through.
    let mut world = World::new();
    begin(&mut world);
    let steps = [50, 1000].map(|count| {
        for _ in 0..count {
            world.guest("p0");
        }
        let before = world.steps.load(Ordering::Relaxed);
        assert_eq!(found(&world), PAGE - 1, "p0 is too many people");
        world.steps.load(Ordering::Relaxed) - before
    });
    assert!(steps[1] <= steps[0], "{steps:?}");
}

/// Tables with ann and bob in them, and a count of SQLite's steps there.
struct World {
    projection: Projection,
    steps: Arc<AtomicU64>,
    ann: UserId,
    bob: UserId,
}

impl World {
    fn new() -> World {
        let nobody = UserId::new(Position::START);
        let (projection, steps) = (empty(), Arc::new(AtomicU64::new(0)));
        let mut world = World { projection, steps: steps.clone(), ann: nobody, bob: nobody };
        (world.ann, world.bob) = (world.guest("ann"), world.guest("bob"));
        let count = move || {
            steps.fetch_add(1, Ordering::Relaxed);
            false
        };
        world.projection.connection_mut().progress_handler(1, Some(count)).unwrap();
        world
    }

    fn db(&self) -> &rusqlite::Connection {
        self.projection.connection()
    }

    fn guest(&mut self, name: &str) -> UserId {
        let name = UserName::parse(name).unwrap();
        let command = Command::CreateGuest { name, token_hash: None, external_id: None };
        UserId::new(self.apply(Author::Server, command))
    }

    fn open(&mut self, opener: UserId, kind: RoomKind) -> RoomId {
        let slug = Slug::parse(&format!("r{}", self.projection.applied())).unwrap();
        let name = RoomName::parse(slug.as_str()).unwrap();
        let topic = Topic::parse("").unwrap();
        RoomId::new(self.ask(opener, Command::OpenRoom { slug, name, topic, kind }))
    }

    fn open_many(&mut self, opener: UserId, kind: RoomKind, rooms: u64) {
        for _ in 0..rooms {
            self.open(opener, kind);
        }
    }

    fn ask(&mut self, user: UserId, command: Command) -> Position {
        self.apply(Author::User(user), command)
    }

    fn apply(&mut self, author: Author, command: Command) -> Position {
        let position = self.projection.applied().next();
        let mut draft = draft(Timestamp::from_ms(0), author, "unnamed", command);
        draft.request = None;
        let outcomes = self.projection.apply(&[Entry { position, draft }]).unwrap();
        assert!(matches!(outcomes[0], Outcome::Accepted(_)), "{outcomes:?}");
        position
    }
}
