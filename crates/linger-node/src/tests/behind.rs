//! Promises to readers who move between nodes: one that is behind lets them wait where they
//! are, and resets nobody whose place is in the log.
//!
//! Two nodes share a log in memory, and one of them sees its end only when the test says so.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use linger_core::{
    Author, Command, Cursor, Draft, Entry, Epoch, LogId, MessageId, Position, Rejection, RoomKind,
    UserId, Vocabulary,
};
use tokio::{
    sync::{oneshot, watch},
    time::{Duration, Instant, sleep},
};

use super::{
    assembled::{Assembled, Parts},
    cast::{from, mine, of_room, say, told},
};
use crate::{
    Limits, Refusal, ResetReason, RoomRef, Unavailable,
    log::{AppendError, Appending, Log, Note, ReadError, memory::MemoryLog},
    nodes::Agreement,
};

/// A log that other nodes write, too, and that is read here only as far as the test lets it.
struct Lagging {
    log: Arc<MemoryLog>,
    tail: watch::Sender<Position>,
    /// Those who decide where it ends do not answer.
    is_silent: AtomicBool,
}

impl Lagging {
    fn let_up(&self) {
        self.tail.send_replace(*self.log.tail().borrow());
    }
}

impl Log for Lagging {
    fn id(&self) -> LogId {
        self.log.id()
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        self.log.append_noting(draft, note)
    }

    fn probe(&self) -> oneshot::Receiver<()> {
        self.log.probe()
    }

    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.log.read_after(after, limit)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ask_end(&self) -> oneshot::Receiver<Position> {
        match self.is_silent.load(Ordering::Relaxed) {
            true => oneshot::channel().1,
            false => self.log.ask_end(),
        }
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.tail.subscribe()
    }
}

/// Two nodes that have both read that ann opened #tea. Only the first one knows the rest, until
/// the test lets the other one up.
struct Two {
    first: Assembled,
    second: Assembled,
    log: Arc<Lagging>,
    ann: UserId,
    tea: RoomRef,
    /// Keeps the folders.
    _parts: [Parts; 2],
}

