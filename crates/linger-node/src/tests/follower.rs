//! The follower over a log that gives it trouble: the entries that it applies, when it
//! tries again, and the answers to submits meanwhile.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use linger_core::{Draft, Entry, LogId, Position, RoomKind, UserId};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    assembled::Parts,
    cast::{from, of_room, say, told},
};
use crate::{
    After, Limits, Node, RoomRef, Unavailable,
    log::{AppendError, Appending, Log, Note, ReadError},
};

/// A log that announces as much as the test wants, and whose reads fail so many times.
struct Moody {
    log: Arc<dyn Log>,
    tail: watch::Sender<Position>,
    failures: AtomicU32,
}

impl Log for Moody {
    fn id(&self) -> LogId {
        self.log.id()
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        self.log.append_noting(draft, note)
    }

    fn probe(&self) -> tokio::sync::oneshot::Receiver<()> {
        self.log.probe()
    }

    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let fails = |left: u32| left.checked_sub(1);
        match self.failures.try_update(Ordering::Relaxed, Ordering::Relaxed, fails) {
            Ok(_) => Err(rusqlite::Error::InvalidQuery.into()),
            Err(_) => self.log.read_after(after, limit),
        }
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.tail.subscribe()
    }
}

/// ann has opened #tea in a node that is gone; the log is there, and gets moody.
async fn moody(failures: u32) -> (Parts, Arc<Moody>, UserId, RoomRef) {
    let parts = Parts::new(Limits::default());
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let tail = watch::Sender::new(node.latest().position);
    node.stop().await;
    let log = Arc::new(Moody { log: parts.log.clone(), tail, failures: AtomicU32::new(failures) });
    (Parts { log: log.clone(), ..parts }, log, ann, tea)
}

#[tokio::test(start_paused = true)]
async fn what_is_durable_and_not_announced_is_not_applied() {
    let (parts, log, ann, tea) = moody(0).await;
    let node = parts.start();
    let [first, second] = [log.tail.borrow().next(), log.tail.borrow().next().next()];
    let speak = async {
        // Two entries are in the log before the first is announced.
        let both = tokio::join!(node.says(ann, &tea, "one"), node.says(ann, &tea, "two"));
        assert_eq!((both.0.position, both.1.position), (first, second));
    };
    let watch = async {
        for position in [first, second] {
            sleep(Duration::from_secs(1)).await;
            log.tail.send_replace(position);
            sleep(Duration::from_millis(1)).await;
            assert_eq!(node.latest().position, position);
            // A reader comes back with the cursor that it has just got.
            let page = node.reads(of_room(&tea, from(node.latest()))).await;
            assert_eq!((page.reset, page.news), (None, vec![]));
        }
    };
    tokio::join!(speak, watch);
}

/// A waker that looks, at the very moment when it is called, how far memory is.
struct Looks {
    node: Arc<Node>,
    saw: Mutex<Vec<Position>>,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.saw.lock().unwrap().push(self.node.latest().position);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_called_finds_in_memory_what_they_are_called_for() {
    let node = Parts::new(Limits::default()).start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let looks = Arc::new(Looks { node: node.node(), saw: Mutex::default() });
    let waker = Waker::from(looks.clone());
    let mut applied = node.applied.clone();
    applied.mark_unchanged();
    // A reader, and a submit that waits until its entry is applied.
    let mut reader = pin!(node.waits(of_room(&tea, After::Latest), 60));
    let mut submit = pin!(applied.changed());
    assert!(reader.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(submit.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let said = node.says(ann, &tea, "news").await;
    assert_eq!(*looks.saw.lock().unwrap(), [said.position; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_is_tried_again_at_the_start_too() {
    let (mut parts, log, ann, tea) = moody(3).await;
    parts.delete_projection();
    parts.limits.apply_batch_max = 1;
    let begin = Instant::now();
    let node = parts.start();
    let tail = *log.tail.borrow();
    let mut applied = node.applied.clone();
    let applied = timeout(Duration::from_secs(60), applied.wait_for(|applied| *applied == tail));
    drop(applied.await.expect("it is tried again").unwrap());
    assert_eq!(begin.elapsed().as_secs(), 3, "one second for each failure");
    assert_eq!(told(&node.reads(of_room(&tea, After::Start)).await.news), ["room_opened"]);

    log.failures.store(2, Ordering::Relaxed);
    let announce = async {
        sleep(Duration::from_millis(1)).await;
        log.tail.send_replace(*log.log.tail().borrow());
    };
    let begin = Instant::now();
    let (said, ()) = tokio::join!(node.says(ann, &tea, "at last"), announce);
    assert_eq!(begin.elapsed().as_secs(), 2);
    assert_eq!(node.reads(of_room(&tea, After::Start)).await.news.last(), said.news.as_ref());
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_cannot_go_on_still_ends_when_it_is_told_to() {
    let (parts, log, ..) = moody(u32::MAX).await;
    parts.delete_projection();
    let begin = Instant::now();
    let node = parts.start();
    sleep(Duration::from_secs(5)).await;
    node.stop().await;
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
    assert!(log.failures.load(Ordering::Relaxed) < u32::MAX, "it has tried");
}

#[tokio::test(start_paused = true)]
async fn a_submit_whose_entry_is_not_applied_in_time_says_unknown_and_may_be_repeated() {
    let (parts, log, ann, tea) = moody(0).await;
    let node = parts.start();
    let cursor = node.latest();
    let begin = Instant::now();
    // The entry is durable, and the follower does not hear of it.
    let answer = node.ask(ann, "a1", say(tea.id, "once")).await;
    assert_eq!(answer.unwrap_err(), Unavailable::Unknown.into());
    assert_eq!(begin.elapsed(), parts.limits.submit_timeout);
    assert_eq!(*log.log.tail().borrow(), cursor.position.next());
    node.crash().await;

    let node = Parts { log: log.log.clone(), ..parts }.start();
    node.ready().await.unwrap();
    let receipt = node.ask(ann, "a1", say(tea.id, "once")).await.unwrap();
    assert_eq!((receipt.position, receipt.is_repeat), (cursor.position.next(), true));
    let page = node.reads(of_room(&tea, from(cursor))).await;
    assert_eq!(told(&page.news), ["ann: once"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_is_not_refused_while_the_log_is_being_applied() {
    let (parts, log, ann, tea) = moody(0).await;
    let node = Parts { log: log.log.clone(), ..parts.clone() }.start();
    let first = node.says(ann, &tea, "once").await;
    node.crash().await;
    log.tail.send_replace(first.position);
    log.failures.store(3, Ordering::Relaxed);
    parts.delete_projection();

    // These tables know neither ann nor #tea, and the node is not ready.
    let node = parts.start();
    let announce = async {
        sleep(Duration::from_secs(1)).await;
        log.tail.send_replace(*log.log.tail().borrow());
    };
    let (repeat, ()) = tokio::join!(node.says(ann, &tea, "once"), announce);
    assert_eq!(
        (repeat.position, repeat.news, repeat.is_repeat),
        (first.position, first.news, true)
    );
}
