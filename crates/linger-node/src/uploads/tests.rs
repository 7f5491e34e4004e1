//! Uploads as an edge uses them: pieces in, bytes under their hash, and what is left when
//! it does not go that way.

use std::{
    fs,
    future::poll_fn,
    path::PathBuf,
    sync::atomic::{AtomicI64, Ordering},
    task::Poll,
    time::Duration,
};

use linger_core::Position;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::*;
use crate::{Part, blobs::folder::FolderStore};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A clock that stands still until a test moves it.
#[derive(Default)]
struct StillClock {
    ms: AtomicI64,
    secrets: AtomicI64,
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.ms.load(Ordering::Relaxed))
    }

    fn secret(&self) -> [u8; 32] {
        [self.secrets.fetch_add(1, Ordering::Relaxed) as u8; 32]
    }
}

/// A folder, and the uploads in it.
struct Desk {
    uploads: Arc<Uploads>,
    folder: TempDir,
    clock: Arc<StillClock>,
    limits: Limits,
}

impl Desk {
    fn open() -> Desk {
        Desk::with(Limits { disk_free_min: 0, ..Limits::default() })
    }

    fn with(limits: Limits) -> Desk {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(StillClock::default()));
        let uploads = opened(&folder, &clock, &limits);
        Desk { uploads, folder, clock, limits }
    }

    /// Does what a restart does.
    fn reopen(mut self) -> Desk {
        let Desk { folder, clock, limits, .. } = &self;
        self.uploads = opened(folder, clock, limits);
        self
    }

    /// Begins an upload of ann's.
    async fn begin(&self, name: &str, length: u64) -> Result<UploadId, UploadError> {
        let length = Some(length);
        let new = NewUpload { owner: ann(), name: name.to_owned(), declared: None, length };
        self.uploads.begin(new).await
    }

    /// Begins an upload of ann's that ends with its request.
    async fn begin_passing(&self) -> Result<Passing, UploadError> {
        let (name, declared) = ("once".to_owned(), None);
        let new = NewUpload { owner: ann(), name, declared, length: None };
        self.uploads.begin_passing(new).await
    }

    /// Sends a piece of ann's upload.
    async fn send(&self, id: &UploadId, at: u64, piece: &[u8]) -> Result<u64, UploadError> {
        let mut receiver = self.uploads.receive(id, ann(), at).await?;
        receiver.write(piece.to_vec()).await?;
        receiver.pause().await
    }

    /// Sends a whole file of ann's.
    async fn file(&self, name: &str, bytes: &[u8]) -> Result<Prepared, UploadError> {
        let id = self.begin(name, bytes.len() as u64).await?;
        self.send(&id, 0, bytes).await?;
        let Outcome::Finished(finished) = self.uploads.finish(&id, ann()).await? else {
            panic!("it is no file yet")
        };
        let prepared = finished.prepared.clone();
        finished.became(7).await?;
        Ok(prepared)
    }

    /// Returns the names in the folder of uploads.
    fn staged(&self) -> Vec<String> {
        if !self.staging().exists() {
            return Vec::new();
        }
        let entries = fs::read_dir(self.staging()).unwrap().map(|entry| entry.unwrap());
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn staging(&self) -> PathBuf {
        self.folder.path().join("files/uploads")
    }

    fn kept(&self) -> Vec<crate::Kept> {
        self.uploads.store().list().unwrap()
    }
}

fn opened(folder: &TempDir, clock: &Arc<StillClock>, limits: &Limits) -> Arc<Uploads> {
    let store = FolderStore::new(&folder.path().join("files"));
    let staging = folder.path().join("files/uploads");
    Uploads::open(&staging, Arc::new(store), Holds::default(), clock.clone(), limits).unwrap()
}

fn ann() -> UserId {
    UserId::new(Position::new(1))
}

fn bob() -> UserId {
    UserId::new(Position::new(2))
}

fn picture() -> Vec<u8> {
    fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../linger-media/corpus/wide.jpg")).unwrap()
}

