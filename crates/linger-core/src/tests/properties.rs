//! Laws that hold for every log, however odd.
//!
//! The logs are random ([`Log`]); the model gives the second opinion on them.
//! Chance is seeded: a run is the same every time. To look further, set
//! `PROPTEST_CASES=5000 PROPTEST_RNG_SEED=7` in the environment.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};
use rusqlite::Connection;

use super::{
    logs::{ALL, Log, NAMES, asks, empty, in_batches, limits, readers, stays_of},
    most,
};
use crate::{
    Entry, Event, EventKind, Message, MessageId, News, Outcome, Person, Position, Projection,
    Reaction, RoomId, RoomKind, RoomThen, Slug, Timestamp, UserId, UserName, Vocabulary, feed,
    queries,
    visibility::{Scope, can_enter},
};

proptest! {
    #![proptest_config(laws(128))]

    #[test]
    fn every_outcome_and_every_view_is_as_the_model_says(asks in asks()) {
        let log = Log::of(&asks);
        let mut projection = empty();
        prop_assert_eq!(&projection.apply(&log.entries).unwrap(), &log.outcomes);
        let db = projection.connection();
        let rooms: Vec<_> = log.model.rooms.values().cloned().collect();
        prop_assert_eq!(queries::rooms(db).unwrap(), rooms);
        prop_assert_eq!(queries::epochs(db).unwrap(), log.model.epochs.clone());
        for reader in readers() {
            let stays = stays_of(db, reader);
            if let Some(user) = reader {
                let mine = feed::read(db, &Scope::Mine(user), &stays, Position::START, most(ALL)).unwrap();
                prop_assert_eq!(mine.news, log.model.mine(user));
            }
            for room in log.model.rooms.values() {
                let scope = Scope::Room(room.id, room.kind);
                let seen = feed::read(db, &scope, &stays, Position::START, most(ALL)).unwrap().news;
                let expected = log.model.in_room(room.id, reader);
                prop_assert_eq!(&seen, &expected);
                let exists = room.kind == RoomKind::Open || !expected.is_empty();
                prop_assert_eq!(can_enter(room.id, room.kind, &stays), exists);
                for (event, number) in expected.iter().filter_map(|it| Some((it, it.event.number?))) {
                    let position = queries::position_of(db, room.id, number).unwrap();
                    prop_assert_eq!(position, event.position());
                }
                let beyond = queries::position_of(db, room.id, room.last_number + 1).unwrap();
                prop_assert!(expected.iter().all(|event| event.position() < beyond));
                let expected = log.model.history(room.id, reader);
                let history = queries::history(db, &scope, reader, None, most(ALL)).unwrap();
                prop_assert_eq!(history, queries::History { messages: expected, more: false });
            }
        }
    }

    #[test]
    fn many_small_pages_are_one_large_page(asks in asks(), limits in limits()) {
        let log = Log::of(&asks);
        let mut projection = empty();
        projection.apply(&log.entries).unwrap();
        let db = projection.connection();
        for (scope, reader, stays) in log.views(db) {
            let whole = feed::read(db, &scope, &stays, Position::START, most(ALL)).unwrap();
            prop_assert_eq!(whole.upto, projection.applied());
            let mut after = Position::START;
            let mut pages = Vec::new();
            for &limit in limits.iter().cycle().take(PAGES_MAX) {
                let stays = queries::stays_after(db, reader, &scope, after, limit).unwrap();
                let page = feed::read(db, &scope, &stays, after, most(limit)).unwrap();
                prop_assert!(page.news.len() <= limit && page.upto >= after);
                let is_last = page.news.len() < limit;
                after = page.upto;
                pages.extend(page.news);
                if is_last {
                    break;
                }
            }
            prop_assert_eq!(after, projection.applied());
            prop_assert_eq!(pages, whole.news);
        }
    }

    #[test]
    fn many_small_pages_of_history_are_one_large_page(asks in asks(), limits in limits()) {
        let log = Log::of(&asks);
        let mut projection = empty();
        projection.apply(&log.entries).unwrap();
        let db = projection.connection();
        for (scope, reader, _) in log.views(db) {
            if !matches!(scope, Scope::Room(..)) {
                continue;
            }
            let whole = queries::history(db, &scope, reader, None, most(ALL)).unwrap().messages;
            let (mut before, mut pages) = (None, Vec::new());
            for &limit in limits.iter().cycle().take(PAGES_MAX) {
                let mut page = queries::history(db, &scope, reader, before, most(limit)).unwrap();
                prop_assert!(page.messages.len() == limit || !page.more);
                let oldest = page.messages.first().and_then(News::message);
                before = oldest.map(|message| message.id).or(before);
                page.messages.append(&mut pages);
                pages = page.messages;
                if !page.more {
                    break;
                }
            }
            prop_assert_eq!(pages, whole);
        }
    }

    #[test]
    fn who_reads_along_sees_what_is_there_afterwards(
        asks in asks(),
        batches in limits(),
        limits in limits(),
    ) {
        let log = Log::of(&asks);
        let mut projection = empty();
        let mut read: BTreeMap<UserId, (Position, Vec<News>)> = BTreeMap::new();
        let mut limits = limits.iter().cycle();
        for batch in in_batches(&log.entries, &batches) {
            projection.apply(batch).unwrap();
            let db = projection.connection();
            for user in readers().into_iter().flatten() {
                let (after, news) = read.entry(user).or_default();
                let limit = *limits.next().unwrap();
                let stays = stays_of(db, Some(user));
                let page = feed::read(db, &Scope::Mine(user), &stays, *after, most(limit)).unwrap();
                *after = page.upto;
                news.extend(page.news);
            }
        }
        let db = projection.connection();
        for (user, (after, mut news)) in read {
            let stays = stays_of(db, Some(user));
            let rest = feed::read(db, &Scope::Mine(user), &stays, after, most(ALL)).unwrap();
            news.extend(rest.news);
            // A message that was read before it was deleted has its text still.
            for id in log.model.deleted() {
                news = news.iter().map(|it| it.without_text_of(id).unwrap_or(it.clone())).collect();
            }
            let whole = feed::read(db, &Scope::Mine(user), &stays, Position::START, most(ALL)).unwrap();
            prop_assert_eq!(news, whole.news);
        }
    }

    #[test]
    fn two_replays_make_the_same_tables(asks in asks(), batches in limits()) {
        let log = Log::of(&asks);
        let mut at_once = empty();
        at_once.apply(&log.entries).unwrap();
        let mut in_pieces = empty();
        // Code that relies on an order without asking for it gets another one.
        in_pieces.connection().pragma_update(None, "reverse_unordered_selects", true).unwrap();
        for batch in in_batches(&log.entries, &batches) {
            in_pieces.apply(batch).unwrap();
        }
        prop_assert_eq!(at_once.fingerprint().unwrap(), in_pieces.fingerprint().unwrap());
    }

    #[test]
    fn what_is_rejected_or_repeated_leaves_no_trace(asks in asks()) {
        let log = Log::of(&asks);
        let mut projection = empty();
        let mut before = tables(&projection);
        for (entry, outcome) in log.entries.iter().zip(&log.outcomes) {
            projection.apply(std::slice::from_ref(entry)).unwrap();
            let after = tables(&projection);
            match outcome {
                // A request without a name is not remembered, and may change nothing.
                Outcome::Accepted(None) if entry.draft.request.is_none() => {}
                Outcome::Accepted(_) => prop_assert_ne!(&before, &after, "{:?}", entry),
                _ => prop_assert_eq!(&before, &after, "{:?}: {:?}", entry, outcome),
            }
            before = after;
        }
    }

    #[test]
    fn entries_that_come_again_change_nothing(
        asks in asks(),
        again in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..30),
    ) {
        let log = Log::of(&asks);
        let mut with_repeats: BTreeMap<Position, Entry> =
            log.entries.iter().map(|entry| (entry.position, entry.clone())).collect();
        let mut first_of = BTreeMap::new();
        for (which, delay) in again {
            let which = which.index(log.entries.len());
            if log.entries[which].draft.request.is_none() {
                continue;
            }
            // A rejected request may succeed later; that is no repeat.
            let first = match log.outcomes[which] {
                Outcome::Accepted(_) => log.entries[which].position,
                Outcome::Repeated { first } => first,
                Outcome::Rejected(_) => continue,
            };
            let neighbour = &log.entries[which + delay.index(log.entries.len() - which)];
            let mut position = neighbour.position.next();
            while with_repeats.contains_key(&position) {
                position = position.next();
            }
            let mut draft = log.entries[which].draft.clone();
            // A repeat comes by the clock of its own moment.
            let before = with_repeats.range(..position).next_back();
            draft.at = before.expect("its first is before it").1.draft.at;
            with_repeats.insert(position, Entry { position, draft });
            first_of.insert(position, first);
        }
        let entries: Vec<Entry> = with_repeats.into_values().collect();
        let mut disturbed = empty();
        for (entry, outcome) in entries.iter().zip(disturbed.apply(&entries).unwrap()) {
            if let Some(first) = first_of.get(&entry.position) {
                prop_assert_eq!(outcome, Outcome::Repeated { first: *first });
            }
        }
        let mut undisturbed = empty();
        undisturbed.apply(&log.entries).unwrap();
        prop_assert_eq!(tables(&disturbed), tables(&undisturbed));
    }

    #[test]
    fn numbers_have_no_gaps_and_time_ran_never_backwards_in_the_first_vocabulary(asks in asks()) {
        let log = Log::of(&asks);
        let mut projection = empty();
        projection.apply(&log.entries).unwrap();
        let db = projection.connection();
        let mut numbers: BTreeMap<RoomId, u64> = BTreeMap::new();
        let mut time = Timestamp::from_ms(0);
        for news in every_event(db) {
            let entry = log.entries.iter().find(|entry| entry.position == news.position());
            let draft = &entry.expect("an event has an entry").draft;
            // Later ones let a wrong time go (F7); the model knows the rule.
            prop_assert!(news.event.at >= time || draft.rules() > Vocabulary::FIRST);
            time = news.event.at;
            prop_assert_eq!(draft.author.user(), news.event.by.as_ref().map(|by| by.id));
            prop_assert_eq!(news.room_id().is_some(), news.event.number.is_some());
            if let Some(room) = news.room_id() {
                let number = numbers.entry(room).or_default();
                *number += 1;
                prop_assert_eq!(news.event.number, Some(*number));
            }
        }
        for room in queries::rooms(db).unwrap() {
            prop_assert_eq!(Some(&room.last_number), numbers.get(&room.id));
        }
    }

    #[test]
    fn a_state_and_the_events_after_it_are_the_later_state(
        asks in asks(),
        cut in any::<prop::sample::Index>(),
        limits in limits(),
    ) {
        let log = Log::of(&asks);
        // Nobody holds anything before they exist.
        let known = NAMES.len() + cut.index(log.entries.len() - NAMES.len());
        let (known, later) = log.entries.split_at(known);
        let mut projection = empty();
        projection.apply(known).unwrap();
        let cursor = projection.applied();
        let users = || readers().into_iter().flatten();
        let fresh = |me| Held::fresh(projection.connection(), me);
        let mut held: Vec<Held> = users().map(fresh).collect();
        projection.apply(later).unwrap();
        let db = projection.connection();
        for held in &mut held {
            let (mut after, stays) = (cursor, stays_of(db, Some(held.me)));
            for &limit in limits.iter().cycle().take(PAGES_MAX) {
                let page = feed::read(db, &Scope::Mine(held.me), &stays, after, most(limit)).unwrap();
                page.news.iter().for_each(|news| held.fold(news));
                after = page.upto;
                if page.news.len() < limit {
                    break;
                }
            }
            let mut fresh = Held::fresh(db, held.me);
            // A client that comes into a room asks for what was said there.
            fresh.messages.retain(|slug, _| held.messages.contains_key(slug));
            prop_assert_eq!(&*held, &fresh);
        }
    }
}

