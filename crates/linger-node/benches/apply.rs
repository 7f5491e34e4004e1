//! The cost of applying entries: the projection alone, on disk as in
//! production, in batches of one and of many, each of them committed. Messages
//! first, then everything that is done with them, in batches of 64.
//!
//! `cargo bench -p linger-node --bench apply`. The figure is entries a second on
//! one core; the follower can never do more.

mod deeds;

use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use linger_core::{
    Author, Command, Draft, Entry, LogId, Nonce, Outcome, Position, Projection, Request, RequestId,
    RoomId, RoomKind, RoomName, Salt, Slug, Timestamp, Topic, UserId, UserName, Vocabulary,
};

use deeds::{AT_ONCE, DEEDS, Deed, Make, Subject};

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    for batch in [1usize, 64, 512] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("projection.db");
        let mut projection =
            Projection::open(&path, LogId::from_random(1)).expect("a new projection");
        projection.apply(&beginning()).expect("the beginning applies");
        let mut position = projection.applied();
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::new("messages in a batch", batch), |bencher| {
            let messages = || {
                let entries: Vec<Entry> = (0..batch)
                    .map(|_| {
                        position = position.next();
                        message(position)
                    })
                    .collect();
                entries
            };
            bencher.iter_batched(
                messages,
                |entries| {
                    let outcomes = projection.apply(&entries).expect("messages apply");
                    projection.commit().expect("the disk has room");
                    outcomes
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn apply_deeds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("projection.db");
    let mut projection = Projection::open(&path, LogId::from_random(1)).expect("a new projection");
    projection.apply(&beginning()).expect("the beginning applies");
    for Deed { name, before, deed, after } in &DEEDS {
        group.bench_function(BenchmarkId::new("deeds", name), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let begin = projection.applied().get();
                    let subjects: Vec<Subject> = (1..=AT_ONCE as u64)
                        .map(|place| begin + place)
                        .map(|number| Subject {
                            room: room(),
                            first: Position::new(number),
                            number,
                        })
                        .collect();
                    for make in *before {
                        done(&mut projection, &subjects, *make);
                    }
                    took += done(&mut projection, &subjects, *deed);
                    for make in *after {
                        done(&mut projection, &subjects, *make);
                    }
                }
                took
            });
        });
    }
    group.finish();
}

/// Does something with each of these, and returns how long it took.
fn done(projection: &mut Projection, subjects: &[Subject], make: Make) -> Duration {
    let mut position = projection.applied();
    let entries: Vec<Entry> = subjects
        .iter()
        .map(|subject| {
            position = position.next();
            let command = make(*subject);
            entry(position, deeds::author_of(&command, ann()), command)
        })
        .collect();
    let begin = Instant::now();
    let outcomes = projection.apply(&entries).expect("deeds apply");
    projection.commit().expect("the disk has room");
    let took = begin.elapsed();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))), "{outcomes:?}");
    took
}

/// Ann, and the room that she opens.
fn beginning() -> [Entry; 2] {
    let name = UserName::parse("ann").expect("a name");
    let guest = Command::CreateGuest { name, token_hash: None, external_id: None };
    let room = Command::OpenRoom {
        slug: Slug::parse("tea").expect("a slug"),
        name: RoomName::parse("Tea").expect("a name"),
        topic: Topic::parse("").expect("a topic"),
        kind: RoomKind::Open,
    };
    [entry(Position::new(1), Author::Server, guest), entry(Position::new(2), ann(), room)]
}

fn message(position: Position) -> Entry {
    entry(position, ann(), deeds::say(Subject { room: room(), first: position, number: 0 }))
}

fn room() -> RoomId {
    RoomId::new(Position::new(2))
}

fn entry(position: Position, author: Author, command: Command) -> Entry {
    let request_id = RequestId::parse(&position.to_string()).expect("digits are a request id");
    let draft = Draft {
        vocabulary: Vocabulary::LATEST,
        at: Timestamp::from_ms(1_800_000_000_000),
        author,
        request: Some(Request::of(request_id, &command)),
        salt: Some(Salt([7; 16])),
        nonce: Some(Nonce::from_random(position.get())),
        command,
    };
    Entry { position, draft }
}

fn ann() -> Author {
    Author::User(UserId::new(Position::new(1)))
}

criterion_group!(benches, apply, apply_deeds);
criterion_main!(benches);
