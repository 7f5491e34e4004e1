//! When the tables are committed: before anybody reads less than they were told,
//! soon when nobody does, and again when it failed.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use linger_core::{Author, Outcome, Position, Projection, RoomKind, TokenHash, UserId};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    assembled::{Doing, Parts, TableTrouble},
    cast::{TestClock, create, mine, named, of_room, say, told},
};
use crate::{
    After, Asker, Limits, Node, Unavailable,
    questions::{RoomNow, WhoHolds, WhoNow},
};

/// Nothing is committed unless a reader asks.
const NEVER: Duration = Duration::from_secs(1 << 30);

/// A node whose tables fail in what `fails` says, while `is_on`.
fn troubled(limits: Limits, doing: Doing) -> (Parts, Arc<AtomicBool>) {
    let is_on = Arc::new(AtomicBool::new(false));
    let fails = is_on.clone();
    let mut parts = Parts::new(limits);
    parts.table_trouble = Arc::new(move |now| now == doing && fails.load(Relaxed));
    (parts, is_on)
}

/// Lets everything go well, and counts the commits.
fn counting(commits: &Arc<AtomicU32>) -> TableTrouble {
    let commits = commits.clone();
    Arc::new(move |doing| {
        commits.fetch_add(u32::from(doing == Doing::Commit), Relaxed);
        false
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_is_in_the_tables_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for commit_after in [NEVER, Duration::ZERO, Duration::from_millis(2)] {
        let limits = Limits { commit_after, ..Limits::default() };
        let node = Node::open(
            folder.path(),
            crate::Rollback::Refused,
            limits,
            Arc::new(TestClock::new(1)),
        )
        .unwrap();
        node.ready().await.unwrap();
        let node = Arc::new(node);
        let mut guests = JoinSet::new();
        for task in 0..8 {
            let node = node.clone();
            guests.spawn(async move {
                for number in 0..60 {
                    let name = format!("guest-{commit_after:?}-{task}-{number}");
                    let guest = node.guest(&name).await;
                    let holder =
                        node.query(Asker::House, WhoHolds(TokenHash::of(&name))).await.unwrap();
                    assert_eq!(holder, Some(guest), "{name}");
                    // A repeat is answered from the tables.
                    let again = node
                        .submit(Author::Server, named(&name, &create(&name)), create(&name))
                        .await;
                    assert_eq!(UserId::new(again.unwrap().position), guest);
                }
            });
        }
        guests.join_all().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_node_commits_once_and_then_sleeps() {
    let commits = Arc::new(AtomicU32::new(0));
    let mut parts = Parts::new(Limits::default());
    parts.table_trouble = counting(&commits);
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    for number in 0..20 {
        node.says(ann, &tea, &format!("word {number}")).await;
    }
    assert_eq!(parts.committed().get(), 0);
    sleep(parts.limits.commit_after + Duration::from_millis(1)).await;
    assert_eq!((parts.committed(), commits.load(Relaxed)), (node.latest().position, 1));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(commits.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_node_lets_sends_wait_for_a_commit_four_times_a_second() {
    let commits = Arc::new(AtomicU32::new(0));
    let mut parts = Parts::new(Limits::default());
    parts.table_trouble = counting(&commits);
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let end = Instant::now() + Duration::from_secs(4);
    for number in 0.. {
        if Instant::now() >= end {
            break;
        }
        node.says(ann, &tea, &format!("word {number}")).await;
        sleep(Duration::from_millis(10)).await;
    }
    let commits = commits.load(Relaxed);
    assert!((12..=16).contains(&commits), "{commits}");
}

#[tokio::test(start_paused = true)]
async fn so_many_entries_are_uncommitted_and_no_more() {
    let limits =
        Limits { commit_after: NEVER, uncommitted_max: 3, apply_batch_max: 1, ..Limits::default() };
    let parts = Parts::new(limits);
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    for number in 3..12 {
        let said = node.says(ann, &tea, &format!("word {number}")).await;
        assert_eq!(said.position.get(), number);
        tokio::task::yield_now().await;
        assert_eq!(parts.committed().get(), number / 3 * 3);
    }
}

#[tokio::test(start_paused = true)]
async fn who_ends_in_order_leaves_nothing_to_apply_and_a_crash_leaves_it_to_the_log() {
    let parts = Parts::new(Limits { commit_after: NEVER, ..Limits::default() });
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let opened = node.latest();
    node.stop().await;
    assert_eq!(parts.projection().applied(), opened.position);

    let node = parts.start();
    let said = node.says(ann, &tea, "not committed").await;
    let gone = node.node();
    node.crash().await;
    assert_eq!(parts.projection().applied(), opened.position);
    // Nobody commits any more, and a reader of the tables gets an error at once.
    let begin = Instant::now();
    let answer = gone.query(Asker::House, WhoNow(ann)).await;
    assert_eq!((answer.unwrap_err(), begin.elapsed()), (Unavailable::Storage, Duration::ZERO));

    let node = parts.start();
    node.ready().await.unwrap();
    let page = node.reads(of_room(&tea, After::Start)).await;
    assert_eq!(told(&page.news), ["room_opened", "ann: not committed"]);
    let repeat = node.says(ann, &tea, "not committed").await;
    assert_eq!((repeat.position, repeat.news, repeat.is_repeat), (said.position, said.news, true));
}

#[tokio::test(start_paused = true)]
async fn what_a_failure_takes_back_is_applied_again_and_told_once() {
    for doing in [Doing::Apply, Doing::Commit] {
        let limits = Limits { recent_events_max: 2, apply_batch_max: 2, ..Limits::default() };
        let (parts, is_on) = troubled(limits, doing);
        let node = parts.start();
        let ann = node.guest("ann").await;
        let tea = node.opens(ann, "tea", RoomKind::Open).await;
        let mut expected = vec!["room_opened".to_owned()];
        let (reader, wait) = (node.node(), mine(ann, After::Start));
        let reader = tokio::spawn(async move {
            let (mut wait, mut read) = (wait, Vec::new());
            while read.last().is_none_or(|last| last != "ann: the end") {
                let page = reader.waits(wait.clone(), 30).await;
                read.extend(told(&page.news));
                wait.after = After::Cursor(page.cursor);
            }
            read
        });
        let mut watched = node.applied.clone();
        let watching = tokio::spawn(async move {
            let mut last = *watched.borrow_and_update();
            while watched.changed().await.is_ok() {
                let applied = *watched.borrow_and_update();
                assert!(applied > last, "{applied} is announced after {last}");
                last = applied;
            }
        });
        for round in 0..5 {
            // Before the trouble, in it, and after it, with some of it uncommitted.
            for number in 0..3 {
                let text = format!("word {round} {number}");
                is_on.store(number == 1, Relaxed);
                let calm = async {
                    sleep(Duration::from_millis(1500)).await;
                    is_on.store(false, Relaxed);
                };
                let (said, ()) = tokio::join!(node.says(ann, &tea, &text), calm);
                let outcome = Outcome::Accepted(said.news);
                assert!(outcome.news().is_some() && !said.is_repeat, "{outcome:?}");
                expected.push(format!("ann: {text}"));
            }
        }
        node.says(ann, &tea, "the end").await;
        expected.push("ann: the end".to_owned());
        assert_eq!(timeout(Duration::from_secs(60), reader).await.unwrap().unwrap(), expected);
        assert_eq!(node.query(Asker::House, WhoNow(ann)).await.unwrap().unwrap().id, ann);
        node.stop().await;
        watching.await.unwrap();
        let mut anew = Projection::in_memory(parts.log.id()).unwrap();
        anew.apply(&parts.log.read_after(Position::START, 1000).unwrap()).unwrap();
        let fingerprints = [&anew, &parts.projection()].map(|it| it.fingerprint().unwrap());
        assert_eq!(fingerprints[0], fingerprints[1], "{doing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_no_commit_succeeds_submits_go_on_and_what_is_applied_is_read() {
    let limits = Limits { uncommitted_max: 8, ..Limits::default() };
    let (parts, is_on) = troubled(limits, Doing::Commit);
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let room_now = || RoomNow { room: tea.clone(), reader: None };
    assert!(node.query(Asker::House, room_now()).await.unwrap().is_some());
    let (committed, before) = (parts.committed(), node.latest());

    is_on.store(true, Relaxed);
    let mut said = BTreeSet::new();
    for number in 0..8 {
        let begin = Instant::now();
        said.insert(node.says(ann, &tea, &format!("word {number}")).await.position);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        sleep(Duration::from_millis(300)).await;
    }
    // The follower answers, who sees what is applied. (F6)
    let begin = Instant::now();
    let room = node.query(Asker::House, room_now()).await.unwrap().unwrap();
    assert_eq!((room.last_number as usize, begin.elapsed()), (1 + said.len(), Duration::ZERO));
    assert!(node.health.any_illness().unwrap().contains("projection.db cannot be written"));
    // A caught-up reader reads on; no more than the bound is applied.
    let page = node.reads(of_room(&tea, After::Cursor(before))).await;
    assert_eq!(page.news.len(), said.len());
    let unknown = node.ask(ann, "one-more", say(tea.id, "one more")).await;
    assert_eq!(unknown.unwrap_err(), Unavailable::Unknown.into());
    assert_eq!(parts.committed(), committed);

    is_on.store(false, Relaxed);
    let begin = Instant::now();
    assert!(node.query(Asker::House, room_now()).await.unwrap().is_some());
    assert!(begin.elapsed() <= Duration::from_secs(1));
    let repeat = node.ask(ann, "one-more", say(tea.id, "one more")).await.unwrap();
    said.insert(repeat.position);
    let page = node.reads(of_room(&tea, After::Start)).await;
    assert_eq!(page.news.iter().skip(1).map(|news| news.position()).collect::<BTreeSet<_>>(), said);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(parts.committed(), node.latest().position);
    assert_eq!(node.health.any_illness(), None);
}
