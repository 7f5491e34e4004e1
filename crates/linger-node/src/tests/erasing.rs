//! Files go with their last message: the bytes, the note of the upload, and only then the
//! entry of the log that names them.

use std::{fs, time::Duration};

use linger_core::{Author, Command, MessageId, RequestId};

use super::filing::House;

impl House {
    async fn take_back(&self, message: MessageId) {
        let command = Command::DeleteMessage { message };
        self.node.submit(Author::User(self.ann), None, command).await.unwrap();
    }

    /// Tells whether this stands in the files of the log.
    fn log_has(&self, word: &str) -> bool {
        let read = |name| fs::read(self.folder.path().join(name)).unwrap_or_default();
        let has = |name| String::from_utf8_lossy(&read(name)).contains(word);
        has("log.db") || has("log.db-wal")
    }

    /// Waits until all is erased that was asked for so far.
    async fn erased(&self) {
        let upto = *self.node.log.tail().borrow();
        until("all is erased", || self.node.log.erased_upto() >= upto).await;
    }

    /// Returns the names in the folder of uploads.
    fn notes(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("files/uploads")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

async fn until(what: &str, is_true: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_true() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within half a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_file_go_with_the_last_message_that_has_them() {
    let house = House::open().await;
    let (one, other) = (house.file("a", b"the same").await, house.file("b", b"the same").await);
    let hash = house.hash_of(&one).await.unwrap();
    let messages = [house.say(&one).await, house.say(&one).await, house.say(&other).await];
    assert_eq!(house.notes().len(), 2);

    house.take_back(messages[0]).await;
    house.erased().await;
    assert!(house.has(hash), "the same file is in another message");
    house.take_back(messages[1]).await;
    house.erased().await;
    assert!(house.has(hash), "another file has the same bytes");
    assert_eq!(house.notes().len(), 1, "the note had the name of the first file");
    house.take_back(messages[2]).await;
    house.erased().await;
    assert!(!house.has(hash));
    assert_eq!((house.notes().len(), house.node.uploads().bytes()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_repeat_of_a_file_that_is_gone_brings_nothing_of_it_back() {
    let house = House::open().await;
    let name = || Some(RequestId::parse("f1").unwrap());
    let (first, late) = (house.upload("a", b"once").await, house.upload("a", b"once").await);
    let (file, _) = house.node.file_of(&first, house.ann, name()).await.unwrap();
    let hash = house.hash_of(&file).await.unwrap();
    let message = house.say(&file).await;
    house.take_back(message).await;
    house.erased().await;
    assert!(!house.has(hash));

    assert!(house.node.file_of(&late, house.ann, name()).await.is_err());
    assert!(!house.has(hash));
    assert_eq!((house.notes().len(), house.node.uploads().bytes()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_bytes_until_they_are_gone() {
    let house = House::open().await;
    let file = house.file("a-name-like-no-other", b"hello").await;
    let hash = house.hash_of(&file).await.unwrap();
    let name_of_file = file.name.as_str().to_owned();
    // A folder is no file, and so it is not removed.
    let name = hash.to_string();
    let in_the_way = house.folder.path().join(format!("files/{}/{name}.thumbnail", &name[..2]));
    fs::create_dir(&in_the_way).unwrap();
    let message = house.say(&file).await;
    house.take_back(message).await;
    until("a first try", || !house.has(hash)).await;
    assert!(house.log_has(&name_of_file));
    assert!(house.node.log.erased_upto() < message.position());

    fs::remove_dir(&in_the_way).unwrap();
    house.erased().await;
    assert!(!house.log_has(&name_of_file));
    assert!(house.notes().is_empty());
}
