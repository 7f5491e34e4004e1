//! Promises that only the cluster's engine makes, on real servers: what hangs or dies costs
//! nothing that was acknowledged, and a log that is not what it was is told of.
//!
//! The tests in `three_servers` take seconds: an election does. They run one at a time.

use linger_core::Timestamp;
use rustix::process::Signal;

use super::{
    reader::{Lost, Reader},
    server::{NatsCluster, NatsServer, promise},
    *,
};
use crate::log::conformance::{append, draft};

mod erasing;
mod nodes;

const WAIT_MAX: Duration = Duration::from_secs(60);

/// A log, and the health of its node.
struct Desk {
    log: JetStreamLog,
    health: Arc<Health>,
}

impl Desk {
    fn open(settings: &ClusterSettings, replicas: usize, limits: &Limits) -> Desk {
        let health = Arc::new(Health::new());
        let opened = promise(replicas).open(settings.clone()).unwrap();
        let log =
            opened.start(erased_file(), limits, Arc::new(Metrics::new()), health.clone()).unwrap();
        Desk { log, health }
    }

    fn all(&self) -> Vec<Entry> {
        let (mut entries, mut after) = (Vec::new(), Position::START);
        loop {
            let page = self.log.read_after(after, 1000).unwrap();
            let Some(last) = page.last() else { return entries };
            after = last.position;
            entries.extend(page);
        }
    }

