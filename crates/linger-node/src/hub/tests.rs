//! The waiting room against a naive second opinion: a plain list of those who wait,
//! and the rule who is called, in words.
//!
//! Also the promise that everything relies on: a reader who may see an event is called.

use std::iter;

use linger_core::{
    Audience, Author, Command, Draft, Entry, LogId, News, Outcome, Position, Projection, RoomId,
    RoomKind, Timestamp, UserId, visibility::can_see,
};
use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::tests::cast::{create, draft, open, rename, say};

/// An operation on the waiting room. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Act {
    Enter(usize),
    Leave(usize),
    /// So many entries are applied in one batch, and those concerned are called.
    Apply(usize),
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn who_enters_leaves_and_is_called_is_as_in_a_plain_list(
        asks in prop::collection::vec((0..3_u64, 0..5_u8, 0..3_usize), 0..30),
        acts in prop::collection::vec(acts(), 0..60),
    ) {
        let mut town = Town::new(&asks);
        let hub = hub_for(usize::MAX);
        let mut waiting: Vec<(Scope, Ticket<'_>, bool)> = Vec::new();
        for act in acts {
            match act {
                Act::Enter(which) => {
                    let scope = town.scope(which);
                    let ticket = hub.enter(&scope).unwrap().unwrap();
                    waiting.push((scope, ticket, false));
                }
                Act::Leave(which) if !waiting.is_empty() => {
                    waiting.swap_remove(which % waiting.len());
                }
                Act::Leave(_) => {}
                Act::Apply(count) => {
                    let news = town.apply(count);
                    let call = Call::of(iter::empty(), news.iter().map(|news| &**news));
                    hub.wake(call, &town.roster);
                    let concerned = waiting.iter().map(|(scope, ..)| scope);
                    let concerned = concerned
                        .filter(|scope| news.iter().any(|news| town.concerns(news, scope)));
                    // Those who wait in one list are called together.
                    let lists: Vec<Awaited> = concerned.map(Awaited::of).collect();
                    for (scope, _, is_called) in &mut waiting {
                        *is_called |= lists.contains(&Awaited::of(scope));
                        let sees = |news: &&Arc<News>| town.sees(news, scope);
                        prop_assert!(*is_called || !news.iter().any(|news| sees(&news)), "{news:?} is missed");
                    }
                }
            }
            hub.lock().check();
            let room = hub.lock();
            for (scope, ticket, is_called) in &waiting {
                prop_assert_eq!(room.slots[ticket.key].is_called, *is_called, "{:?}", scope);
            }
            prop_assert_eq!(room.slots.len(), waiting.len());
        }
        drop(waiting);
        let room = hub.lock();
        prop_assert!(room.slots.is_empty() && room.lists.is_empty());
        prop_assert_eq!(hub.onlookers.len(), 0);
    }
}

fn hub_for(waiters_max: usize) -> Hub {
    let limits = Limits { waiters_max, ..Limits::default() };
    Hub::new(&limits, Arc::new(Metrics::new()))
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => any::<usize>().prop_map(Act::Enter),
        2 => any::<usize>().prop_map(Act::Leave),
        2 => (1..4_usize).prop_map(Act::Apply),
    ]
}

impl WaitingRoom {
    /// Checks that each slot stands in the list of its topic, once.
    fn check(&self) {
        let mut listed = Vec::new();
        for (&topic, &first) in &self.lists {
            let (mut previous, mut next) = (None, Some(first));
            while let Some(key) = next {
                let slot = &self.slots[key];
                assert_eq!((slot.awaited, slot.previous), (topic, previous));
                listed.push(key);
                (previous, next) = (Some(key), slot.next);
            }
        }
        listed.sort_unstable();
        assert_eq!(listed, self.slots.iter().map(|(key, _)| key).collect::<Vec<_>>());
    }
}

/// Three users and three rooms, and entries that come one after another.
struct Town {
    projection: Projection,
    roster: Roster,
    users: Vec<UserId>,
    rooms: Vec<(RoomId, RoomKind)>,
    to_come: Vec<Draft>,
}

impl Town {
    fn new(asks: &[(u64, u8, usize)]) -> Town {
        let mut town = Town {
            projection: Projection::in_memory(LogId::from_random(1)).unwrap(),
            roster: Roster::default(),
            users: (1..=3).map(|user| UserId::new(Position::new(user))).collect(),
            rooms: [(4, RoomKind::Open), (5, RoomKind::Closed), (6, RoomKind::Open)]
                .map(|(room, kind)| (RoomId::new(Position::new(room)), kind))
                .to_vec(),
            to_come: Vec::new(),
        };
        for name in ["ann", "bob", "cleo"] {
            town.expect(Author::Server, create(name));
        }
        for (room, opener) in [("tea", 0), ("cellar", 0), ("garden", 1)] {
            let kind = if room == "cellar" { RoomKind::Closed } else { RoomKind::Open };
            town.expect(Author::User(town.users[opener]), open(room, kind));
        }
        town.apply(6);
        for &(user, what, which) in asks {
            let (room, _) = town.rooms[which];
            let author = Author::User(town.users[user as usize]);
            let name = format!("{user}-{}", town.to_come.len());
            town.expect(
                author,
                match what {
                    0 => Command::JoinRoom { room },
                    1 => Command::LeaveRoom { room },
                    2 => Command::AddMember { room, user: town.users[which] },
                    3 => rename(&name),
                    _ => say(room, &name),
                },
            );
        }
        town
    }

