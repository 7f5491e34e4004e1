//! The bucket has two snapshots at most, made by one node each, and nothing of what
//! was deleted.

use std::fs;

use linger_core::{Command, MessageId};

use super::{
    super::{bucket::Held, document::Making, document::Snapshot, keeper::Keeper},
    *,
};

/// The parts of a node that nobody follows a snapshot for.
fn desk_of(place: &Place, settings: &ClusterSettings, limits: Limits) -> Desk {
    Desk {
        settings: settings.clone(),
        replicas: 1,
        log: place.node().log.clone(),
        applied: Position::START,
        is_rolled_back: false,
        files: ProjectionFiles::new(place.folder.path().join("projection.db")),
        limits,
        clock: Arc::new(TestClock::new(11)),
        health: place.node().health.clone(),
    }
}

/// A stop that does not come.
fn never() -> (watch::Sender<()>, watch::Receiver<()>) {
    watch::channel(())
}

/// A log with a node that makes no snapshots by itself.
async fn quiet_place(settings: &ClusterSettings) -> (Place, UserId, RoomRef) {
    let place = Place::start(settings, without()).await;
    let (ann, tea) = ann_speaks(place.node()).await;
    place.fingerprint_at(place.node().latest().position).await;
    (place, ann, tea)
}

/// Returns the beginning of each chunk of a snapshot, by which it is found in a file.
async fn signs(bucket: &Bucket, snapshot: &Snapshot) -> Vec<Vec<u8>> {
    let mut signs = Vec::new();
    for number in 0..snapshot.chunks() {
        let chunk = bucket.get_chunk(&snapshot.id, number).await.unwrap().unwrap();
        signs.push(chunk[..chunk.len().min(48)].to_vec());
    }
    signs
}

fn found(folder: &Path, signs: &[Vec<u8>]) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += found(&path, signs);
        } else if let Ok(bytes) = fs::read(&path) {
            let is_in = |sign: &&Vec<u8>| bytes.windows(sign.len()).any(|it| it == &***sign);
            count += signs.iter().filter(is_in).count();
        }
    }
    count
}

