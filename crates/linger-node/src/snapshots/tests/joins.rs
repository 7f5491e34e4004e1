//! A node that is far behind takes a snapshot, and replays the log where it cannot.

use std::{fs, io::Write};

use super::{super::document::Snapshot, *};

/// Joins, and compares with a node that replays.
async fn check_joined(settings: &ClusterSettings, joined: &Place) {
    let position = joined.node().latest().position;
    let replayed = Place::start(settings, without()).await;
    assert_eq!(
        joined.fingerprint_at(position).await,
        replayed.fingerprint_at(position).await,
        "at {position}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_has_the_tables_of_one_that_replayed_and_goes_on() {
    let settings = NatsServer::of_this_process().new_log();
    let one = Place::start(&settings, limits()).await;
    let (ann, tea) = ann_speaks(one.node()).await;
    let bucket = bucket_of(&settings).await;
    until_document(&bucket, "a snapshot is made", |it| !it.snapshots.is_empty()).await;
    // Not in the snapshot.
    speak(one.node(), ann, &tea, "later", 5).await;
    let replayed = Place::start(&settings, without()).await;
    make_unreadable(&settings).await;
    let two = Place::start(&settings, limits()).await;
    let position = two.node().latest().position;
    let of_two = two.fingerprint_at(position).await;
    assert_eq!(of_two, replayed.fingerprint_at(position).await);
    assert_eq!(two.node().readiness().await, Ok(()));
    // It knows people and rooms, takes part, and knows what was asked before.
    assert_eq!(two.node().authenticate("ann").await.unwrap(), Some(ann));
    let [first, again] = [&two, &one].map(Place::node);
    let first = first.says(ann, &tea, "first 0").await.position;
    assert_eq!(first, again.says(ann, &tea, "first 0").await.position, "a repeat");
    let said = two.node().says(ann, &tea, "from the second").await;
    until("the first has it", async || one.node().latest().position >= said.position).await;
    let position = said.position;
    assert_eq!(two.fingerprint_at(position).await, one.fingerprint_at(position).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_for_long_takes_a_snapshot_and_keeps_its_place() {
    let settings = NatsServer::of_this_process().new_log();
    let one = Place::start(&settings, limits()).await;
    let mut two = Place::start(&settings, limits()).await;
    drop(two.node.take());
    let (ann, tea) = ann_speaks(one.node()).await;
    let bucket = bucket_of(&settings).await;
    until_document(&bucket, "a snapshot is made", |it| !it.snapshots.is_empty()).await;
    drop(one);
    two.node = Some(node_in(two.folder.path(), &settings, limits()));
    two.ready().await;
    two.node().says(ann, &tea, "back again").await;
    check_joined(&settings, &two).await;
}

/// Something that is wrong with a snapshot.
type Damage = fn(&mut Snapshot);

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_not_what_it_should_be_is_not_taken_and_the_log_is_replayed() {
    let settings = NatsServer::of_this_process().new_log();
    let one = Place::start(&settings, limits()).await;
    ann_speaks(one.node()).await;
    let bucket = bucket_of(&settings).await;
    until_document(&bucket, "a snapshot is made", |it| !it.snapshots.is_empty()).await;
    // Nobody mends it meanwhile.
    drop(one);
    // A node that takes a snapshot notes this number from it.
    const TAKEN: &str = "7";
    let cases: [(&str, Damage); 10] = [
        ("nothing", |_| {}),
        ("another hash", |it| it.sha256.replace_range(..4, "0000")),
        ("another log", |it| it.log = "0123456789ab".to_owned()),
        ("another past of the log", |it| it.sign.replace_range(..4, "zzzz")),
        ("a later form", |it| it.form += 1),
        ("beyond the log's end", |it| it.position += 100_000),
        ("not as far as it says", |it| it.position -= 1),
        ("chunks that are missing", |it| it.id += "0"),
        ("more bytes than there are", |it| it.bytes += 1),
        ("smaller chunks", |it| it.chunk_bytes /= 2),
    ];
    let whole = bucket.read().await.unwrap();
    for (case, damage) in cases {
        let mut held = bucket.read().await.unwrap();
        held.document = whole.document.clone();
        for snapshot in &mut held.document.snapshots {
            snapshot.erased_upto = TAKEN.parse().unwrap();
            damage(snapshot);
        }
        assert!(bucket.write(&mut held).await.unwrap());
        let joins = Limits { snapshot_look_every: Duration::from_secs(3600), ..limits() };
        let two = Place::start(&settings, joins).await;
        let noted = fs::read_to_string(two.folder.path().join("erased")).unwrap_or_default();
        assert_eq!(noted == TAKEN, case == "nothing", "{case}");
        check_joined(&settings, &two).await;
        let names = fs::read_dir(two.folder.path()).unwrap();
        let names: Vec<_> =
            names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!names.iter().any(|name| name.contains("fetched")), "{case}: {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_of_a_chunk_is_found() {
    let settings = NatsServer::of_this_process().new_log();
    let one = Place::start(&settings, limits()).await;
    ann_speaks(one.node()).await;
    let bucket = bucket_of(&settings).await;
    let document =
        until_document(&bucket, "a snapshot is made", |it| !it.snapshots.is_empty()).await;
    drop(one);
    for snapshot in &document.snapshots {
        let last = snapshot.chunks() - 1;
        let mut chunk = bucket.get_chunk(&snapshot.id, last).await.unwrap().unwrap().to_vec();
        let middle = chunk.len() / 2;
        chunk[middle] ^= 1;
        bucket.replace_chunk(&snapshot.id, last, chunk.into()).await;
    }
    let joins = Limits { snapshot_look_every: Duration::from_secs(3600), ..limits() };
    let two = Place::start(&settings, joins).await;
    check_joined(&settings, &two).await;
}

/// Writes the first chunks of the newest snapshot into a folder, as a node does that is killed.
async fn begin_fetching(bucket: &Bucket, folder: &Path, chunks: u64) -> Snapshot {
    let snapshot = bucket.read().await.unwrap().document.snapshots[0].clone();
    let files = ProjectionFiles::new(folder.join("projection.db"));
    let mut partial = joining::Partial::open(&files, &snapshot).unwrap();
    for number in 0..chunks {
        let packed = bucket.get_chunk(&snapshot.id, number).await.unwrap().unwrap();
        partial.add(&making::unpack(&packed, snapshot.chunk_bytes).unwrap()).unwrap();
    }
    snapshot
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_asks_for_no_chunk_twice() {
    const FETCHED: u64 = 5;
    let settings = NatsServer::of_this_process().new_log();
    let one = Place::start(&settings, limits()).await;
    ann_speaks(one.node()).await;
    let bucket = bucket_of(&settings).await;
    until_document(&bucket, "a snapshot is made", |it| !it.snapshots.is_empty()).await;
    drop(one);
    let folder = tempfile::tempdir().unwrap();
    let snapshot = begin_fetching(&bucket, folder.path(), FETCHED).await;
    assert!(snapshot.chunks() > FETCHED + 2, "{} chunks", snapshot.chunks());
    // A part of the next chunk was written, too.
    let mut file =
        fs::File::options().append(true).open(folder.path().join("projection.db.fetched"));
    file.as_mut().unwrap().write_all(b"some of it").unwrap();
    for number in 0..FETCHED {
        bucket.replace_chunk(&snapshot.id, number, "not to be asked for".into()).await;
    }
    make_unreadable(&settings).await;
    let node = Some(node_in(folder.path(), &settings, limits()));
    let two = Place { node, folder };
    two.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_the_disk_has_lost_is_fetched_anew() {
    let settings = NatsServer::of_this_process().new_log();
    let one = Place::start(&settings, limits()).await;
    ann_speaks(one.node()).await;
    let bucket = bucket_of(&settings).await;
    until_document(&bucket, "a snapshot is made", |it| !it.snapshots.is_empty()).await;
    drop(one);
    let folder = tempfile::tempdir().unwrap();
    begin_fetching(&bucket, folder.path(), 5).await;
    let path = folder.path().join("projection.db.fetched");
    let length = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0; usize::try_from(length).unwrap()]).unwrap();
    make_unreadable(&settings).await;
    let two = Place { node: Some(node_in(folder.path(), &settings, limits())), folder };
    two.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_finds_none_asks_for_one() {
    let settings = NatsServer::of_this_process().new_log();
    let rarely = Limits { snapshot_pause: Duration::from_secs(3600), ..limits() };
    let one = Place::start(&settings, rarely).await;
    let bucket = bucket_of(&settings).await;
    // One was made two minutes ago, and had to go.
    let mut held = bucket.read().await.unwrap();
    held.document.begun_ms = one.node().clock().now().as_ms() - 120_000;
    assert!(bucket.write(&mut held).await.unwrap());
    let ann = one.node().guest("ann").await;
    let tea = one.node().opens(ann, "tea", RoomKind::Open).await;
    speak(one.node(), ann, &tea, "first", EVERY * 5).await;
    assert_eq!(bucket.read().await.unwrap().document, held.document, "none is made");
    make_unreadable(&settings).await;
    let two = Place::start(&settings, limits()).await;
    assert_eq!(two.node().authenticate("ann").await.unwrap(), Some(ann));
}