    /// Waits for an illness, or for its end.
    fn wait_for_illness(&self, words: Option<&str>) {
        let begun = Instant::now();
        loop {
            let illness = self.health.any_illness();
            match (&illness, words) {
                (None, None) => return,
                (Some(illness), Some(words)) if illness.contains(words) => return,
                _ => {}
            }
            assert!(begun.elapsed() < WAIT_MAX, "{illness:?}, and not {words:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A log of its own has no folder: how far it erased is forgotten with it.
pub(crate) fn erased_file() -> PathBuf {
    PathBuf::from("/nowhere/erased")
}

/// A server of the test's own, to be ill-treated.
fn own_server(folder: &tempfile::TempDir) -> NatsServer {
    let mut server = NatsServer::new(folder.path().join("n"), "sync_interval: always", "");
    server.start();
    server
}

/// Changes something of a stream behind the log's back.
fn with_stream(settings: &ClusterSettings, work: impl AsyncFnOnce(&Context) + Send) {
    let runtime = runtime();
    runtime.block_on(async { work(&context(settings).await.unwrap()).await });
}

#[test]
fn a_server_that_hangs_makes_the_node_refuse_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = own_server(&folder);
    let desk = Desk::open(&server.new_log(), 1, &Limits::default());
    append(&desk.log, draft(7, 0));
    server.signal(Signal::STOP);
    let doubtful = desk.log.append(draft(7, 1)).unwrap();
    desk.wait_for_illness(Some("NATS"));
    assert_eq!(desk.log.append(draft(7, 2)).unwrap_err(), AppendError::NotWritten);
    assert_eq!(desk.all().len(), 1, "what is here is read on");
    // Those who ask for its health need not wait for a server that does not answer.
    let asked = Instant::now();
    desk.log.probe().blocking_recv().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(1), "after {:?}", asked.elapsed());
    server.signal(Signal::CONT);
    assert_eq!(doubtful.blocking_recv().unwrap(), Ok(Position::new(2)));
    desk.wait_for_illness(None);
    append(&desk.log, draft(7, 3));
    let said: Vec<_> = desk.all().into_iter().map(|entry| entry.draft).collect();
    assert_eq!(said, [draft(7, 0), draft(7, 1), draft(7, 3)], "each once");
}

#[test]
fn a_server_that_is_killed_and_started_again_has_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = own_server(&folder);
    let desk = Desk::open(&server.new_log(), 1, &Limits::default());
    for number in 0..20 {
        append(&desk.log, draft(7, number));
    }
    server.kill();
    let _unknown = desk.log.append(draft(7, 98));
    desk.wait_for_illness(Some("no NATS server at 127.0.0.1"));
    server.start();
    desk.wait_for_illness(None);
    append(&desk.log, draft(7, 99));
    let said: Vec<_> = desk.all().into_iter().map(|entry| entry.draft).collect();
    assert_eq!(said[..20], (0..20).map(|number| draft(7, number)).collect::<Vec<_>>());
    assert_eq!(said.last(), Some(&draft(7, 99)));
    assert!(said.len() <= 22, "{} entries", said.len());
}

#[test]
fn a_missing_entry_and_a_stream_that_was_made_anew_are_told_in_a_sentence() {
    type Damage = fn(&ClusterSettings);
    let cases: [(&str, Damage); 2] = [
        ("has no entry 2, but later ones", |settings| {
            with_stream(settings, async |context| {
                let stream = context.get_stream(&settings.stream).await.unwrap();
                assert!(stream.delete_message(2).await.unwrap());
            });
        }),
        ("was deleted and made anew", |settings| {
            with_stream(settings, async |context| {
                context.delete_stream(&settings.stream).await.unwrap();
            });
            crate::cluster::init(settings, 1, &crate::tests::cast::TestClock::new(9)).unwrap();
        }),
    ];
    let server = NatsServer::of_this_process();
    for (words, damage) in cases {
        let settings = server.new_log();
        let desk = Desk::open(&settings, 1, &Limits::default());
        let reader = Desk::open(&settings, 1, &Limits::default());
        for number in 0..3 {
            append(&desk.log, draft(7, number));
        }
        drop(desk);
        damage(&settings);
        // A reader is told, whether it begins anew or goes on where it was.
        let error = match words.contains("anew") {
            true => {
                reader.wait_for_illness(Some(words));
                continue;
            }
            false => {
                let fresh = Desk::open(&settings, 1, &Limits::default());
                let first = fresh.log.read_after(Position::START, 10).unwrap();
                assert_eq!(first.len(), 1, "what is before it is read");
                fresh.log.read_after(first[0].position, 10).unwrap_err().to_string()
            }
        };
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn an_append_beyond_the_bound_in_bytes_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = own_server(&folder);
    let one = draft(7, 0).weight();
    let limits = Limits { append_queue_bytes_max: 4 * one, ..Limits::default() };
    let desk = Desk::open(&server.new_log(), 1, &limits);
    server.signal(Signal::STOP);
    let answers: Vec<_> = (0..8).map(|number| desk.log.append(draft(7, number))).collect();
    server.signal(Signal::CONT);
    let taken = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert_eq!(taken, 4);
    for (number, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(answer) => assert!(answer.blocking_recv().unwrap().is_ok()),
            Err(error) => assert!(number >= 4 && error == AppendError::Full, "{error}"),
        }
    }
    assert_eq!(desk.all().len(), 4);
}

#[test]
fn a_stream_whose_settings_allow_loss_is_refused_in_a_sentence() {
    use serde_json::{Value, json};
    let settings = NatsServer::of_this_process().new_log();
    let cases: [(&str, Value, &str); 7] = [
        ("num_replicas", json!(1), "1 of 3 replicas"),
        ("max_age", json!(60_000_000_000_u64), "max_age"),
        ("max_msgs", json!(1000), "max_msgs"),
        ("deny_purge", json!(false), "can be purged"),
        ("deny_delete", json!(true), "nothing can be erased"),
        ("persist_mode", json!("async"), "persist_mode async"),
        ("duplicate_window", json!(1_000_000_000), "sent twice"),
    ];
    let about = block_on(async {
        let context = context(&settings).await.unwrap();
        AboutStream::ask(&context, &settings.stream).await.unwrap()
    });
    assert_eq!(about.faults(1), Vec::<String>::new());
    for (key, value, words) in cases {
        let mut changed = about.clone();
        changed.config[key] = value;
        let replicas = if key == "num_replicas" { 3 } else { 1 };
        let faults = changed.faults(replicas);
        assert!(faults.len() == 1 && faults[0].contains(words), "{key}: {faults:?}");
    }
}

mod three_servers {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// An author who appends one after another, and all that was acknowledged to them.
    fn write(log: &JetStreamLog, author: u64, stop: &AtomicBool) -> Vec<(Position, Draft)> {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let draft = draft(author, number);
            match log.append(draft.clone()).map(Appending::blocking_recv) {
                Ok(Ok(Ok(position))) => acknowledged.push((position, draft)),
                // Refused at the door: not so fast.
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        acknowledged
    }

    #[test]
    fn an_end_is_proven_by_a_majority_alone_and_proving_it_changes_nothing() {
        let mut cluster = NatsCluster::start();
        let settings = cluster.new_log();
        let leader = cluster.leader(&settings);
        // It talks to this one alone.
        let desk = Desk::open(&leader.settings(&settings.stream), 3, &Limits::default());
        let leader: *const NatsServer = leader;
        for number in 0..5 {
            append(&desk.log, draft(7, number));
            assert_eq!(desk.log.prove_end().blocking_recv(), Ok(Position::new(number + 1)));
        }
        let others = || cluster.servers.iter().filter(|server| !std::ptr::eq(*server, leader));
        others().for_each(|server| server.signal(Signal::STOP));
        assert_eq!(desk.log.ask_end().blocking_recv(), Ok(Position::new(5)), "it is believed");
        assert!(desk.log.prove_end().blocking_recv().is_err(), "nobody agrees with it");
        others().for_each(|server| server.signal(Signal::CONT));
        let begun = Instant::now();
        while desk.log.prove_end().blocking_recv() != Ok(Position::new(5)) {
            assert!(begun.elapsed() < WAIT_MAX);
        }
        assert_eq!(desk.all().len(), 5);
    }

    #[test]
    fn nothing_is_called_lost_on_the_word_of_a_server_without_a_leader() {
        /// Longer than an election takes.
        const LEADERLESS: Duration = Duration::from_secs(12);
        let cluster = NatsCluster::start();
        let settings = cluster.new_log();
        let desk = Desk::open(&settings, 3, &Limits::default());
        for number in 0..5 {
            append(&desk.log, draft(7, number));
        }
        drop(desk);
        cluster.until_all_are_current(&settings);
        let (alone, others) = cluster.servers.split_first().unwrap();
        runtime().block_on(async {
            let context = context(&alone.settings(&settings.stream)).await.unwrap();
            let ask = || AboutStream::ask_once(&context, &settings.stream);
            let created = ask().await.unwrap().created;
            // This one has read two entries more than the server has.
            let read = Position::new(7);
            let mut reader = Reader::new(context.clone(), &settings.stream, &created, read);
            others.iter().for_each(|server| server.signal(Signal::STOP));
            let next = tokio::time::timeout(LEADERLESS, reader.next_ones(1)).await;
            assert!(next.is_err(), "{next:?}");
            let told = ask().await.expect("it answers all the same");
            assert_eq!((told.tail(), told.has_majority()), (Position::new(5), false));
            others.iter().for_each(|server| server.signal(Signal::CONT));
            let next = tokio::time::timeout(WAIT_MAX, reader.next_ones(1)).await.unwrap();
            assert!(matches!(next, Err(Lost::Shorter { end: 5, read: 7, .. })), "{next:?}");
        });
    }

    #[test]
    fn the_death_of_the_leader_costs_nothing_that_was_acknowledged_and_little_time() {
        const AUTHORS: u64 = 8;
        const ROUNDS: usize = 2;
        const AWAY_MAX: Duration = Duration::from_secs(15);
        let mut cluster = NatsCluster::start();
        let settings = cluster.new_log();
        let nodes = [(); 3].map(|()| Desk::open(&settings, 3, &Limits::default()));
        let stop = AtomicBool::new(false);
        let (written, away) = std::thread::scope(|threads| {
            let stop = &stop;
            let authors: Vec<_> = (0..AUTHORS)
                .map(|author| {
                    let log = &nodes[author as usize % nodes.len()].log;
                    threads.spawn(move || write(log, author + 1, stop))
                })
                .collect();
            let mut away = Vec::new();
            for _ in 0..ROUNDS {
                std::thread::sleep(Duration::from_secs(1));
                let leader = cluster.leader(&settings);
                leader.kill();
                let killed = Instant::now();
                // Somebody's append of after that is acknowledged.
                for number in 0.. {
                    let probe = draft(90 + away.len() as u64, number);
                    let answer = nodes[0].log.append(probe).map(Appending::blocking_recv);
                    if matches!(answer, Ok(Ok(Ok(_)))) {
                        break;
                    }
                    assert!(killed.elapsed() < WAIT_MAX, "nothing is acknowledged any more");
                    std::thread::sleep(Duration::from_millis(20));
                }
                away.push(killed.elapsed());
                leader.start();
                cluster.until_all_are_current(&settings);
            }
            stop.store(true, Ordering::Relaxed);
            let written: Vec<_> = authors.into_iter().map(|it| it.join().unwrap()).collect();
            (written, away)
        });
        assert!(away.iter().all(|time| *time < AWAY_MAX), "away for {away:?}");

        // Every node has every acknowledged entry in its place, and all have the same.
        let end = *nodes[0].log.tail().borrow();
        let begun = Instant::now();
        while nodes.iter().any(|node| *node.log.tail().borrow() < end) {
            assert!(begun.elapsed() < WAIT_MAX, "a node does not catch up");
            std::thread::sleep(Duration::from_millis(20));
        }
        let logs: Vec<_> = nodes.iter().map(Desk::all).collect();
        let first = &logs[0];
        for other in &logs[1..] {
            let shared = first.len().min(other.len());
            assert!(first[..shared] == other[..shared], "two nodes have two orders");
        }
        let mut acknowledged = 0;
        for (position, draft) in written.into_iter().flatten() {
            let entry = &first[position.get() as usize - 1];
            assert_eq!((entry.position, &entry.draft), (position, &draft));
            acknowledged += 1;
        }
        assert!(acknowledged > 100, "only {acknowledged} were acknowledged");
        assert!(first.iter().all(|entry| entry.draft.at >= Timestamp::from_ms(0)));
        println!("{acknowledged} acknowledged; away for {away:?}");
    }
}
