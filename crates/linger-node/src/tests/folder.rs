//! The data folder: what survives a restart, what is made anew, and what a
//! damaged file leads to.

use std::{fs, path::Path, sync::Arc};

use linger_core::{Author, Position, Projection, RoomKind};

use super::cast::{TestClock, create, from, mine, request, say, told};
use crate::{After, Limits, Node, OpenError, ResetReason, RoomRef};

fn open(folder: &Path) -> Result<Node, OpenError> {
    // Another seed each time, as chance would have it: a new log id is new.
    static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let seed = SEED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Node::open(folder, Limits::default(), Arc::new(TestClock::new(seed)))
}

async fn start(folder: &Path) -> Node {
    let node = open(folder).unwrap();
    node.ready().await.unwrap();
    node
}

/// ann opens #tea and says so many words.
async fn ann_speaks(node: &Node, words: usize) -> (linger_core::UserId, RoomRef) {
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    for word in 0..words {
        node.says(ann, &tea, &format!("word {word}")).await;
    }
    (ann, tea)
}

/// The hash of all tables, as they are in the file. No node may be open.
fn fingerprint(folder: &Path, node: &Node) -> impl Fn() -> String + use<> {
    let (path, log) = (folder.join("projection.db"), node.log_id());
    move || Projection::open(&path, log).unwrap().fingerprint().unwrap()
}

#[tokio::test]
async fn the_first_start_opens_the_lobby_and_later_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let node = start(&folder.path().join("made/if/need/be")).await;
        assert!(node.is_ready());
        assert_eq!(node.latest().position, Position::new(1));
    }
}

#[tokio::test]
async fn a_restart_keeps_everything_and_cursors_stay_good() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path()).await;
    let (ann, tea) = ann_speaks(&node, 3).await;
    let before = node.reads(mine(ann, After::Start)).await;
    drop(node);

    let node = start(folder.path()).await;
    let after = node.reads(mine(ann, After::Start)).await;
    assert_eq!((&after.news, after.cursor), (&before.news, before.cursor));
    node.says(ann, &tea, "again").await;
    let page = node.reads(mine(ann, from(before.cursor))).await;
    assert_eq!((page.reset, told(&page.news)), (None, vec!["ann: again".to_owned()]));
    assert_eq!(node.authenticate("ann").await.unwrap(), Some(ann));
}

#[tokio::test]
async fn a_request_that_is_repeated_after_a_restart_gets_the_first_answer() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path()).await;
    let (ann, tea) = ann_speaks(&node, 0).await;
    let first = node.says(ann, &tea, "once").await;
    let end = node.reads(mine(ann, After::Start)).await.news.len();
    drop(node);

    for delete in [false, true] {
        if delete {
            fs::remove_file(folder.path().join("projection.db")).unwrap();
        }
        let node = start(folder.path()).await;
        let repeat = node.says(ann, &tea, "once").await;
        assert_eq!(
            (repeat.position, repeat.news, repeat.is_repeat),
            (first.position, first.news.clone(), true)
        );
        let again = node.submit(Author::Server, request("ann"), create("ann")).await.unwrap();
        assert_eq!((again.position, again.is_repeat), (ann.position(), true));
        assert_eq!(node.reads(mine(ann, After::Start)).await.news.len(), end);
    }
}

#[tokio::test]
async fn a_projection_that_is_missing_damaged_or_foreign_is_made_anew_and_equal() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    drop(start(other.path()).await);
    let path = folder.path().join("projection.db");
    let node = start(folder.path()).await;
    let (ann, _) = ann_speaks(&node, 50).await;
    let expected = node.reads(mine(ann, After::Start)).await;
    let fingerprint = fingerprint(folder.path(), &node);
    drop(node);
    let whole = fingerprint();

    type Damage<'a> = Box<dyn Fn() + 'a>;
    let overwrite = |bytes: &'static [u8]| -> Damage<'_> {
        let path = &path;
        Box::new(move || fs::write(path, bytes).unwrap())
    };
    let damages: [(&str, Damage<'_>); 6] = [
        ("missing", Box::new(|| fs::remove_file(&path).unwrap())),
        ("empty", overwrite(b"")),
        ("garbage", overwrite(&[0x5a; 9000])),
        (
            "of another log",
            Box::new(|| _ = fs::copy(other.path().join("projection.db"), &path).unwrap()),
        ),
        (
            "cut off",
            Box::new(|| {
                fs::File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
            }),
        ),
        (
            "garbage after its first page",
            Box::new(|| {
                let mut bytes = fs::read(&path).unwrap();
                bytes[4096..].fill(0x5a);
                fs::write(&path, bytes).unwrap();
            }),
        ),
    ];
    for (name, damage) in damages {
        damage();
        let node = match open(folder.path()) {
            Ok(node) => node,
            Err(error) => panic!("{name}: {error}"),
        };
        node.ready().await.unwrap();
        let page = node.reads(mine(ann, After::Start)).await;
        assert_eq!((page.news, page.cursor), (expected.news.clone(), expected.cursor), "{name}");
        drop(node);
        assert_eq!(fingerprint(), whole, "{name}");
    }
}