    fn expect(&mut self, author: Author, command: Command) {
        let number = self.to_come.len() + self.projection.applied().get() as usize;
        self.to_come.push(draft(Timestamp::from_ms(0), author, &number.to_string(), command));
    }

    /// Applies the next entries in one batch.
    fn apply(&mut self, count: usize) -> Vec<Arc<News>> {
        let mut position = self.projection.applied();
        let drafts = self.to_come.drain(..count.min(self.to_come.len()));
        let entries: Vec<_> = drafts
            .map(|draft| {
                position = position.next();
                Entry { position, draft }
            })
            .collect();
        let outcomes = self.projection.apply(&entries).unwrap();
        let news: Vec<_> = outcomes.iter().filter_map(Outcome::news).cloned().collect();
        news.iter().for_each(|news| self.roster.fold(news));
        news
    }

    /// A room's scope, a user's, or an onlooker's.
    fn scope(&self, which: usize) -> Scope {
        match which % 10 {
            room @ 0..3 => Scope::Room(self.rooms[room].0, self.rooms[room].1),
            user @ 3..6 => Scope::Mine(self.users[user - 3]),
            user @ 6..9 => Scope::of_onlooker(Some(self.users[user - 6]), [self.rooms[user - 6]]),
            _ => Scope::of_onlooker(None, [self.rooms[0], self.rooms[2]]),
        }
    }

    /// The rule who is called, in words: those who wait for the room or look at it, those who
    /// are in it,
    /// and the one it is about. A rename is for the members of all rooms that its subject
    /// is in then, and is no event of a room.
    fn concerns(&self, news: &News, scope: &Scope) -> bool {
        let rooms = match &news.audience {
            Audience::Room(room) => vec![*room],
            Audience::Person(_) => vec![],
            Audience::RoomMates { rooms, .. } => rooms.clone(),
        };
        let is_of = |room: &RoomId| news.room_id() == Some(*room);
        let is_mine = |user: UserId| {
            let mut is_in = self.roster.stays(Some(user)).rooms();
            news.subject() == Some(user) || is_in.any(|room| rooms.contains(&room))
        };
        match scope {
            Scope::Room(room, _) => is_of(room),
            _ => scope.open_rooms().iter().any(is_of) || scope.person().is_some_and(is_mine),
        }
    }

    /// Tells whether a reader of this scope may see the news, whoever they are.
    fn sees(&self, news: &News, scope: &Scope) -> bool {
        let stays = |user| self.roster.stays(Some(user));
        match scope.person() {
            Some(person) => can_see(scope, stays(person), news),
            None => self.users.iter().any(|&user| can_see(scope, stays(user), news)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_enters_a_waiting_room_that_is_full_or_closing() {
    let hub = hub_for(2);
    let scope = &Scope::Mine(UserId::new(Position::new(1)));
    let places = [hub.enter(scope).unwrap().unwrap(), hub.enter(scope).unwrap().unwrap()];
    assert_eq!(hub.enter(scope).err(), Some(Crowded));
    hub.close(Duration::from_secs(1)).await;
    for place in &places {
        assert!(place.called_before(Instant::now() + Duration::from_secs(9)).await);
    }
    // A reader asked before the closing, and comes after those inside were called.
    assert!(hub.enter(scope).unwrap().is_none());
    drop(places);
    assert!(hub.enter(scope).unwrap().is_none());
    assert_eq!(hub.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_closing_room_calls_its_readers_spread_over_the_time_it_is_given() {
    let hub = Arc::new(hub_for(usize::MAX));
    let scope = Scope::Mine(UserId::new(Position::new(1)));
    let begin = Instant::now();
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let (hub, scope) = (hub.clone(), scope.clone());
        held.spawn(async move {
            let place = hub.enter(&scope).unwrap().unwrap();
            assert!(place.called_before(begin + Duration::from_secs(60)).await);
            begin.elapsed()
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    hub.close(Duration::from_secs(2)).await;
    let called = held.join_all().await;
    for second in [1, 2] {
        let [from, to] = [second, second + 1].map(Duration::from_secs);
        let count = called.iter().filter(|at| (from..to).contains(*at)).count();
        assert!((400..=600).contains(&count), "{count} in second {second}");
    }
    assert_eq!(hub.waiting(), 0);
}