#[test]
fn who_asks_for_nothing_has_seen_nothing() {
    let log = Log::of(&[]);
    let mut projection = empty();
    projection.apply(&log.entries).unwrap();
    let db = projection.connection();
    for (scope, _, stays) in log.views(db) {
        let page = feed::read(db, &scope, &stays, Position::START, most(0)).unwrap();
        assert_eq!(page, feed::Read { news: Vec::new(), upto: Position::START });
    }
}

/// A client's knowledge: the rooms that it is in, its own name, and what is said in those of the
/// rooms that it was in all the time.
#[derive(Debug, PartialEq)]
pub(super) struct Held {
    pub(super) me: UserId,
    name: Option<UserName>,
    pub(super) rooms: BTreeMap<Slug, queries::Room>,
    pub(super) messages: BTreeMap<Slug, BTreeMap<MessageId, Message>>,
}

impl Held {
    /// Asks for everything.
    pub(super) fn fresh(db: &Connection, me: UserId) -> Held {
        let stays = queries::stays_of(db, me).unwrap();
        let mut rooms = queries::rooms(db).unwrap();
        rooms.retain(|room| stays.is_in(room.id));
        let said = |room: &queries::Room| {
            let scope = Scope::Room(room.id, room.kind);
            let history = queries::history(db, &scope, Some(me), None, most(ALL)).unwrap();
            let messages = history.messages.iter().map(|news| news.message().unwrap().clone());
            (room.slug.clone(), messages.map(|message| (message.id, message)).collect())
        };
        Held {
            messages: rooms.iter().map(said).collect(),
            me,
            name: queries::user(db, me).unwrap().map(|user| user.name),
            rooms: rooms.into_iter().map(|room| (room.slug.clone(), room)).collect(),
        }
    }

