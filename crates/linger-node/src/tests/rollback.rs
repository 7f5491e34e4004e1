//! Older copies of a data folder that are put back: the node does not follow a log
//! that has lost something, and readers from the lost future are told.

use std::{fs, path::Path, sync::Arc};

use linger_core::{RoomKind, UserId};

use super::cast::{TestClock, from, mine, of_room, told};
use crate::{After, Limits, Node, OpenError, Page, ResetReason, Rollback, RoomRef, check, salvage};

/// Opens and waits until it is ready. Another seed each time, as chance would have it.
async fn start(folder: &Path, rollback: Rollback) -> Result<Node, OpenError> {
    static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1000);
    let seed = SEED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let node = Node::open(folder, rollback, Limits::default(), Arc::new(TestClock::new(seed)))?;
    node.ready().await.unwrap();
    Ok(node)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// A folder in which ann said "kept 0" to "kept 2", a copy of it, and then "lost 0"
/// to "lost 2", with her cursors from before the copy, from its end, and from later.
struct Restored {
    folder: tempfile::TempDir,
    backup: tempfile::TempDir,
    ann: UserId,
    tea: RoomRef,
    cursors: [linger_core::Cursor; 3],
}

async fn restored() -> Restored {
    let [folder, backup] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let node = start(folder.path(), Rollback::Refused).await.unwrap();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    node.says(ann, &tea, "kept 0").await;
    let before = node.latest();
    node.says(ann, &tea, "kept 1").await;
    node.says(ann, &tea, "kept 2").await;
    let at_the_copy = node.latest();
    drop(node);
    copy(folder.path(), backup.path());
    let node = start(folder.path(), Rollback::Refused).await.unwrap();
    for number in 0..3 {
        node.says(ann, &tea, &format!("lost {number}")).await;
    }
    let lost = node.latest();
    drop(node);
    Restored { folder, backup, ann, tea, cursors: [before, at_the_copy, lost] }
}

/// More is sent than was lost, and readers come with their cursors.
async fn check_readers(node: &Node, restored: &Restored, keeps_cursors: bool) {
    let Restored { ann, tea, cursors: [before, at_the_copy, lost], .. } = restored;
    for number in 0..9 {
        node.says(*ann, tea, &format!("new {number}")).await;
        let page = node.reads(mine(*ann, from(*lost))).await;
        assert!(page.reset.is_some(), "{number}");
        assert_eq!((page.news, page.cursor), (vec![], node.latest()));
    }
    let news = |page: Page| (page.reset, told(&page.news));
    let new: Vec<_> = (0..9).map(|number| format!("ann: new {number}")).collect();
    let kept = ["ann: kept 1", "ann: kept 2"].map(str::to_owned);
    if keeps_cursors {
        let page = node.reads(of_room(tea, from(*at_the_copy))).await;
        assert_eq!(news(page), (None, new.clone()));
        let page = node.reads(of_room(tea, from(*before))).await;
        assert_eq!(news(page), (None, [&kept[..], &new].concat()));
    }
    let all = node.reads(of_room(tea, After::Start)).await;
    assert_eq!(told(&all.news)[2..], [&kept[..], &new].concat());
}

#[tokio::test]
async fn a_folder_that_was_put_back_whole_knows_cursors_from_its_lost_future() {
    let restored = restored().await;
    let node = start(restored.backup.path(), Rollback::Refused).await.unwrap();
    let page = node.reads(mine(restored.ann, from(restored.cursors[2]))).await;
    assert_eq!(page.reset, Some(ResetReason::OtherPast));
    check_readers(&node, &restored, true).await;
}

#[tokio::test]
async fn a_log_that_was_put_back_alone_knows_cursors_from_its_lost_future() {
    let restored = restored().await;
    fs::remove_file(restored.backup.path().join("projection.db")).unwrap();
    let node = start(restored.backup.path(), Rollback::Refused).await.unwrap();
    check_readers(&node, &restored, true).await;
}

