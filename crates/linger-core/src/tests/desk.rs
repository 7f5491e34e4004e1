//! The desk changes nothing: the tables become the same, whenever they are settled, committed
//! or taken back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use proptest::prelude::*;

use super::{
    draft,
    logs::{Log, asks, empty, in_batches, limits},
    properties::laws,
};
use crate::{
    Author, Command, Entities, Entry, MessageText, Outcome, Position, Projection, RoomId, RoomKind,
    RoomName, Slug, Timestamp, Topic, UserId, UserName,
};

/// A projection whose commits fail as long as somebody says so.
struct Vetoed {
    tables: Projection,
    is_vetoed: Arc<AtomicBool>,
}

impl Vetoed {
    fn new() -> Vetoed {
        let (mut tables, is_vetoed) = (empty(), Arc::new(AtomicBool::new(false)));
        let veto = is_vetoed.clone();
        let hook = move || veto.load(Ordering::Relaxed);
        tables.connection_mut().commit_hook(Some(hook)).unwrap();
        Vetoed { tables, is_vetoed }
    }

    /// Takes everything back to the last commit.
    fn take_back(&mut self) {
        self.is_vetoed.store(true, Ordering::Relaxed);
        self.tables.commit().unwrap_err();
        self.is_vetoed.store(false, Ordering::Relaxed);
        assert_eq!(self.tables.applied(), self.tables.committed());
    }
}

proptest! {
    #![proptest_config(laws(128))]

    #[test]
    fn whatever_stays_in_memory_between_batches_the_tables_become_the_same(
        asks in asks(),
        batches in limits(),
        deeds in prop::collection::vec(0..4, 1..20),
    ) {
        let log = Log::of(&asks);
        let mut at_once = empty();
        at_once.apply(&log.entries).unwrap();
        let mut vetoed = Vetoed::new();
        let place = |position| log.entries.partition_point(|entry| entry.position <= position);
        let mut deeds = deeds.iter().cycle();
        for batch in in_batches(&log.entries, &batches) {
            let upto = place(batch.last().unwrap().position);
            // Those that were taken back come again.
            let from = place(vetoed.tables.applied());
            let outcomes = vetoed.tables.go_on(&log.entries[from..upto]).unwrap();
            prop_assert_eq!(&outcomes, &log.outcomes[from..upto]);
            match deeds.next().unwrap() {
                0 => vetoed.tables.commit().unwrap(),
                1 => vetoed.tables.settle().unwrap(),
                2 => vetoed.take_back(),
                _ => {}
            }
        }
        let from = place(vetoed.tables.applied());
        vetoed.tables.apply(&log.entries[from..]).unwrap();
        prop_assert_eq!(at_once.fingerprint().unwrap(), vetoed.tables.fingerprint().unwrap());
    }
}

#[test]
fn messages_that_were_taken_back_come_again_under_the_same_numbers() {
    let mut vetoed = Vetoed::new();
    let ann = UserId::new(Position::new(1));
    let entries: Vec<Entry> = entries(ann).collect();
    let (first, messages) = entries.split_at(3);
    vetoed.tables.go_on(first).unwrap();
    vetoed.tables.commit().unwrap();
    let told = vetoed.tables.go_on(messages).unwrap();
    assert_eq!(numbers(&told), [3, 4, 5]);
    vetoed.take_back();
    assert_eq!(vetoed.tables.go_on(messages).unwrap(), told);
    vetoed.tables.commit().unwrap();
    let mut at_once = empty();
    at_once.apply(&entries).unwrap();
    assert_eq!(vetoed.tables.fingerprint().unwrap(), at_once.fingerprint().unwrap());
}

/// Ann comes, opens a room, and says the same there again and again.
fn entries(ann: UserId) -> impl Iterator<Item = Entry> {
    let name = UserName::parse("ann").unwrap();
    let guest = Command::CreateGuest { name, token_hash: None, external_id: None };
    let open = Command::OpenRoom {
        slug: Slug::parse("tea").unwrap(),
        name: RoomName::parse("Tea").unwrap(),
        topic: Topic::parse("").unwrap(),
        kind: RoomKind::Open,
    };
    let say = Command::SendMessage {
        room: RoomId::new(Position::new(2)),
        text: MessageText::parse("tea?").unwrap(),
        sender_time: None,
        entities: Entities::default(),
        reply_to: None,
        files: Vec::new(),
    };
    let by_ann = [open].into_iter().chain(std::iter::repeat_n(say, 4));
    let asked = by_ann.map(move |command| (Author::User(ann), command));
    let asked = [(Author::Server, guest)].into_iter().chain(asked);
    (1..).zip(asked).map(|(number, (author, command))| Entry {
        position: Position::new(number),
        draft: draft(Timestamp::from_ms(0), author, &number.to_string(), command),
    })
}

fn numbers(outcomes: &[Outcome]) -> Vec<u64> {
    outcomes.iter().map(|outcome| outcome.news().unwrap().event.number.unwrap()).collect()
}