    /// Takes in an event, as the JSON that clients get tells it. It asks nobody.
    pub(super) fn fold(&mut self, news: &News) {
        let event: Event = serde_json::from_str(&news.json).unwrap();
        let is_mine = news.subject() == Some(self.me);
        let (Some(slug), Some(number)) = (event.room, event.number) else {
            if is_mine {
                self.name = event.by.map(|by| by.name);
            }
            return;
        };
        match event.kind {
            EventKind::RoomOpened { opened: then } => self.enter(slug, then, number),
            EventKind::MemberJoined { entered: then, .. } if is_mine => {
                self.enter(slug, then, number);
            }
            EventKind::MemberLeft { .. } if is_mine => {
                self.rooms.remove(&slug);
                self.messages.remove(&slug);
            }
            kind => {
                if let Some(messages) = self.messages.get_mut(&slug) {
                    fold_message(messages, &kind, event.by.as_ref());
                }
                let room = self.rooms.get_mut(&slug).expect("only what I am in is told to me");
                assert_eq!(number, room.last_number + 1, "nothing is missing");
                room.last_number = number;
                match kind {
                    EventKind::MemberJoined { .. } => room.members += 1,
                    EventKind::MemberLeft { .. } => room.members -= 1,
                    EventKind::RoomChanged { changed } => {
                        (room.name, room.topic) = (changed.name, changed.topic);
                    }
                    _ => {}
                }
            }
        }
    }

