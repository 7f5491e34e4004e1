//! Snapshots on real servers: a node that joins has the tables of one that replayed, whatever
//! happens meanwhile; and nothing that was deleted stays in the bucket.

mod joins;
mod keeps;
mod long;

use std::path::Path;

use linger_core::{
    Author, Position, Projection, RoomKind, UserId, projection_applied, projection_fingerprint,
};
use tempfile::TempDir;

use super::{document::Document, *};
use crate::{
    Member, Node, Rollback, RoomRef,
    log::jetstream::server::{NatsServer, promise},
    tests::cast::TestClock,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Entries after which a snapshot is due here.
const EVERY: u64 = 30;

/// Small snapshots, looked after all the time.
fn limits() -> Limits {
    Limits {
        snapshot_every: EVERY,
        snapshot_pause: Duration::ZERO,
        snapshot_look_every: Duration::from_millis(10),
        snapshot_outdated_max: Duration::from_millis(50),
        snapshot_chunk_bytes: 4096,
        ..Limits::default()
    }
}

/// A node that makes none and takes none.
fn without() -> Limits {
    Limits { snapshot_every: 0, ..limits() }
}

/// A node and its folder.
struct Place {
    node: Option<Node>,
    folder: TempDir,
}

impl Place {
    fn open(settings: &ClusterSettings, limits: Limits) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let node = Some(node_in(folder.path(), settings, limits));
        Place { node, folder }
    }

    async fn start(settings: &ClusterSettings, limits: Limits) -> Place {
        let place = Place::open(settings, limits);
        place.ready().await;
        place
    }

    async fn ready(&self) {
        tokio::time::timeout(PATIENCE, self.node().ready())
            .await
            .expect("it is ready in time")
            .unwrap();
    }

    fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// Returns the fingerprint of the tables, once all up to here is committed.
    async fn fingerprint_at(&self, position: Position) -> String {
        let path = self.folder.path().join("projection.db");
        let tables = Projection::open_reader(&path).unwrap();
        until("all is committed", async || projection_applied(&tables).unwrap() >= position).await;
        assert_eq!(projection_applied(&tables).unwrap(), position);
        projection_fingerprint(&tables).unwrap()
    }
}

fn node_in(folder: &Path, settings: &ClusterSettings, limits: Limits) -> Node {
    let clock = Arc::new(TestClock::new(7));
    let (promise, member) = (promise(1), Member::default());
    let refused = Rollback::Refused;
    Node::open_on_cluster(folder, settings.clone(), &promise, refused, limits, clock, member)
        .unwrap()
}

/// ann opens #tea, and says so much that a snapshot is due.
async fn ann_speaks(node: &Node) -> (UserId, RoomRef) {
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    speak(node, ann, &tea, "first", EVERY * 2).await;
    (ann, tea)
}

async fn speak(node: &Node, ann: UserId, tea: &RoomRef, word: &str, times: u64) {
    for number in 0..times {
        node.says(ann, tea, &format!("{word} {number}")).await;
    }
}

async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_true().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the document is so, and nobody is at work.
async fn until_document(
    bucket: &Bucket,
    what: &str,
    is_so: impl Fn(&Document) -> bool,
) -> Document {
    let mut last = Document::default();
    until(what, async || {
        last = bucket.read().await.unwrap().document;
        is_so(&last) && last.making.is_none() && !last.is_erasing
    })
    .await;
    last
}

async fn bucket_of(settings: &ClusterSettings) -> Bucket {
    Bucket::open(settings, 1).await.unwrap()
}

/// Takes entry 2 out of the stream: nobody can replay the log any more.
async fn make_unreadable(settings: &ClusterSettings) {
    let context = crate::log::jetstream::context(settings).await.unwrap();
    let stream = context.get_stream_no_info(&settings.stream).await.unwrap();
    assert!(stream.delete_message(2).await.unwrap());
}
