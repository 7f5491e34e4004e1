//! Uploads become files by the log, and files that nobody needs are forgotten with their
//! bytes, by the node's clock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU8, Ordering},
};

use linger_core::{
    Author, Command, File, FileHash, MessageId, MessageText, RequestId, Timestamp, UserId,
};

use crate::{
    Asker, Clock, Limits, NewUpload, Node, Part, Rollback, UploadId,
    questions::{FileFor, IsHashKnown},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A clock that stands still until a test moves it.
#[derive(Default)]
struct StillClock {
    ms: AtomicI64,
    secrets: AtomicU8,
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.ms.load(Ordering::Relaxed))
    }

    fn secret(&self) -> [u8; 32] {
        [self.secrets.fetch_add(1, Ordering::Relaxed); 32]
    }
}

/// A node with ann, and her files.
pub(super) struct House {
    pub(super) node: Arc<Node>,
    clock: Arc<StillClock>,
    pub(super) ann: UserId,
    pub(super) folder: tempfile::TempDir,
}

impl House {
    pub(super) async fn open() -> House {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(StillClock::default()));
        let limits = Limits { disk_free_min: 0, ..Limits::default() };
        let node = Node::open(folder.path(), Rollback::Refused, limits, clock.clone()).unwrap();
        node.ready().await.unwrap();
        let ann = node.guest("ann").await;
        House { node: Arc::new(node), clock, ann, folder }
    }

    /// Brings the bytes of a file of ann's in.
    pub(super) async fn upload(&self, name: &str, bytes: &[u8]) -> UploadId {
        let (owner, name) = (self.ann, name.to_owned());
        let new = NewUpload { owner, name, declared: None, length: Some(bytes.len() as u64) };
        let id = self.node.uploads().begin(new).await.unwrap();
        let mut receiver = self.node.uploads().receive(&id, owner, 0).await.unwrap();
        receiver.write(bytes.to_vec()).await.unwrap();
        receiver.pause().await.unwrap();
        id
    }

    pub(super) async fn file(&self, name: &str, bytes: &[u8]) -> File {
        let upload = self.upload(name, bytes).await;
        self.node.file_of(&upload, self.ann, None).await.unwrap().0
    }

    /// Lets ann say something with a file.
    pub(super) async fn say(&self, file: &File) -> MessageId {
        let lobby = self.node.room("lobby", None).unwrap();
        let command = |room| Command::SendMessage {
            room,
            text: MessageText::parse("look").unwrap(),
            sender_time: None,
            entities: Default::default(),
            reply_to: None,
            files: vec![file.id],
        };
        let join = Command::JoinRoom { room: lobby.id };
        self.node.submit(Author::User(self.ann), None, join).await.unwrap();
        let said = self.node.submit(Author::User(self.ann), None, command(lobby.id)).await;
        MessageId::new(said.unwrap().position)
    }

    async fn later(&self, ms: i64) {
        self.clock.ms.fetch_add(ms, Ordering::Relaxed);
        self.node.sweep_files().await.unwrap();
    }

    pub(super) async fn hash_of(&self, file: &File) -> Option<FileHash> {
        let question = FileFor { reader: Some(self.ann), id: file.id };
        let found = self.node.query(Asker::House, question).await.unwrap();
        found.map(|added| added.hash)
    }

    pub(super) fn has(&self, hash: FileHash) -> bool {
        self.node.uploads().store().length(hash, Part::Whole).unwrap().is_some()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_message_has_is_forgotten_after_a_day_with_its_bytes() {
    let house = House::open().await;
    let (lonely, said) = (house.file("a", b"lonely").await, house.file("b", b"said").await);
    let hashes = [house.hash_of(&lonely).await.unwrap(), house.hash_of(&said).await.unwrap()];
    house.say(&said).await;
    house.later(DAY_MS - 1).await;
    assert!(house.hash_of(&lonely).await.is_some());
    house.later(2).await;
    assert_eq!(house.hash_of(&lonely).await, None);
    assert_eq!(hashes.map(|hash| house.has(hash)), [false, true]);
    assert_eq!(house.node.uploads().bytes(), 4);
    house.later(30 * DAY_MS).await;
    assert!(house.has(hashes[1]), "a message has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_another_file_has_stay() {
    let house = House::open().await;
    let (one, other) = (house.file("a", b"the same").await, house.file("b", b"the same").await);
    let hash = house.hash_of(&one).await.unwrap();
    house.say(&other).await;
    house.later(2 * DAY_MS).await;
    assert_eq!(house.hash_of(&one).await, None);
    assert!(house.has(hash));
    assert!(house.node.query(Asker::House, IsHashKnown(hash)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_becomes_one_file_however_often_it_is_asked_for() {
    let house = House::open().await;
    let upload = house.upload("a", b"once").await;
    let (file, is_repeat) = house.node.file_of(&upload, house.ann, None).await.unwrap();
    assert!(!is_repeat);
    let again = house.node.file_of(&upload, house.ann, None).await.unwrap();
    assert_eq!(again, (file, true));
    // Two uploads under one name of a request are one file, if they are the same.
    let name = || Some(RequestId::parse("f1").unwrap());
    let (one, other) = (house.upload("b", b"twice").await, house.upload("b", b"twice").await);
    let (one, _) = house.node.file_of(&one, house.ann, name()).await.unwrap();
    assert_eq!(house.node.file_of(&other, house.ann, name()).await.unwrap(), (one, true));
    let another = house.upload("b", b"another").await;
    assert!(house.node.file_of(&another, house.ann, name()).await.is_err());
}