    fn enter(&mut self, slug: Slug, then: RoomThen, last_number: u64) {
        let RoomThen { id, name, topic, kind, members } = then;
        self.messages.remove(&slug);
        let room =
            queries::Room { id, slug: slug.clone(), name, topic, kind, members, last_number };
        self.rooms.insert(slug, room);
    }
}

/// Takes an event into what is said in its room.
fn fold_message(
    messages: &mut BTreeMap<MessageId, Message>,
    kind: &EventKind,
    by: Option<&Person>,
) {
    match kind {
        EventKind::MessageSent { message } => {
            messages.insert(message.id, message.clone());
        }
        EventKind::MessageEdited { message } | EventKind::MessageDeleted { message } => {
            let Some(known) = messages.get_mut(&message.id) else { return };
            *known = message.clone();
            let quotes = messages.values_mut().filter_map(|message| message.reply_to.as_mut());
            for quote in quotes.filter(|quote| quote.id == message.id) {
                let text = message.text.as_ref().map(|text| text.as_str().chars().take(120));
                (quote.text, quote.deleted) = (text.map(Iterator::collect), message.deleted);
            }
        }
        EventKind::ReactionAdded { message_id, emoji } => {
            let Some(message) = messages.get_mut(message_id) else { return };
            let person = by.unwrap().clone();
            match message.reactions.iter_mut().find(|reaction| reaction.emoji == *emoji) {
                Some(reaction) => reaction.by.push(person),
                None => {
                    message.reactions.push(Reaction { emoji: emoji.clone(), by: vec![person] });
                }
            }
        }
        EventKind::ReactionRemoved { message_id, emoji } => {
            let Some(message) = messages.get_mut(message_id) else { return };
            for reaction in message.reactions.iter_mut().filter(|it| it.emoji == *emoji) {
                reaction.by.retain(|person| person.id != by.unwrap().id);
            }
            message.reactions.retain(|reaction| !reaction.by.is_empty());
        }
        EventKind::MessagePinned { message_id } | EventKind::MessageUnpinned { message_id } => {
            let Some(message) = messages.get_mut(message_id) else { return };
            message.pinned = matches!(kind, EventKind::MessagePinned { .. });
        }
        _ => {}
    }
}

/// Logs are shorter than this, and no page but the last is empty: who needs more
/// pages is not moving on.
const PAGES_MAX: usize = 100;

pub(super) fn laws(cases: u32) -> ProptestConfig {
    let from_environment = ProptestConfig::default();
    let is_set = |name| std::env::var_os(name).is_some();
    ProptestConfig {
        cases: if is_set("PROPTEST_CASES") { from_environment.cases } else { cases },
        rng_seed: match from_environment.rng_seed {
            RngSeed::Random => RngSeed::Fixed(0x11_27_e2),
            seed @ RngSeed::Fixed(_) => seed,
        },
        failure_persistence: None,
        ..from_environment
    }
}

fn every_event(db: &Connection) -> Vec<News> {
    let mut select = db.prepare("SELECT position FROM events ORDER BY position").unwrap();
    let positions = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap);
    positions.map(|position| queries::news_at(db, position).unwrap().unwrap()).collect()
}

/// Every row of every table, but for `meta`, which tells how far we are, and for `erasures`,
/// which notes what came for nothing.
pub(super) fn tables(projection: &Projection) -> Vec<String> {
    let db = projection.connection();
    let mut rows = Vec::new();
    for table in [
        "epochs",
        "users",
        "sessions",
        "rooms",
        "members",
        "past_stays",
        "events",
        "concerns",
        "requests",
        "messages",
        "versions",
        "reactions",
        "files",
        "message_files",
    ] {
        let mut select = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values: Vec<_> = (0..columns).map(|i| row.get_ref(i).unwrap()).collect();
            Ok(format!("{table} {values:?}"))
        };
        rows.extend(select.query_map([], row).unwrap().map(Result::unwrap));
    }
    rows
}
