//! The cost of an append: a whole node on disk, with 1, 64 and 512 submits in
//! flight, each durable and applied before it counts; then everything that is done
//! with messages, with 64 in flight.
//!
//! `cargo bench -p linger-node --bench append`. With many in flight, group
//! commit makes one fsync serve them all; the figure for one is the disk's. With
//! `LINGER_NATS=nats://a,b,c` it appends to the stream `linger` of that cluster.

mod deeds;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use linger_core::{
    Author, Command, Position, Request, RequestId, RoomId, RoomKind, RoomName, Slug, Topic, UserId,
    UserName,
};
use linger_node::{ClusterSettings, Limits, Member, Node, Rollback, SystemClock, cluster::Promise};
use tokio::{runtime::Runtime, task::JoinSet};

use deeds::{AT_ONCE, DEEDS, Deed, Make, Subject};

fn append(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (node, ann, send) = runtime.block_on(open(folder.path()));
    let mut group = criterion.benchmark_group("append");
    for in_flight in [1usize, 64, 512] {
        group.throughput(Throughput::Elements(in_flight as u64));
        group.bench_function(BenchmarkId::new("in flight", in_flight), |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let mut submits = JoinSet::new();
                for _ in 0..in_flight {
                    let (node, send) = (node.clone(), send.clone());
                    let request = Some(named(&send));
                    submits.spawn(async move { node.submit(ann, request, send).await });
                }
                while let Some(receipt) = submits.join_next().await {
                    receipt.expect("no submit panics").expect("a member may send");
                }
            });
        });
    }
    group.finish();
}

fn append_deeds(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (node, ann, _) = runtime.block_on(open(folder.path()));
    let tea = Command::OpenRoom {
        slug: Slug::parse("tea").expect("a slug"),
        name: RoomName::parse("Tea").expect("a name"),
        topic: Topic::parse("").expect("a topic"),
        kind: RoomKind::Open,
    };
    let room = runtime.block_on(node.submit(ann, None, tea)).expect("ann opens a room");
    let room = RoomId::new(room.position);
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    for Deed { name, before, deed, after } in &DEEDS {
        group.bench_function(BenchmarkId::new("deeds", name), |bencher| {
            bencher.to_async(&runtime).iter_custom(|rounds| {
                let node = node.clone();
                async move {
                    let mut took = Duration::ZERO;
                    for round in 0..rounds {
                        let number = |place| round * AT_ONCE as u64 + place;
                        let mut subjects: Vec<Subject> = (0..AT_ONCE as u64)
                            .map(|place| Subject {
                                room,
                                first: Position::START,
                                number: number(place),
                            })
                            .collect();
                        for make in *before {
                            done(&node, ann, &mut subjects, *make).await;
                        }
                        took += done(&node, ann, &mut subjects, *deed).await;
                        for make in *after {
                            done(&node, ann, &mut subjects, *make).await;
                        }
                    }
                    took
                }
            });
        });
    }
    group.finish();
}

/// Does something with all of these at once, and returns how long it took. Each subject's
/// first entry is noted.
async fn done(node: &Arc<Node>, ann: Author, subjects: &mut [Subject], make: Make) -> Duration {
    let begin = Instant::now();
    let mut submits = JoinSet::new();
    for (place, subject) in subjects.iter().enumerate() {
        let (node, command) = (node.clone(), make(*subject));
        let (author, request) = (deeds::author_of(&command, ann), Some(named(&command)));
        submits.spawn(async move { (place, node.submit(author, request, command).await) });
    }
    while let Some(submitted) = submits.join_next().await {
        let (place, receipt) = submitted.expect("no submit panics");
        let position = receipt.expect("ann may do that").position;
        if subjects[place].first == Position::START {
            subjects[place].first = position;
        }
    }
    begin.elapsed()
}

/// Names a request as a page does: no name follows from the one before.
fn named(command: &Command) -> Request {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = u128::from(NUMBER.fetch_add(1, Ordering::Relaxed));
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let id = RequestId::parse(&format!("{spread:032x}")).expect("hex digits are a request id");
    Request::of(id, command)
}

/// Opens a node, with ann as a member of its lobby, and her message.
async fn open(folder: &std::path::Path) -> (Arc<Node>, Author, Command) {
    let (limits, clock) = (Limits::default(), Arc::new(SystemClock));
    let node = match std::env::var("LINGER_NATS") {
        Err(_) => Node::open(folder, Rollback::Refused, limits, clock),
        Ok(servers) => {
            let settings = ClusterSettings {
                servers,
                stream: "linger".to_owned(),
                credentials: None,
                tls_ca: None,
                tls_identity: None,
            };
            let promise = Promise { replicas: 1, servers: None };
            let (refused, member) = (Rollback::Refused, Member::default());
            Node::open_on_cluster(folder, settings, &promise, refused, limits, clock, member)
        }
    };
    let node = node.expect("a new node");
    node.ready().await.expect("the lobby opens");
    let name = UserName::parse("ann").expect("a name");
    let guest = Command::CreateGuest { name, token_hash: None, external_id: None };
    let receipt = node.submit(Author::Server, None, guest).await.expect("a guest");
    let ann = Author::User(UserId::new(receipt.position));
    let room = node.room(&Slug::parse("lobby").expect("a slug"), None).expect("the lobby").id;
    node.submit(ann, None, Command::JoinRoom { room }).await.expect("ann joins");
    let send = deeds::say(Subject { room, first: Position::START, number: 0 });
    (Arc::new(node), ann, send)
}

criterion_group!(benches, append, append_deeds);
criterion_main!(benches);
