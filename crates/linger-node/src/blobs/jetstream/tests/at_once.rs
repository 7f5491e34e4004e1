//! Nodes that keep and erase the same bytes at once, one that crashed at it, and one that keeps
//! bytes while servers die.

use super::*;

#[test]
fn whoever_adds_bytes_while_another_node_erases_them_has_them_in_whatever_order() {
    /// A step of the node that adds (a) or of the one that erases (e).
    fn orders(adds: usize, erases: usize) -> Vec<String> {
        match (adds, erases) {
            (0, 0) => vec![String::new()],
            _ => {
                let with = |step: char, rest: Vec<String>| {
                    rest.into_iter().map(move |rest| format!("{step}{rest}"))
                };
                let a = (adds > 0).then(|| with('a', orders(adds - 1, erases)));
                let e = (erases > 0).then(|| with('e', orders(adds, erases - 1)));
                a.into_iter().flatten().chain(e.into_iter().flatten()).collect()
            }
        }
    }
    for order in orders(3, 3) {
        let two = Two::new();
        let hash = two.there.keep(b"hello", Some(b"small"), 0);
        let (mut is_named, mut named_when_looked, mut mark) = (false, false, None);
        let (mut adds, mut erases) = (0, 0);
        let mut is_erased = Ok(0);
        for step in order.chars() {
            match (step, adds, erases) {
                ('a', 0, _) => _ = two.here.keep(b"hello", Some(b"small"), 1),
                ('a', 1, _) => is_named = true,
                ('a', ..) => two.here.store.renew(hash, now(2)).unwrap(),
                ('e', _, 0) => mark = Some(two.there.store.mark(hash).unwrap()),
                ('e', _, 1) => named_when_looked = is_named,
                ('e', ..) if named_when_looked => {}
                ('e', ..) => is_erased = two.there.store.erase(hash, mark.unwrap()),
                _ => unreachable!(),
            }
            if step == 'a' { adds += 1 } else { erases += 1 }
        }
        if let Err(error) = is_erased {
            assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{order}: {error}");
        }
        let third = Shelf::on(&two.cluster);
        for (part, bytes) in [(Part::Whole, "hello"), (Part::Thumbnail, "small")] {
            let found = read(&*third.store, hash, part).unwrap();
            assert_eq!(found, bytes.as_bytes(), "{order}");
        }
        // Once nothing has it, any of them erases it wholly.
        erase(&*third.store, hash).unwrap();
        assert_eq!(two.messages(), 0, "{order}");
    }
}

#[test]
fn nodes_that_erase_the_same_bytes_at_once_do_it_once_and_none_fails_for_ever() {
    let two = Two::new();
    for round in 0..5 {
        let hash = two.here.keep(&some_bytes(round), Some(b"small"), 0);
        let erase_until_done = |store: &dyn BlobStore| {
            let mut tries = 0;
            while let Err(error) = erase(store, hash) {
                assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{error}");
                tries += 1;
                assert!(tries < 10);
            }
        };
        std::thread::scope(|threads| {
            for shelf in [&two.here, &two.there] {
                threads.spawn(|| erase_until_done(&*shelf.store));
            }
        });
        assert_eq!(two.messages(), 0, "round {round}");
    }
}

#[test]
fn chunks_that_a_crash_left_without_a_record_are_listed_and_erased() {
    let two = Two::new();
    let (hash, copy) = (hash_of(b"hello"), "0123456789abcdef".repeat(2));
    let subject = format!("$O.{}.C.{hash}.{copy}", files_bucket(&two.cluster.stream));
    two.publish(&subject, b"hel");
    let list = |ms| two.meddle(async |bucket, _| bucket.list(now(ms)).await.unwrap());
    // By the server's clock it was written just now.
    let written = list(0)[0].since.as_ms();
    let later = written + 121_000;
    assert_eq!(
        list(later).iter().map(|it| (it.hash, it.since)).collect::<Vec<_>>(),
        [(hash, now(0))]
    );
    for (ms, left) in [(written + 100_000, 1), (later, 0)] {
        two.meddle(async |bucket, _| bucket.erase_leftovers(hash, now(ms)).await.unwrap());
        assert_eq!(two.messages(), left, "{ms}");
    }
}

mod three_servers {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicBool, Ordering},
        },
        time::Instant,
    };

    use super::*;
    use crate::log::jetstream::server::NatsCluster;

    #[test]
    fn three_nodes_that_erase_the_same_bytes_at_once_all_succeed_at_once() {
        const ROUNDS: u8 = 40;
        let cluster = NatsCluster::start();
        let settings = cluster.new_log();
        let nodes = [(); 3].map(|()| Shelf::on(&settings));
        for round in 0..ROUNDS {
            let hash = nodes[0].keep(&[round], None, 0);
            let begin = Barrier::new(nodes.len());
            std::thread::scope(|threads| {
                for Shelf { store, .. } in &nodes {
                    threads.spawn(|| {
                        begin.wait();
                        erase(&**store, hash).unwrap_or_else(|error| panic!("{round}: {error}"))
                    });
                }
            });
        }
        assert_eq!(nodes[0].store.list().unwrap(), []);
    }

    #[test]
    fn what_was_kept_while_the_leader_died_is_there() {
        const ROUNDS: usize = 2;
        const WAIT_MAX: Duration = Duration::from_secs(60);
        let mut cluster = NatsCluster::start();
        let settings = cluster.new_log();
        let stream = object_stream(&files_bucket(&settings.stream));
        let of_bucket = ClusterSettings { stream, ..settings.clone() };
        let shelf = Shelf::on(&settings);
        let stop = AtomicBool::new(false);
        let (kept, failed) = std::thread::scope(|threads| {
            let (shelf, stop) = (&shelf, &stop);
            let keeping = threads.spawn(move || {
                let (mut kept, mut failed) = (Vec::new(), 0);
                for number in 0_u32.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let bytes = number.to_le_bytes().repeat(150_000);
                    let (hash, staged) = (hash_of(&bytes), shelf.stage(&bytes));
                    match shelf.store.keep(hash, &staged, Some(b"small"), now(0)) {
                        Ok(()) => kept.push((hash, number)),
                        Err(error) => {
                            assert_eq!(error.kind(), io::ErrorKind::NotConnected, "{error}");
                            failed += 1;
                            std::thread::sleep(Duration::from_millis(50));
                        }
                    }
                }
                (kept, failed)
            });
            for _ in 0..ROUNDS {
                std::thread::sleep(Duration::from_millis(1500));
                let leader = cluster.leader(&of_bucket);
                leader.kill();
                let killed = Instant::now();
                while shelf.store.mark(hash_of(b"nothing")).is_err() {
                    assert!(killed.elapsed() < WAIT_MAX, "nothing is kept any more");
                    std::thread::sleep(Duration::from_millis(50));
                }
                std::thread::sleep(Duration::from_millis(500));
                leader.start();
                cluster.until_all_are_current(&of_bucket);
            }
            stop.store(true, Ordering::Relaxed);
            keeping.join().unwrap()
        });
        eprintln!("{} blobs were kept, and {failed} tries failed", kept.len());
        let other = Shelf::on(&settings);
        for (hash, number) in kept {
            let bytes = read(&*other.store, hash, Part::Whole).unwrap();
            assert!(bytes == number.to_le_bytes().repeat(150_000), "{number}");
            assert_eq!(read(&*other.store, hash, Part::Thumbnail).unwrap(), b"small", "{number}");
        }
    }
}
