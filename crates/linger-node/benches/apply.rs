//! The cost of applying entries: the projection alone, on disk as in
//! production, in batches of one and of many, each of them committed.
//!
//! `cargo bench -p linger-node --bench apply`. The figure is entries a second on
//! one core; the follower can never do more.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use linger_core::{
    Author, Command, Draft, Entry, LogId, MessageText, Nonce, Position, Projection, Request,
    RequestId, RoomId, RoomKind, RoomName, Salt, Slug, Timestamp, Topic, UserId, UserName,
    Vocabulary,
};

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
    let text = MessageText::parse("A thing that somebody says, in about fifty characters")
        .expect("a text");
    let room = RoomId::new(Position::new(2));
    entry(position, ann(), Command::say(room, text))
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

criterion_group!(benches, apply);
criterion_main!(benches);