#[tokio::test]
async fn an_upload_goes_on_across_a_restart_and_is_kept_under_its_hash() {
    let desk = Desk::open();
    let id = desk.begin("notes.txt", 11).await.unwrap();
    assert_eq!(desk.send(&id, 0, b"hello ").await.unwrap(), 6);
    let desk = desk.reopen();
    let progress = desk.uploads.progress(&id, ann()).await.unwrap();
    let expires = Timestamp::from_ms(DAY_MS);
    assert_eq!(progress, Progress { offset: 6, length: Some(11), expires, file: None });
    assert_eq!(desk.send(&id, 6, b"there").await.unwrap(), 11);
    let Outcome::Finished(finished) = desk.uploads.finish(&id, ann()).await.unwrap() else {
        panic!("it is no file yet")
    };
    let Prepared { kind, size, hash, dimensions, has_thumbnail, .. } = finished.prepared.clone();
    assert_eq!((kind, size, dimensions, has_thumbnail), ("text/plain", 11, None, false));
    assert_eq!(
        hash.to_string(),
        "12998c017066eb0d2a70b94e6ed3192985855ce390f321bbdb832022888bd251"
    );
    finished.became(99).await.unwrap();
    let mut bytes = [0; 11];
    desk.uploads.store().read(hash, Part::Whole, 0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"hello there");
    assert_eq!(desk.staged(), [format!("{id}.json")], "only the note is left");
    assert_eq!(desk.uploads.bytes(), 11);
    let desk = desk.reopen();
    assert_eq!(desk.uploads.bytes(), 11);
    let progress = desk.uploads.progress(&id, ann()).await.unwrap();
    assert_eq!((progress.offset, progress.file), (11, Some(99)), "the sender may ask again");
    assert!(matches!(desk.uploads.finish(&id, ann()).await, Ok(Outcome::File(99))));
}

#[tokio::test]
async fn a_picture_is_kept_as_it_was_drawn_anew_with_its_thumbnail() {
    let desk = Desk::open();
    let prepared = desk.file("wide.jpg", &picture()).await.unwrap();
    assert_eq!(prepared.dimensions, Some((20, 900)), "it is upright");
    assert!(prepared.has_thumbnail);
    let length = |part| desk.uploads.store().length(prepared.hash, part).unwrap();
    assert_eq!(length(Part::Whole), Some(prepared.size));
    let all = prepared.size + length(Part::Thumbnail).unwrap();
    assert_eq!(desk.uploads.bytes(), all);
    assert_eq!(desk.reopen().uploads.bytes(), all, "and so they are counted at a start");
}

#[tokio::test]
async fn a_cut_upload_leaves_what_can_be_resumed_and_another_leaves_nothing() {
    let desk = Desk::open();
    let id = desk.begin("film.mp4", 100).await.unwrap();
    let mut receiver = desk.uploads.receive(&id, ann(), 0).await.unwrap();
    receiver.write(vec![1; 40]).await.unwrap();
    drop(receiver);
    assert_eq!(desk.uploads.progress(&id, ann()).await.unwrap().offset, 40);

    let once = desk.begin_passing().await.unwrap();
    let mut receiver = desk.uploads.receive(once.id(), ann(), 0).await.unwrap();
    receiver.write(vec![1; 40]).await.unwrap();
    assert_eq!(desk.uploads.bytes(), 80);
    drop(receiver);
    let id_of_once = once.id().clone();
    drop(once);
    assert!(matches!(desk.uploads.progress(&id_of_once, ann()).await, Err(UploadError::NotFound)));
    assert_eq!(desk.uploads.bytes(), 40);
    assert_eq!(desk.staged(), [id.to_string(), format!("{id}.json")]);
}