impl Two {
    async fn start() -> Two {
        let shared = Arc::new(MemoryLog::new(LogId::from_random(7)));
        let tail = watch::Sender::new(Position::START);
        let log =
            Arc::new(Lagging { log: shared.clone(), tail, is_silent: AtomicBool::new(false) });
        let parts =
            [Parts::on(shared, Limits::default()), Parts::on(log.clone(), Limits::default())];
        let [first, second] = [&parts[0], &parts[1]].map(Parts::start);
        first.ready().await.unwrap();
        let ann = first.guest("ann").await;
        let tea = first.opens(ann, "tea", RoomKind::Open).await;
        log.let_up();
        second.ready().await.unwrap();
        let (mut here, end) = (second.applied.clone(), first.latest().position);
        here.wait_for(|applied| *applied >= end).await.unwrap();
        // Its own start began nothing.
        assert_eq!(second.latest(), first.latest());
        Two { first, second, log, ann, tea, _parts: parts }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_is_ahead_of_their_new_node_waits_and_misses_nothing() {
    for is_of_room in [false, true] {
        let two = Two::start().await;
        two.first.says(two.ann, &two.tea, "one").await;
        let ahead = two.first.latest();
        let wait = match is_of_room {
            false => mine(two.ann, from(ahead)),
            true => of_room(&two.tea, from(ahead)),
        };
        for seconds in [0, 20] {
            let begin = Instant::now();
            let page = two.second.waits(wait.clone(), seconds).await;
            assert_eq!((page.reset, page.news, page.cursor), (None, vec![], ahead));
            assert_eq!(begin.elapsed(), Duration::from_secs(seconds));
        }
        let goes_on = async {
            sleep(Duration::from_secs(5)).await;
            two.log.let_up();
            sleep(Duration::from_secs(5)).await;
            two.first.says(two.ann, &two.tea, "two").await;
            two.log.let_up();
        };
        let (page, ()) = tokio::join!(two.second.waits(wait, 60), goes_on);
        assert_eq!(told(&page.news), ["ann: two"], "what they had they do not get again");
        assert_eq!(page.cursor, two.first.latest());
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_without_waiting_goes_on_once_it_is_known_that_the_place_is_there() {
    let two = Two::start().await;
    two.first.says(two.ann, &two.tea, "one").await;
    let ahead = two.first.latest();
    let wait = of_room(&two.tea, from(ahead));
    let glance = || two.second.non_blocking().glance(&wait);
    assert_eq!(glance(), None);
    assert!(two.second.knows(ahead) && two.second.is_behind(ahead));
    two.second.reads(wait.clone()).await;
    let page = glance().unwrap().page;
    assert_eq!((page.reset, page.news, page.cursor), (None, vec![], ahead));
    two.log.let_up();
    two.second.catch_up_with(ahead, Duration::from_secs(1)).await.unwrap();
    assert!(!two.second.is_behind(ahead));
    assert_eq!(glance().unwrap().page.cursor, ahead);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_no_node_has_is_reset_but_not_while_nobody_can_say() {
    let two = Two::start().await;
    let latest = two.second.latest();
    let made_up = Cursor { position: Position::new(latest.position.get() + 9), ..latest };
    let wait = of_room(&two.tea, from(made_up));
    let begin = Instant::now();
    let page = two.second.waits(wait.clone(), 30).await;
    assert_eq!((page.reset, page.cursor), (Some(ResetReason::BeyondTheEnd), latest));
    assert_eq!(begin.elapsed(), Duration::from_secs(5), "a new leader has that long");
    // From then on short polls are told at once, too.
    let page = two.second.reads(wait.clone()).await;
    assert_eq!(page.reset, Some(ResetReason::BeyondTheEnd));
    two.log.is_silent.store(true, Ordering::Relaxed);
    for seconds in [0, 30] {
        let page = two.second.waits(wait.clone(), seconds).await;
        assert_eq!((page.reset, page.news, page.cursor), (None, vec![], made_up), "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_began_further_on_is_waited_for_and_a_wrong_one_is_reset_then() {
    let two = Two::start().await;
    let epoch = Epoch::from_random(99);
    let begins = Command::BeginEpoch { epoch };
    two.first.submit(Author::Server, None, begins).await.unwrap();
    let ahead = two.first.latest();
    assert_eq!(ahead.epoch, Some(epoch));
    let wrong = Cursor { epoch: Some(Epoch::from_random(5)), ..ahead };
    for cursor in [ahead, wrong] {
        let page = two.second.reads(mine(two.ann, from(cursor))).await;
        assert_eq!((page.reset, page.cursor), (None, cursor));
    }
    two.log.let_up();
    two.second.catch_up_with(ahead, Duration::from_secs(1)).await.unwrap();
    for (cursor, reset) in [(ahead, None), (wrong, Some(ResetReason::OtherPast))] {
        assert_eq!(two.second.reads(mine(two.ann, from(cursor))).await.reset, reset);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_of_another_node_is_known_as_soon_as_it_is_read_here() {
    let two = Two::start().await;
    let bob = two.first.guest("bob").await;
    let catches_up = async {
        sleep(Duration::from_secs(2)).await;
        two.log.let_up();
    };
    let (found, ()) = tokio::join!(two.second.authenticate("bob"), catches_up);
    assert_eq!(found, Ok(Some(bob)));
    assert_eq!(two.second.authenticate("nobody").await, Ok(None));
    two.first.guest("cleo").await;
    assert_eq!(two.second.authenticate("cleo").await, Err(Unavailable::Behind));
    two.log.is_silent.store(true, Ordering::Relaxed);
    assert_eq!(two.second.authenticate("nobody").await, Err(Unavailable::Behind));
}

#[tokio::test(start_paused = true)]
async fn what_was_allowed_on_another_node_is_not_refused_here() {
    let two = Two::start().await;
    let bob = two.first.guest("bob").await;
    two.first.ask(bob, "join", Command::JoinRoom { room: two.tea.id }).await.unwrap();
    let catches_up = async {
        for _ in 0..2 {
            sleep(Duration::from_secs(2)).await;
            two.log.let_up();
        }
    };
    let (said, ()) =
        tokio::join!(two.second.ask(bob, "hello", say(two.tea.id, "hello")), catches_up);
    said.unwrap();
    let cleo = two.first.guest("cleo").await;
    two.log.let_up();
    let outside = two.second.ask(cleo, "hi", say(two.tea.id, "hi")).await.unwrap_err();
    assert_eq!(outside, Refusal::Rejected(Rejection::NotAMember));
    two.log.is_silent.store(true, Ordering::Relaxed);
    let unknown = two.second.ask(cleo, "hi", say(two.tea.id, "hi")).await.unwrap_err();
    assert_eq!(unknown, Refusal::Unavailable(Unavailable::Behind));
}

#[tokio::test(start_paused = true)]
async fn newer_words_are_refused_until_all_nodes_know_them_and_others_are_written_in_older_ones() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::new(LogId::from_random(7)));
    let parts = Parts::on(log.clone(), Limits::default());
    let node = parts.start_knowing(Agreement::of(Vocabulary::THIRD));
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let said = node.says(ann, &tea, "one").await.position;
    let pin = Command::PinMessage { message: MessageId::new(said) };
    let refused = node.ask(ann, "pin", pin.clone()).await.unwrap_err();
    assert_eq!(refused, Refusal::Unavailable(Unavailable::NotAgreed));
    assert!(node.non_blocking().begin(Author::User(ann), None, pin.clone()).is_none());
    let written = log.read_after(Position::START, 10).unwrap();
    assert!(written.iter().all(|entry| entry.draft.vocabulary == Vocabulary::THIRD));
    assert_eq!(written.last().unwrap().draft.command, say(tea.id, "one"));
    // All know it now, and the same request is done.
    node.stop().await;
    let node = parts.start_knowing(Agreement::of(Vocabulary::FOURTH));
    node.ask(ann, "pin", pin).await.unwrap();
}
