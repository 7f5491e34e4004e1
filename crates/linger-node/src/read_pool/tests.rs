//! Questions to real threads: their turns and their deadlines.

use linger_core::{LogId, UserId};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

fn pool(limits: &Limits) -> (TempDir, ReadPool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.db");
    drop(Projection::open(&path, LogId::from_random(0)).unwrap());
    (folder, ReadPool::start(&Connections::to(&path, limits), limits))
}

fn person(number: u64) -> Asker {
    Asker::Person(UserId::new(linger_core::Position::new(number)))
}

/// Counts to the end of the world.
fn for_ever(connection: &Connection) -> rusqlite::Result<i64> {
    let count =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    connection.query_row(count, [], |row| row.get(0))
}

fn soon(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT 1", [], |row| row.get(0))
}

const TIME: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_question_that_takes_too_long_is_broken_off_and_the_next_one_is_answered() {
    let limits =
        Limits { read_threads: 1, read_timeout: Duration::from_millis(20), ..Limits::default() };
    let (_folder, pool) = pool(&limits);
    let damage = Damage::new();
    let answer = pool.ask(person(1), TIME, &damage, for_ever).await;
    assert_eq!(answer, Err(Unanswered::Overloaded));
    // On a busy machine even this may take too long for once.
    let next = async { while pool.ask(person(1), TIME, &damage, soon).await != Ok(1) {} };
    timeout(TIME, next).await.expect("the thread is free again");
    pool.close();
}

#[tokio::test]
async fn one_who_asks_much_keeps_one_thread_and_others_are_answered_meanwhile() {
    let (_folder, pool) = pool(&Limits { read_threads: 2, ..Limits::default() });
    let damage = Damage::new();
    let (open, gate) = oneshot::channel::<()>();
    let slow = pool.ask(person(1), TIME, &damage, move |connection| {
        gate.blocking_recv().unwrap();
        soon(connection)
    });
    let more = ask_many(&pool, &damage, 100);
    let others = async {
        for number in 2..20 {
            assert_eq!(pool.ask(person(number), TIME, &damage, soon).await, Ok(1));
        }
        open.send(()).unwrap();
    };
    let (slow, more, ()) = tokio::join!(slow, more, others);
    assert_eq!((slow, more), (Ok(1), 100));
    pool.close();
}

/// Asks so many questions for one busy asker, and counts the answers.
async fn ask_many(pool: &ReadPool, damage: &Damage, count: usize) -> usize {
    let mut asked = Vec::new();
    for _ in 0..count {
        asked.push(Box::pin(pool.ask(person(1), TIME, damage, soon)));
    }
    // All of them stand in the queue before the first one is waited for.
    for question in &mut asked {
        let is_ready = std::future::poll_fn(|context| {
            std::task::Poll::Ready(question.as_mut().poll(context).is_ready())
        });
        assert!(!is_ready.await, "the first question is still being answered");
    }
    let mut answered = 0;
    for question in asked {
        answered += usize::from(question.await == Ok(1));
    }
    answered
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_in_vain_is_told_so_at_the_deadline() {
    let (_folder, pool) = pool(&Limits { read_threads: 0, ..Limits::default() });
    let answer = pool.ask(person(1), TIME, &Damage::new(), soon).await;
    assert_eq!(answer, Err(Unanswered::Overloaded));
    pool.close();
}