/// Runs something until it has waited so many times, and drops it then: as soon as it waits, or
/// else when what it waits for is there. Tells whether it ended before.
async fn dropped_after(waits: usize, at_once: bool, work: impl Future<Output = ()>) -> bool {
    let (mut work, mut waited) = (Box::pin(work), 0);
    poll_fn(move |context| {
        if waited == waits {
            return Poll::Ready(false);
        }
        if work.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        waited += 1;
        match at_once && waited == waits {
            true => Poll::Ready(false),
            false => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn wherever_a_request_is_dropped_nothing_is_left_of_its_upload() {
    /// A request waits at most so often; less often where a thread was quick.
    const WAITS_MAX: usize = 7;
    let desk = Desk::open();
    let mut ended = 0;
    let all =
        (0..20).flat_map(|_| (1..=WAITS_MAX).flat_map(|waits| [(waits, true), (waits, false)]));
    for (waits, at_once) in all.clone() {
        let request = async {
            let once = desk.begin_passing().await.unwrap();
            let mut receiver = desk.uploads.receive(once.id(), ann(), 0).await.unwrap();
            for piece in 0..2 {
                receiver.write(vec![piece; 40]).await.unwrap();
            }
            receiver.pause().await.unwrap();
            // As the node does, so that it goes on when its caller does not.
            let (uploads, id) = (desk.uploads.clone(), once.id().clone());
            let filing = async move {
                // The request may have ended before this began.
                match uploads.finish(&id, ann()).await {
                    Ok(Outcome::Finished(finished)) => finished.became(7).await.unwrap(),
                    Ok(Outcome::File(_)) => panic!("it is no file yet"),
                    Err(error) => assert!(matches!(error, UploadError::NotFound), "{error}"),
                }
            };
            tokio::spawn(filing).await.unwrap();
        };
        ended += usize::from(dropped_after(waits, at_once, request).await);
        let is_clean = || desk.staged().is_empty() && desk.uploads.lock().is_empty();
        let until_clean = async {
            while !is_clean() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let cleaned = timeout(Duration::from_secs(10), until_clean).await;
        assert!(cleaned.is_ok(), "after {waits} waits, {at_once}: {:?}", desk.staged());
    }
    assert!(0 < ended && ended < all.count(), "{ended}");
    let kept: u64 = desk.kept().iter().map(|kept| kept.bytes).sum();
    assert_eq!((desk.uploads.bytes(), kept), (80, 80), "the file, once");
}

#[tokio::test]
async fn what_a_crash_leaves_in_the_folder_goes_at_the_next_start() {
    let desk = Desk::open();
    let id = desk.begin("notes.txt", 11).await.unwrap();
    desk.send(&id, 0, b"hello ").await.unwrap();
    let (lost, torn, ghost) = ("a".repeat(32), "b".repeat(32), "c".repeat(32));
    for (name, bytes) in [
        // A request that was cut by the crash.
        (lost.clone(), "half of it".to_owned()),
        // A picture that was being drawn, its thumbnail, and a note that was being written.
        (format!("{id}.drawn"), "half".to_owned()),
        (format!("{id}.drawn.thumbnail"), "half".to_owned()),
        (format!("{id}.unfinished"), "{".to_owned()),
        // A note that cannot be read.
        (torn.clone(), "bytes".to_owned()),
        (format!("{torn}.json"), "{".to_owned()),
        // An upload whose bytes were kept, and that no file became of.
        (
            format!("{ghost}.json"),
            r#"{"owner":1,"name":"a","declared":null,"length":3,"begun":0,"file":null}"#.to_owned(),
        ),
    ] {
        fs::write(desk.staging().join(name), bytes).unwrap();
    }
    fs::write(desk.staging().join("notes.md"), "somebody's own").unwrap();
    let desk = desk.reopen();
    let name = id.to_string();
    let mut expected = [name.clone(), format!("{name}.json"), "notes.md".to_owned()];
    expected.sort();
    assert_eq!(desk.staged(), expected);
    assert_eq!(desk.uploads.bytes(), 6);
    desk.send(&id, 6, b"there").await.unwrap();
}

#[tokio::test]
async fn a_file_is_refused_that_is_too_large_when_it_is_announced_and_when_it_comes() {
    let limits = Limits { upload_bytes_max: 10, disk_free_min: 0, ..Limits::default() };
    let desk = Desk::with(limits);
    assert!(matches!(desk.begin("a", 11).await, Err(UploadError::TooLarge(10))));
    let id = desk.begin("a", 8).await.unwrap();
    assert!(matches!(desk.send(&id, 0, &[0; 9]).await, Err(UploadError::TooLong)));
    let once = desk.begin_passing().await.unwrap();
    assert!(matches!(desk.send(once.id(), 0, &[0; 11]).await, Err(UploadError::TooLarge(10))));
    drop(once);
    assert_eq!(desk.uploads.bytes(), 0);
}

#[tokio::test]
async fn files_have_so_much_room_together_and_what_is_erased_makes_room() {
    let limits = Limits { upload_bytes_total: 100, disk_free_min: 0, ..Limits::default() };
    let desk = Desk::with(limits);
    let prepared = desk.file("a.txt", &[b'a'; 60]).await.unwrap();
    assert!(matches!(desk.begin("b.txt", 50).await, Err(UploadError::Full)));
    // The same bytes again take no room once they are kept.
    desk.file("c.txt", &[b'a'; 40]).await.unwrap();
    let id = desk.begin("d.txt", 0).await.unwrap();
    desk.uploads.end(&id, ann()).await.unwrap();
    let named = |is_named| move |_| async move { Ok::<bool, io::Error>(is_named) };
    desk.uploads.erase_unless(prepared.hash, named(true)).await.unwrap();
    assert_eq!(desk.kept().len(), 2, "a file has them");
    desk.uploads.erase_unless(prepared.hash, named(false)).await.unwrap();
    assert_eq!(desk.kept().len(), 1);
    desk.begin("b.txt", 50).await.unwrap();

    let disk = Limits { disk_free_min: u64::MAX, ..Limits::default() };
    assert!(matches!(Desk::with(disk).begin("a", 1).await, Err(UploadError::Full)));
}

#[tokio::test]
async fn bytes_are_not_erased_while_their_sender_may_still_make_a_file_of_them() {
    let desk = Desk::open();
    let id = desk.begin("a.txt", 5).await.unwrap();
    desk.send(&id, 0, b"hello").await.unwrap();
    let finish = || async {
        match desk.uploads.finish(&id, ann()).await.unwrap() {
            Outcome::Finished(finished) => finished,
            Outcome::File(file) => panic!("it is file {file}"),
        }
    };
    // The log could not take the file.
    let hash = finish().await.prepared.hash;
    let nobody = |_| async { Ok::<bool, io::Error>(false) };
    desk.uploads.erase_unless(hash, nobody).await.unwrap();
    assert_eq!(desk.kept().len(), 1);
    finish().await.became(7).await.unwrap();
    desk.uploads.erase_unless(hash, nobody).await.unwrap();
    assert_eq!(desk.kept(), []);
}

#[tokio::test]
async fn the_same_bytes_are_kept_once() {
    let desk = Desk::open();
    let one = desk.file("a.txt", b"the same").await.unwrap();
    let other = desk.file("b.txt", b"the same").await.unwrap();
    assert_eq!((one.hash, other.name.as_str()), (other.hash, "b.txt"));
    assert_eq!(desk.uploads.bytes(), 8);
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn an_upload_belongs_to_one_person_and_no_path_comes_from_a_client() {
    let desk = Desk::open();
    let id = desk.begin("../../../etc/passwd", 5).await.unwrap();
    assert!(matches!(desk.uploads.progress(&id, bob()).await, Err(UploadError::NotFound)));
    assert!(matches!(desk.uploads.receive(&id, bob(), 0).await, Err(UploadError::NotFound)));
    assert!(matches!(desk.uploads.end(&id, bob()).await, Err(UploadError::NotFound)));
    assert!(matches!(desk.uploads.finish(&id, bob()).await, Err(UploadError::NotFound)));
    desk.send(&id, 0, b"hello").await.unwrap();
    let long = "a".repeat(33);
    for text in ["", "..", "../x", "a/b", &long, &"A".repeat(32), &"g".repeat(32)] {
        assert_eq!(UploadId::parse(text), None, "{text}");
    }
    assert_eq!(desk.staged(), [id.to_string(), format!("{id}.json")]);
}

#[tokio::test]
async fn a_request_that_asks_ends_the_one_that_hangs() {
    let desk = Desk::open();
    let id = desk.begin("a", 10).await.unwrap();
    let mut hanging = desk.uploads.receive(&id, ann(), 0).await.unwrap();
    hanging.write(vec![1; 4]).await.unwrap();
    let hanging = async move {
        hanging.taken_over().await;
        drop(hanging);
    };
    let (progress, ()) = tokio::join!(desk.uploads.progress(&id, ann()), hanging);
    assert_eq!(progress.unwrap().offset, 4);
    let wrong = desk.uploads.receive(&id, ann(), 3).await;
    assert!(matches!(wrong, Err(UploadError::WrongOffset(4))));
    assert_eq!(desk.send(&id, 4, &[1; 6]).await.unwrap(), 10);
}

#[tokio::test]
async fn two_requests_that_finish_an_upload_make_one_file_of_it() {
    let desk = Desk::open();
    let id = desk.begin("a.txt", 5).await.unwrap();
    assert!(matches!(desk.uploads.finish(&id, ann()).await, Err(UploadError::WrongOffset(0))));
    desk.send(&id, 0, b"hello").await.unwrap();
    let finish = || async {
        match desk.uploads.finish(&id, ann()).await.unwrap() {
            Outcome::Finished(finished) => {
                tokio::task::yield_now().await;
                finished.became(7).await.unwrap();
                None
            }
            Outcome::File(file) => Some(file),
        }
    };
    let (one, other) = tokio::join!(finish(), finish());
    assert_eq!([one, other].iter().flatten().collect::<Vec<_>>(), [&7]);
}

#[tokio::test]
async fn files_that_are_not_what_they_are_said_to_be_are_refused_and_nothing_stays() {
    let desk = Desk::open();
    let cut = &picture()[..700];
    let rows: [(&str, &str, &[u8]); 5] = [
        ("a page as a picture", "cat.png", b"<html><script>alert(1)</script>"),
        ("a script as a picture", "cat.jpg", b"alert(1)"),
        ("a picture that is none", "cat.jpg", cut),
        ("a picture without an end", "cat", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"),
        ("a video that is a page", "cat.mp4", b"\0\0\0\x30ftypisom<html><script>"),
    ];
    for (case, name, bytes) in rows {
        let refused = desk.file(name, bytes).await;
        assert!(matches!(refused, Err(UploadError::Refused(_))), "{case}: {refused:?}");
        assert_eq!(desk.staged(), Vec::<String>::new(), "{case}");
    }
    assert_eq!((desk.uploads.bytes(), desk.kept().len()), (0, 0));
    let page = desk.file("page.html", b"<html><script>alert(1)</script>").await.unwrap();
    assert_eq!(page.kind, "text/plain", "it is kept, and never shown as a page");
}

#[tokio::test]
async fn an_upload_is_forgotten_after_a_day_by_the_clock() {
    let desk = Desk::open();
    let old = desk.begin("old", 10).await.unwrap();
    desk.send(&old, 0, b"half").await.unwrap();
    desk.clock.ms.store(DAY_MS - 1, Ordering::Relaxed);
    desk.uploads.expire().await.unwrap();
    let new = desk.begin("new", 10).await.unwrap();
    assert_eq!(desk.uploads.progress(&old, ann()).await.unwrap().offset, 4);
    desk.clock.ms.store(DAY_MS, Ordering::Relaxed);
    desk.uploads.expire().await.unwrap();
    assert!(matches!(desk.uploads.progress(&old, ann()).await, Err(UploadError::NotFound)));
    assert_eq!(desk.staged(), [new.to_string(), format!("{new}.json")]);
    assert_eq!(desk.uploads.bytes(), 0);
}

#[tokio::test]
async fn a_person_has_so_many_unfinished_uploads_and_others_have_theirs() {
    let limits = Limits { uploads_of_a_person_max: 2, disk_free_min: 0, ..Limits::default() };
    let desk = Desk::with(limits);
    desk.file("done", b"done").await.unwrap();
    let first = desk.begin("a", 1).await.unwrap();
    desk.begin("b", 1).await.unwrap();
    assert!(matches!(desk.begin("c", 1).await, Err(UploadError::TooMany(2))));
    let new = NewUpload { owner: bob(), name: "d".to_owned(), declared: None, length: Some(1) };
    desk.uploads.begin(new).await.unwrap();
    desk.uploads.end(&first, ann()).await.unwrap();
    desk.begin("c", 1).await.unwrap();
}