#[tokio::test]
async fn a_log_that_is_shorter_than_its_projection_is_refused_until_that_is_accepted() {
    let restored = restored().await;
    let folder = restored.folder.path();
    let [log, projection] = ["log.db", "projection.db"].map(|name| folder.join(name));
    fs::copy(restored.backup.path().join("log.db"), &log).unwrap();
    let files = || [&log, &projection].map(|file| fs::read(file).unwrap());
    let before = files();
    let error = start(folder, Rollback::Refused).await.err().expect("it is refused");
    let OpenError::Shorter { entries, known, .. } = &error else { panic!("{error}") };
    let sentence = error.to_string();
    for word in [&entries.to_string(), &known.to_string(), "--accept-rollback", "salvage"] {
        assert!(sentence.contains(word), "{word}: {sentence}");
    }
    assert!(files() == before, "nothing is touched");
    let findings = check(folder).unwrap().findings;
    assert!(findings[0].contains(&known.to_string()), "{findings:?}");

    // The events that only the projection knows are written down; nothing is touched.
    let into = folder.join("saved");
    let lines = salvage(folder, &into).unwrap();
    assert!(files() == before, "nothing is touched");
    let events = fs::read_to_string(into.join("events.jsonl")).unwrap();
    let texts = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let texts: Vec<_> =
        texts.map(|event| event["message"]["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts, ["lost 0", "lost 1", "lost 2"], "{lines:?}");
    assert!(salvage(folder, &into).is_err(), "it does not write over what is there");

    let node = start(folder, Rollback::Accepted).await.unwrap();
    check_readers(&node, &restored, true).await;
    drop(node);
    let kept = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).find(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("projection.db.20")
    });
    assert!(fs::read(kept.expect("the projection is kept")).unwrap() == before[1]);
    // From now on it is an ordinary log, whether the flag is given again or not.
    for rollback in [Rollback::Accepted, Rollback::Refused] {
        let node = start(folder, rollback).await.unwrap();
        let latest = node.latest();
        drop(node);
        let node = start(folder, rollback).await.unwrap();
        assert_eq!(node.reads(mine(restored.ann, from(latest))).await.reset, None);
    }
}

#[tokio::test]
async fn a_log_that_is_empty_or_gone_beside_its_projection_is_refused() {
    let restored = restored().await;
    let folder = restored.folder.path();
    let [log, projection] = ["log.db", "projection.db"].map(|name| folder.join(name));
    let before = fs::read(&projection).unwrap();
    fs::write(&log, "").unwrap();
    for case in ["emptied", "gone"] {
        let error = start(folder, Rollback::Refused).await.err().expect(case);
        assert!(matches!(&error, OpenError::Shorter { entries: 0, .. }), "{case}: {error}");
        assert!(fs::read(&projection).unwrap() == before, "{case}");
        let _ = fs::remove_file(&log);
    }
    assert!(!log.exists(), "nothing is begun");
    // A WAL whose log was emptied would be thrown away by SQLite.
    fs::write(&log, "").unwrap();
    fs::write(folder.join("log.db-wal"), [7; 100]).unwrap();
    let error = start(folder, Rollback::Accepted).await.err().expect("the WAL is all there is");
    assert!(error.to_string().contains("log.db-wal"), "{error}");
    assert_eq!(fs::read(folder.join("log.db-wal")).unwrap(), [7; 100]);
}

#[tokio::test]
async fn cursors_without_an_epoch_are_taken_as_they_are() {
    let restored = restored().await;
    let node = start(restored.folder.path(), Rollback::Refused).await.unwrap();
    let [before, ..] = restored.cursors;
    let old = linger_core::Cursor { epoch: None, ..before };
    let page = node.reads(of_room(&restored.tea, from(old))).await;
    assert_eq!((page.reset, told(&page.news).len()), (None, 5));
}
