//! Each reader's events, chosen in three ways: by the index rows of the tables, by the
//! rule of `visibility` on the value, and by a naive list of those who were there.
//!
//! The events are made up, private ones too, which no command leaves yet.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rusqlite::params;

use super::{
    logs::{ALL, empty, limits},
    most,
    properties::laws,
};
use crate::{
    Audience, Event, EventKind, News, Person, Position, RoomId, RoomKind, Slug, Timestamp, UserId,
    UserName, apply, feed,
    statements::Batch,
    sum,
    visibility::{Scope, Stays, can_see},
};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happening {
    Comes(u64, u64),
    Goes(u64, u64),
    InRoom(u64),
    ToPerson(u64),
    ToRoomMates(u64),
}

const PEOPLE: u64 = 4;
const ROOMS: u64 = 3;

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        3 => (0..PEOPLE, 0..ROOMS).prop_map(|(person, room)| Happening::Comes(person, room)),
        2 => (0..PEOPLE, 0..ROOMS).prop_map(|(person, room)| Happening::Goes(person, room)),
        4 => (0..ROOMS).prop_map(Happening::InRoom),
        2 => (0..PEOPLE).prop_map(Happening::ToPerson),
        2 => (0..PEOPLE).prop_map(Happening::ToRoomMates),
    ];
    prop::collection::vec(happening, 0..60)
}

fn person(number: u64) -> UserId {
    UserId::new(Position::new(1 + number))
}

fn room(number: u64) -> RoomId {
    RoomId::new(Position::new(1 + PEOPLE + number))
}

proptest! {
    #![proptest_config(laws(256))]

    #[test]
    fn tables_and_memory_decide_alike_and_as_a_naive_list_does(
        happenings in happenings(),
        limits in limits(),
    ) {
        let projection = empty();
        let db = projection.connection();
        let mut stays: BTreeMap<UserId, Stays> = BTreeMap::new();
        let mut inside: BTreeMap<RoomId, BTreeSet<UserId>> = BTreeMap::new();
        let mut numbers: BTreeMap<RoomId, u64> = BTreeMap::new();
        let mut told: Vec<(News, BTreeSet<UserId>)> = Vec::new();
        for (place, happening) in happenings.iter().enumerate() {
            let position = Position::new(100 + place as u64);
            let (audience, mut there) = match *happening {
                Happening::Comes(who, which) => {
                    let inside = inside.entry(room(which)).or_default();
                    if !inside.insert(person(who)) {
                        continue;
                    }
                    stays.entry(person(who)).or_default().begin(room(which), position);
                    (Audience::Room(room(which)), inside.clone())
                }
                Happening::Goes(who, which) => {
                    let inside = inside.entry(room(which)).or_default();
                    let there = inside.clone();
                    if !inside.remove(&person(who)) {
                        continue;
                    }
                    stays.entry(person(who)).or_default().end(room(which), position);
                    (Audience::Room(room(which)), there)
                }
                Happening::InRoom(which) => {
                    let there = inside.entry(room(which)).or_default().clone();
                    (Audience::Room(room(which)), there)
                }
                Happening::ToPerson(who) => {
                    (Audience::Person(person(who)), BTreeSet::from([person(who)]))
                }
                Happening::ToRoomMates(who) => {
                    let shared = inside.iter().filter(|(_, inside)| inside.contains(&person(who)));
                    let rooms: Vec<RoomId> = shared.clone().map(|(room, _)| *room).collect();
                    let there = shared.flat_map(|(_, inside)| inside).copied().collect();
                    (Audience::RoomMates { of: person(who), rooms }, there)
                }
            };
            if let Audience::RoomMates { of, .. } = &audience {
                there.insert(*of);
            }
            let number = match &audience {
                Audience::Room(room) => {
                    let number = numbers.entry(*room).or_default();
                    *number += 1;
                    Some(*number)
                }
                _ => None,
            };
            let news = News::new(event(position, number), audience);
            apply::store(&Batch::on(db), &news).unwrap();
            told.push((news, there));
        }
        for (room, last_number) in &numbers {
            let (id, last_number) = (room.get().cast_signed(), last_number.cast_signed());
            let slug = format!("room-{id}");
            let sum = sum::of_values(&[&id, &slug, &slug, &"", &"open", &0, &last_number]).unwrap();
            db.execute(
                "INSERT INTO rooms VALUES (?1, ?2, ?2, '', 'open', 0, ?3, ?4)",
                params![id, slug, last_number, sum],
            )
            .unwrap();
        }
        let applied = Position::new(1000);
        crate::projection::set_meta(db, "applied", applied.get().cast_signed()).unwrap();
        for who in (0..PEOPLE).map(person) {
            let stays = stays.get(&who).cloned().unwrap_or_default();
            let mut scopes = vec![Scope::Mine(who)];
            for which in (0..ROOMS).map(room) {
                scopes.extend([RoomKind::Open, RoomKind::Closed].map(|kind| Scope::Room(which, kind)));
            }
            let looked_at = (1..ROOMS).map(|which| (room(which), RoomKind::Open));
            scopes.extend([Some(who), None].map(|who| Scope::of_onlooker(who, looked_at.clone())));
            for scope in &scopes {
                let naive = |(news, there): &&(News, BTreeSet<UserId>)| match scope {
                    Scope::Mine(_) => there.contains(&who),
                    Scope::Room(room, kind) => news.audience == Audience::Room(*room)
                        && (*kind == RoomKind::Open || there.contains(&who)),
                    Scope::Onlooker(_) => {
                        let is_mine = scope.person().is_some() && there.contains(&who);
                        is_mine || looked_at.clone().any(|(room, _)| news.audience == Audience::Room(room))
                    }
                };
                let naive: Vec<&News> = told.iter().filter(naive).map(|(news, _)| news).collect();
                let by_value: Vec<&News> = told
                    .iter()
                    .map(|(news, _)| news)
                    .filter(|news| can_see(scope, &stays, news))
                    .collect();
                prop_assert_eq!(&by_value, &naive, "{:?} of {:?}", scope, who);
                let whole = feed::read(db, scope, &stays, Position::START, most(ALL)).unwrap();
                prop_assert_eq!(whole.news.iter().collect::<Vec<_>>(), naive, "{:?} of {:?}", scope, who);
                let (mut after, mut pages) = (Position::START, Vec::new());
                for &limit in limits.iter().cycle().take(ALL) {
                    let page = feed::read(db, scope, &stays, after, most(limit)).unwrap();
                    let is_last = page.news.len() < limit;
                    after = page.upto;
                    pages.extend(page.news);
                    if is_last {
                        break;
                    }
                }
                prop_assert_eq!(pages, whole.news);
            }
        }
    }
}

fn event(position: Position, number: Option<u64>) -> Event {
    let name = UserName::parse("ann").unwrap();
    Event {
        position,
        number,
        room: number.map(|_| Slug::parse("tea").unwrap()),
        at: Timestamp::from_ms(0),
        by: Some(Person { id: person(0), name: name.clone() }),
        kind: EventKind::UserRenamed { old_name: name },
    }
}
