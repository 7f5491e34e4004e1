//! The data folder: what survives a restart, what is made anew, and the effect of
//! damaged files.

use std::{fs, path::Path, sync::Arc};

use linger_core::{Author, Position, RoomKind};

use super::cast::{TestClock, create, from, mine, named, say, told};
use crate::{
    After, Asker, Limits, Node, NotReady, OpenError, Rollback, RoomRef, check, questions::Rooms,
};

fn open(folder: &Path) -> Result<Node, OpenError> {
    // Another seed each time, so that a new log has a new id.
    static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let seed = SEED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Node::open(folder, Rollback::Refused, Limits::default(), Arc::new(TestClock::new(seed)))
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

#[tokio::test]
async fn the_first_start_opens_the_lobby_and_later_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    for starts in 1..4 {
        let node = start(&folder.path().join("made/if/need/be")).await;
        assert_eq!(node.readiness().await, Ok(()));
        // The lobby, and an epoch for each start.
        assert_eq!(node.latest().position, Position::new(1 + starts));
        let rooms = Rooms { reader: None, after: None, limit: 100 };
        assert_eq!(node.query(Asker::House, rooms).await.unwrap().rooms.len(), 1);
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
    assert_eq!(after.news, before.news);
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
        let again =
            node.submit(Author::Server, named("ann", &create("ann")), create("ann")).await.unwrap();
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
    drop(node);

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
        assert_eq!(page.news, expected.news, "{name}");
        drop(node);
        assert_eq!(check(folder.path()).unwrap().findings, [""; 0], "{name}");
    }
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
async fn a_folder_whose_name_looks_like_an_address_is_a_folder() {
    // A relative name, below the folder in which the tests run.
    let name = format!("file:linger-test-{}?mode=memory", std::process::id());
    let node = start(Path::new(&name)).await;
    drop(node);
    assert!(Path::new(&name).join("log.db").is_file());
    assert_eq!(check(Path::new(&name)).unwrap().findings, [""; 0]);
    fs::remove_dir_all(name).unwrap();
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
    let cut_off = |path: &Path| {
        fs::File::options().write(true).open(path).unwrap().set_len(4096).unwrap();
    };
    let another_id = |path: &Path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        let update = "UPDATE meta SET value = 'aaaaaaaaaa' WHERE key = 'log_id'";
        assert_eq!(connection.execute(update, []).unwrap(), 1);
    };
    type Damage<'a> = &'a dyn Fn(&Path);
    let damages: [(&str, Damage<'_>, &str); 4] = [
        ("garbage", &|path| fs::write(path, [0x5a; 9000]).unwrap(), "restore it from a backup"),
        ("cut off", &cut_off, "restore it from a backup"),
        ("another id", &another_id, "restore it from a backup"),
        ("of a later version", &of_a_later_version, "run the newer version"),
    ];
    for (name, damage, advice) in damages {
        fs::write(&log, &whole).unwrap();
        damage(&log);
        let damaged = fs::read(&log).unwrap();
        let error = open(folder.path()).err().unwrap_or_else(|| panic!("{name}: it opens"));
        let sentence = error.to_string();
        assert!(sentence.contains(log.to_str().unwrap()), "{name}: {sentence}");
        assert!(sentence.contains(advice), "{name}: {sentence}");
        assert!(fs::read(&log).unwrap() == damaged, "{name}: the log was changed");
    }
}

#[tokio::test]
async fn an_entry_that_is_not_what_was_stored_ends_the_node_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path()).await;
    let (ann, tea) = ann_speaks(&node, 3).await;
    let said = node.says(ann, &tea, "word 4").await.position;
    drop(node);
    let projection = folder.path().join("projection.db");
    let later = linger_core::Vocabulary::LATEST.get() + 1;
    let whole = fs::read(folder.path().join("log.db")).unwrap();
    let rows = [
        ("a letter", "command = replace(command, 'word 4', 'Word 4')".to_owned(), "damaged"),
        ("its author", "author = author + 1".to_owned(), "damaged"),
        ("its checksum", "checksum = checksum + 1".to_owned(), "damaged"),
        // If a newer version had written it, the checksum would be right.
        ("its vocabulary", format!("vocabulary = {later}"), "damaged"),
        ("its place", "position = position + 5".to_owned(), "damaged"),
    ];
    for (row, change, words) in rows {
        fs::write(folder.path().join("log.db"), &whole).unwrap();
        let connection = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
        let update = format!("UPDATE entries SET {change} WHERE position = {said}");
        assert_eq!(connection.execute(&update, []).unwrap(), 1, "{row}");
        drop(connection);
        let found = check(folder.path()).unwrap().findings;
        assert!(
            found.iter().any(|it| it.contains("damaged") && it.contains(&said.to_string())),
            "{row}: {found:?}"
        );
        // The projection is whole, and the log is not needed to read.
        fs::rename(&projection, folder.path().join("elsewhere")).unwrap();
        let node = open(folder.path()).unwrap();
        let (sentence, ready) = tokio::join!(node.failed(), node.ready());
        assert!(ready.is_err(), "{row}");
        assert!(sentence.contains(words) && sentence.contains("position"), "{row}: {sentence}");
        assert!(matches!(node.readiness().await, Err(NotReady::Ill(_))), "{row}");
        let answer = node.ask(ann, "a9", say(tea.id, "into the void")).await;
        assert!(answer.is_err(), "{row}: {answer:?}");
        drop(node);
        fs::rename(folder.path().join("elsewhere"), &projection).unwrap();
    }
}