/// Tells whether a text is in a snapshot.
async fn has_text(bucket: &Bucket, snapshot: &Snapshot, text: &str) -> bool {
    let mut whole = Vec::new();
    for number in 0..snapshot.chunks() {
        let chunk = bucket.get_chunk(&snapshot.id, number).await.unwrap().unwrap();
        let length = snapshot.chunk_bytes.min(snapshot.bytes - number * snapshot.chunk_bytes);
        whole.extend(making::unpack(&chunk, length).unwrap());
    }
    whole.windows(text.len()).any(|it| it == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_text_goes_with_every_snapshot_that_has_it_and_is_in_no_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = NatsServer::new(folder.path().join("n"), "sync_interval: always", "");
    server.start();
    let settings = server.new_log();
    let one = Place::start(&settings, limits()).await;
    let ann = one.node().guest("ann").await;
    let tea = one.node().opens(ann, "tea", RoomKind::Open).await;
    let secret = one.node().says(ann, &tea, "a secret word").await;
    speak(one.node(), ann, &tea, "first", EVERY * 2).await;
    let bucket = bucket_of(&settings).await;
    let before = until_document(&bucket, "a snapshot is made", |it| !it.snapshots.is_empty()).await;
    let mut signs_before = Vec::new();
    for snapshot in &before.snapshots {
        assert!(has_text(&bucket, snapshot, "a secret word").await);
        signs_before.extend(signs(&bucket, snapshot).await);
    }
    let store = folder.path().join("n/store");
    assert_eq!(found(&store, &signs_before), signs_before.len(), "all chunks are found");
    let delete = Command::DeleteMessage { message: MessageId::new(secret.position) };
    one.node().ask(ann, "delete", delete).await.unwrap();
    let gone = |it: &Document| {
        it.snapshots.iter().all(|new| before.snapshots.iter().all(|old| old.id != new.id))
    };
    until_document(&bucket, "the old ones are gone", gone).await;
    // A page that both have, the list of tables say, may be in the new one just as it was.
    let after = until_document(&bucket, "a new one is made", |it| !it.snapshots.is_empty()).await;
    let mut signs_after = Vec::new();
    for snapshot in &after.snapshots {
        assert!(!has_text(&bucket, snapshot, "a secret word").await);
        signs_after.extend(signs(&bucket, snapshot).await);
    }
    signs_before.retain(|sign| !signs_after.contains(sign));
    assert!(!signs_before.is_empty());
    until("nothing of the old ones is left", async || found(&store, &signs_before) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_are_kept_and_of_older_ones_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = NatsServer::new(folder.path().join("n"), "sync_interval: always", "");
    server.start();
    let settings = server.new_log();
    let (one, ann, tea) = quiet_place(&settings).await;
    let desk = desk_of(&one, &settings, limits());
    let bucket = bucket_of(&settings).await;
    let (_stay, stop) = never();
    let mut keeper = Keeper::new(&desk, bucket.clone(), stop);
    let mut oldest = Vec::new();
    for round in 0..4 {
        speak(one.node(), ann, &tea, &format!("round {round}"), EVERY).await;
        one.fingerprint_at(one.node().latest().position).await;
        keeper.look().await.unwrap();
        let document = bucket.read().await.unwrap().document;
        assert_eq!(document.snapshots.len(), 2.min(round + 1));
        assert!(!document.is_erasing && document.making.is_none());
        if round == 0 {
            oldest = signs(&bucket, &document.snapshots[0]).await;
        }
    }
    let document = bucket.read().await.unwrap().document;
    let positions: Vec<_> = document.snapshots.iter().map(|it| it.position).collect();
    assert!(positions.is_sorted_by(|new, old| new > old), "{positions:?}");
    let chunks: u64 = document.snapshots.iter().map(Snapshot::chunks).sum();
    assert_eq!(bucket.count().await as u64, chunks, "no chunk of others");
    let mut kept = Vec::new();
    for snapshot in &document.snapshots {
        kept.extend(signs(&bucket, snapshot).await);
    }
    oldest.retain(|sign| !kept.contains(sign));
    assert_eq!(found(&folder.path().join("n/store"), &oldest), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_with_the_same_idea_one_makes_it() {
    let settings = NatsServer::of_this_process().new_log();
    let (one, ..) = quiet_place(&settings).await;
    let desks = [11, 12].map(|seed| Desk {
        clock: Arc::new(TestClock::new(seed)),
        ..desk_of(&one, &settings, limits())
    });
    let bucket = bucket_of(&settings).await;
    let (_stay, stop) = never();
    let mut keepers = desks.each_ref().map(|desk| Keeper::new(desk, bucket.clone(), stop.clone()));
    let [first, second] = &mut keepers;
    let (first, second) = tokio::join!(first.look(), second.look());
    first.unwrap();
    second.unwrap();
    let document = bucket.read().await.unwrap().document;
    assert_eq!(document.snapshots.len(), 1);
    assert_eq!(bucket.count().await as u64, document.snapshots[0].chunks(), "of one alone");
    // And nothing more is due.
    keepers[1].look().await.unwrap();
    assert_eq!(bucket.read().await.unwrap().document, document);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_on_with_a_shorter_log_drops_the_snapshots_of_the_lost_past() {
    let settings = NatsServer::of_this_process().new_log();
    let (one, ..) = quiet_place(&settings).await;
    let bucket = bucket_of(&settings).await;
    let (_stay, stop) = never();
    let mut made = Vec::new();
    for is_rolled_back in [false, true, false] {
        let limits = Limits { snapshot_pause: Duration::from_secs(3600), ..limits() };
        let desk = Desk { is_rolled_back, ..desk_of(&one, &settings, limits) };
        let mut keeper = Keeper::new(&desk, bucket.clone(), stop.clone());
        for _ in 0..2 {
            keeper.look().await.unwrap();
        }
        made.push(bucket.read().await.unwrap().document.snapshots.len());
    }
    assert_eq!(made, [1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_a_node_that_died_at_it_is_taken_over() {
    let settings = NatsServer::of_this_process().new_log();
    let (one, ..) = quiet_place(&settings).await;
    let desk = desk_of(&one, &settings, limits());
    let bucket = bucket_of(&settings).await;
    let mut held: Held = bucket.read().await.unwrap();
    held.document.making = Some(Making { id: "dead".to_owned(), chunks: 0 });
    assert!(bucket.write(&mut held).await.unwrap());
    bucket.put_chunk("dead", 0, "of somebody who died".into()).await.unwrap();
    let (_stay, stop) = never();
    let patient = Keeper::new(&desk, bucket.clone(), stop.clone());
    for mut keeper in
        [patient, Keeper::new(&desk, bucket.clone(), stop).taking_over_after(Duration::ZERO)]
    {
        assert_eq!(bucket.read().await.unwrap().document, held.document, "it is left alone");
        keeper.look().await.unwrap();
    }
    let document = bucket.read().await.unwrap().document;
    assert_eq!(document.making, None);
    assert_eq!(bucket.count().await, 0, "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_follower_commits_while_the_tables_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.db");
    let log = linger_core::LogId::from_random(1);
    let mut tables = Projection::open(&path, log).unwrap();
    // No commit waits for anybody here: it would fail.
    tables.connection().busy_timeout(Duration::ZERO).unwrap();
    let entry = |position: u64| {
        let name = format!("guest-{position}");
        let at = linger_core::Timestamp::from_ms(0);
        let draft =
            crate::tests::cast::draft(at, Author::Server, &name, crate::tests::cast::create(&name));
        linger_core::Entry { position: Position::new(position), draft }
    };
    let mut next = 1;
    let mut commit = |tables: &mut Projection, entries: u64| {
        let entries: Vec<_> = (next..next + entries).map(entry).collect();
        next += entries.len() as u64;
        tables.apply(&entries).unwrap();
        tables.commit().unwrap();
    };
    commit(&mut tables, 20_000);
    let (from, to) = (path, folder.path().join("projection.db.copy"));
    let copy =
        std::thread::spawn(move || making::copy(&from, &to, || false, 0).map(|it| it.position));
    let mut commits = 0;
    while !copy.is_finished() {
        commit(&mut tables, 1);
        commits += 1;
    }
    let copied = copy.join().unwrap().unwrap();
    println!("{commits} commits meanwhile");
    assert!(commits > 10, "{commits} commits while it was copied");
    assert!(copied >= Position::new(20_000) && copied < tables.applied());
    assert!(!folder.path().join("projection.db.copy").exists(), "nothing is left of it");
}