#[tokio::test]
async fn a_log_that_was_rolled_back_gets_another_id_and_its_readers_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let [log, backup] = ["log.db", "backup.db"].map(|name| folder.path().join(name));
    let node = start(folder.path()).await;
    let (ann, tea) = ann_speaks(&node, 2).await;
    let early = node.latest();
    drop(node);
    fs::copy(&log, &backup).unwrap();
    let node = start(folder.path()).await;
    node.says(ann, &tea, "later lost").await;
    let late = node.latest();
    drop(node);
    fs::copy(&backup, &log).unwrap();

    let node = start(folder.path()).await;
    assert_ne!(node.log_id(), early.log);
    assert_eq!(node.latest().position, early.position);
    // Positions are used again: no cursor from before may be taken for current.
    node.says(ann, &tea, "instead").await;
    node.says(ann, &tea, "and more").await;
    for cursor in [early, late] {
        let page = node.reads(mine(ann, from(cursor))).await;
        assert_eq!((page.reset, page.cursor), (Some(ResetReason::OtherLog), node.latest()));
    }
    let page = node.reads(mine(ann, After::Start)).await;
    assert_eq!(
        told(&page.news)[1..],
        ["ann: word 0", "ann: word 1", "ann: instead", "ann: and more"]
    );
    let latest = node.latest();
    drop(node);
    assert_eq!(start(folder.path()).await.latest(), latest);
}

#[tokio::test]
async fn a_second_node_on_the_same_folder_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path()).await;
    let (ann, tea) = ann_speaks(&node, 1).await;
    let error = open(folder.path()).err().unwrap();
    assert!(matches!(&error, OpenError::InUse(path) if path == folder.path()), "{error}");
    assert!(error.to_string().contains("--data"), "{error}");
    node.says(ann, &tea, "still here").await;
    drop(node);
    start(folder.path()).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [&file, &file.join("below")] {
        let error = open(path).err().unwrap();
        assert!(matches!(&error, OpenError::Folder { .. }), "{error}");
        assert!(error.to_string().contains("--data"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_log_is_an_error_that_says_what_to_do_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.db");
    let node = start(folder.path()).await;
    ann_speaks(&node, 1).await;
    drop(node);
    let of_a_later_version = |path: &Path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.pragma_update(None, "user_version", 9).unwrap();
    };
    let whole = fs::read(&log).unwrap();
    type Damage<'a> = &'a dyn Fn(&Path);
    let damages: [(&str, Damage<'_>); 2] = [
        ("garbage", &|path| fs::write(path, [0x5a; 9000]).unwrap()),
        ("of a later version", &of_a_later_version),
    ];
    for (name, damage) in damages {
        fs::write(&log, &whole).unwrap();
        damage(&log);
        let damaged = fs::read(&log).unwrap();
        let error = open(folder.path()).err().unwrap_or_else(|| panic!("{name}: it opens"));
        assert!(matches!(&error, OpenError::File { file, .. } if *file == log), "{name}: {error}");
        assert!(error.to_string().contains("restore it from a backup"), "{name}: {error}");
        assert!(fs::read(&log).unwrap() == damaged, "{name}: the log was changed");
    }
}

#[tokio::test]
async fn a_log_with_an_entry_that_does_not_decode_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path()).await;
    let (ann, tea) = ann_speaks(&node, 1).await;
    drop(node);
    let connection = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
    connection
        .execute(
            "UPDATE entries SET version = 9 WHERE position = (SELECT max(position) FROM entries)",
            [],
        )
        .unwrap();
    drop(connection);
    fs::remove_file(folder.path().join("projection.db")).unwrap();

    let node = open(folder.path()).unwrap();
    assert!(node.ready().await.is_err());
    assert!(!node.is_ready());
    let answer = node.ask(ann, "a9", say(tea.id, "into the void")).await;
    assert!(answer.is_err(), "{answer:?}");
}
