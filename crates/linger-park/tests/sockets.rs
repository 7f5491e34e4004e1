//! The park from outside, over real sockets.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod room;

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use linger_park::{Outgoing, ParkSettings};
use room::{BIG, Client, Town, get, numbers, post, until};
use rustix::net::sockopt::set_socket_recv_buffer_size;

const MS: Duration = Duration::from_millis(1);

fn town() -> Town {
    Town::new(ParkSettings::default())
}

#[test]
fn one_connection_serves_many_requests() {
    let town = town();
    let mut ann = town.client();
    assert_eq!(ann.ask(&post("/add", "tea")), "1:tea");
    assert_eq!(ann.ask(&get("/wait?after=0")), "1\n");
    ann.send(&get("/wait?after=1"));
    town.until_parked(1);
    let mut bob = town.client();
    assert_eq!(bob.ask(&post("/add", "")), "2:");
    assert_eq!(ann.answer(), "2\n");
    assert_eq!(ann.ask(&post("/add", "x")), "3:x");
    town.until_parked(0);
    assert_eq!(town.places(), 2);
}

#[test]
fn two_requests_in_one_write_are_answered_in_order() {
    let town = town();
    let mut ann = town.client();
    ann.send(&(post("/add", "one") + &post("/add", "two")));
    assert_eq!((ann.answer(), ann.answer()), ("1:one".into(), "2:two".into()));
}

#[test]
fn what_comes_while_parked_waits_its_turn() {
    let town = town();
    let mut ann = town.client();
    // One in the same write, one later: neither is served before the wait.
    ann.send(&(get("/wait?after=0") + &post("/add", "left over")));
    town.until_parked(1);
    ann.send(&post("/add", "later"));
    let mut bob = town.client();
    assert_eq!(bob.ask(&post("/add", "bob")), "1:bob");
    assert_eq!(ann.answer(), "1\n");
    assert_eq!((ann.answer(), ann.answer()), ("2:left over".into(), "3:later".into()));
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order_and_do_not_keep_others_out() {
    let town = Town::new(ParkSettings { shards: 1, ..ParkSettings::default() });
    let mut ann = town.client();
    let mut sender = ann.reader.get_ref().try_clone().unwrap();
    let all: String = (0..1000).map(|number| post("/add", &number.to_string())).collect();
    let sending = thread::spawn(move || sender.write_all(all.as_bytes()).unwrap());
    let mut bob = town.client();
    bob.ask(&get("/wait?after=0"));
    for number in 0..1000 {
        assert_eq!(ann.answer(), format!("{}:{number}", number + 1));
    }
    sending.join().unwrap();
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let town = town();
    let mut ann = town.client();
    for byte in (post("/add", "slow") + &get("/wait?after=0")).chars() {
        ann.send(&byte.to_string());
        thread::sleep(MS / 10);
    }
    assert_eq!((ann.answer(), ann.answer()), ("1:slow".into(), "1\n".into()));
}

#[test]
fn a_request_that_does_not_come_whole_in_time_is_told_so() {
    let town = Town::new(ParkSettings { head_timeout: 300 * MS, ..ParkSettings::default() });
    let mut ann = town.client();
    // After an earlier request it is the same.
    ann.ask(&post("/add", ""));
    ann.send("GET /wait?aft");
    let (status, _) = ann.status_and_answer();
    assert_eq!(status, 408);
    ann.expect_end();
    // Slow bytes do not buy time.
    let mut bob = town.client();
    let start = Instant::now();
    let mut sent = 0;
    while bob.reader.get_mut().write_all(b"G").is_ok() && start.elapsed() < 10_000 * MS {
        // The method is a made-up one, in which the parser sees nothing wrong.
        sent += 1;
        thread::sleep(5 * MS);
        if town.places() == 0 {
            break;
        }
    }
    assert!(sent > 10 && start.elapsed() < 5_000 * MS, "{sent} {:?}", start.elapsed());
    until("all places are free", || town.places() == 0);
}

#[test]
fn who_sends_a_head_and_its_body_later_is_handed_over_if_it_is_much_later() {
    let town = town();
    let mut ann = town.client();
    let (head, body) = ("POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", "milk");
    ann.send(head);
    thread::sleep(20 * MS);
    ann.send(body);
    assert_eq!(ann.answer(), "1:milk");
    // Bytes that trickle in do not put it off.
    let start = Instant::now();
    ann.send(head);
    for _ in 0..3 {
        thread::sleep(300 * MS);
        ann.send("m");
    }
    assert_eq!(town.handed.recv().unwrap(), format!("{head}mmm").as_bytes());
    assert!((900 * MS..5_000 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[test]
fn an_idle_connection_is_closed() {
    let town = Town::new(ParkSettings { idle_timeout: 200 * MS, ..ParkSettings::default() });
    let (mut ann, mut bob) = (town.client(), town.client());
    ann.ask(&post("/add", ""));
    ann.expect_end();
    bob.expect_end();
    until("all places are free", || town.places() == 0);
}

#[test]
fn a_wait_ends_at_its_deadline_and_not_before() {
    // A parked connection is not idle.
    let town = Town::new(ParkSettings { idle_timeout: 500 * MS, ..ParkSettings::default() });
    let mut ann = town.client();
    for ms in [250, 0, 1130] {
        let start = Instant::now();
        assert_eq!(ann.ask(&get(&format!("/wait?after=0&ms={ms}"))), "nothing");
        let took = start.elapsed();
        assert!(took >= ms * MS && took < (ms + 1000) * MS, "{ms} ms took {took:?}");
    }
    // A short poll does not wait for the next tick: a hundred would take ten seconds.
    let start = Instant::now();
    for _ in 0..100 {
        ann.ask(&get("/wait?after=0&ms=0"));
    }
    assert!(start.elapsed() < 3_000 * MS, "{:?}", start.elapsed());
}

#[test]
fn a_closed_peer_frees_its_place_at_once() {
    let town = town();
    let [mut ann, mut bob, mut cleo] = [(); 3].map(|()| town.client());
    for client in [&mut ann, &mut bob, &mut cleo] {
        client.send(&get("/wait?after=0"));
    }
    town.until_parked(3);
    drop(ann);
    town.until_parked(2);
    // A pipelined request is still unread.
    bob.send(&get("/wait?after=0"));
    drop(bob);
    town.until_parked(1);
    cleo.reader.get_ref().shutdown(Shutdown::Write).unwrap();
    town.until_parked(0);
    until("all places are free", || town.places() == 0);
    // A client that asks and closes at once is not kept either.
    let mut dan = town.client();
    dan.send(&get("/wait?after=0"));
    drop(dan);
    until("all places are free", || town.places() == 0);
    assert_eq!(town.park.parked(), 0);
    // But a client that has only closed its sending side is answered.
    let mut eve = town.client();
    eve.send(&post("/add", ""));
    eve.reader.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(eve.answer(), "1:");
    eve.expect_end();
    until("all places are free", || town.places() == 0);
}

#[test]
fn thousands_of_equal_waiters_cost_a_look_per_shard() {
    let town = Town::new(ParkSettings { shards: 2, ..ParkSettings::default() });
    let mut crowd: Vec<Client> = (0..2000).map(|_| town.client()).collect();
    for client in &mut crowd {
        client.send(&get("/wait?after=0"));
    }
    town.until_parked(2000);
    let before = town.room.looks.load(Ordering::SeqCst);
    town.add(3);
    for client in &mut crowd {
        assert_eq!(client.answer(), "1\n2\n3\n");
    }
    assert_eq!(town.room.looks.load(Ordering::SeqCst) - before, 2);
    // They are counted at the end of the turn, after the answers went out.
    until("all are counted", || {
        let count = |count: &AtomicU64| count.load(Ordering::SeqCst) as usize;
        [count(&town.room.called), count(&town.room.answers)] == [crowd.len(); 2]
    });
}

#[test]
fn thousands_of_waiters_each_get_the_sequence_complete_and_in_order() {
    const EACH: usize = 750;
    const LAST: u64 = 300;
    let town = Town::new(ParkSettings { shards: 3, ..ParkSettings::default() });
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let mut crowd: Vec<(Client, u64)> = (0..EACH).map(|_| (town.client(), 0)).collect();
                scope.spawn(move || {
                    while crowd.iter().any(|(_, upto)| *upto < LAST) {
                        let behind = |(_, upto): &&mut (Client, u64)| *upto < LAST;
                        for (client, upto) in crowd.iter_mut().filter(behind) {
                            client.send(&get(&format!("/wait?after={upto}")));
                        }
                        for (client, upto) in crowd.iter_mut().filter(behind) {
                            for number in numbers(&client.answer()) {
                                assert_eq!(number, *upto + 1);
                                *upto = number;
                            }
                        }
                    }
                })
            })
            .collect();
        for number in 0..LAST {
            town.add(1);
            thread::sleep(MS * (number % 7) as u32);
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// A client of the random test, and what it is to get.
struct Guest {
    client: Client,
    upto: u64,
    /// Waiting, since then and for so long.
    waits: Option<(Instant, Duration)>,
}

#[test]
fn thousands_of_parkings_leavings_timeouts_and_wakes_in_any_order_are_as_in_the_model() {
    let town = Town::new(ParkSettings { shards: 2, ..ParkSettings::default() });
    let guest = |upto| Guest { client: town.client(), upto, waits: None };
    let mut guests: Vec<Guest> = (0..60).map(|_| guest(0)).collect();
    let mut count = 0_u64;
    // xorshift64: chance that can be replayed.
    let mut state = 7_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let (mut parked, mut left, mut expired, mut answered) = (0, 0, 0, 0);
    let mut settle = |guest: &mut Guest, count: u64| {
        let Some((since, wait)) = guest.waits.take() else { return };
        let body = guest.client.answer();
        if body == "nothing" {
            assert!(since.elapsed() >= wait, "too early: {wait:?}");
            expired += 1;
            return;
        }
        for number in numbers(&body) {
            assert_eq!(number, guest.upto + 1);
            guest.upto = number;
        }
        assert!(guest.upto <= count);
        answered += 1;
    };
    for _ in 0..40_000 {
        let who = below(guests.len());
        match below(10) {
            0 if below(20) == 0 => {
                let more = 1 + below(3) as u64;
                count += more;
                town.add(more);
            }
            1 if below(2) == 0 => {
                // Waiting or not. The news it has read stays read.
                left += 1;
                guests[who] = guest(guests[who].upto);
            }
            2 if guests[who].waits.is_none() => {
                let body = guests[who].client.ask(&get("/page"));
                assert!(body.starts_with("elsewhere"));
            }
            3..=5 => {
                // Only a guest who gets something now or soon: this thread waits for it.
                let guest = &mut guests[who];
                let is_soon = guest.waits.is_some_and(|(_, wait)| wait < 300 * MS);
                if guest.upto < count || is_soon {
                    settle(guest, count);
                }
            }
            _ if guests[who].waits.is_none() => {
                parked += 1;
                let ms = match below(40) {
                    0..10 => 0,
                    10 => 40,
                    _ => 60_000,
                };
                let guest = &mut guests[who];
                guest.client.send(&get(&format!("/wait?after={}&ms={ms}", guest.upto)));
                guest.waits = Some((Instant::now(), ms * MS));
            }
            _ => {}
        }
    }
    town.add(1);
    count += 1;
    for guest in &mut guests {
        settle(guest, count);
        guest.client.send(&get(&format!("/wait?after={count}")));
    }
    for guest in &mut guests {
        if guest.upto < count {
            // It did not wait, or its time was over.
            guest.client = town.client();
            guest.client.send(&get(&format!("/wait?after={count}")));
        }
    }
    town.until_parked(guests.len());
    until("each has one place", || town.places() == guests.len());
    println!("{parked} parked, {left} left, {expired} expired, {answered} were answered");
    assert!(parked > 2000 && left > 500 && expired > 200 && answered > 1000);
    drop(guests);
    town.until_parked(0);
    until("all places are free", || town.places() == 0);
}

#[test]
fn a_stream_brings_everything_in_order_and_beats_when_there_is_nothing() {
    let town = town();
    let mut crowd: Vec<Client> = (0..200).map(|_| town.client()).collect();
    for client in &mut crowd {
        client.send(&get("/stream?after=0"));
    }
    town.until_parked(200);
    let before = town.room.looks.load(Ordering::SeqCst);
    for _ in 0..200 {
        town.add(1);
    }
    for client in &mut crowd {
        assert_eq!(client.line(), "HTTP/1.1 200 OK");
        assert_eq!((client.line(), client.line()).1, "");
        for number in 1..=200 {
            assert_eq!(client.line(), number.to_string());
        }
    }
    // The look that found news, and the look on parking again: both are shared.
    let looks = town.room.looks.load(Ordering::SeqCst) - before;
    assert!(looks <= 200 * 2 * 2, "{looks}");
    let mut ann = town.client();
    ann.send(&get("/stream?after=200&ms=1"));
    let beats = (0..6).map(|_| ann.line()).collect::<Vec<_>>();
    assert_eq!(&beats[3..], ["beat", "beat", "beat"]);
    drop(crowd);
    town.until_parked(1);
}

#[test]
fn a_slow_reader_is_cut_and_the_others_go_on() {
    // Far longer than bob pauses: a busy machine must not make him one who does not read.
    const TIMEOUT: Duration = Duration::from_millis(1500);
    let town =
        Town::new(ParkSettings { shards: 1, write_timeout: TIMEOUT, ..ParkSettings::default() });
    let (mut ann, mut bob, mut cleo) = (town.client(), town.client(), town.client());
    let cleo_is_done = Arc::new(AtomicBool::new(false));
    let is_done = cleo_is_done.clone();
    ann.send(&get("/big"));
    bob.send(&get("/big"));
    // Bob reads slowly, but he reads, and for longer than any time-out.
    let reading = thread::spawn(move || {
        let start = Instant::now();
        let mut got = 0;
        let mut part = vec![0; 128 << 10];
        while got < BIG {
            got += bob.reader.read(&mut part).unwrap();
            if start.elapsed() < 2 * TIMEOUT {
                assert!(got < BIG, "he is slow");
                thread::sleep(50 * MS);
            }
        }
        assert!(is_done.load(Ordering::Relaxed), "bob's answer has kept cleo waiting");
        // The rest of it, and the connection goes on.
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n".len() + BIG.to_string().len();
        bob.reader.read_exact(&mut vec![0; head + BIG - got]).unwrap();
        bob.ask(&post("/add", ""));
    });
    for _ in 0..100 {
        cleo.ask(&post("/add", ""));
    }
    cleo_is_done.store(true, Ordering::Relaxed);
    reading.join().unwrap();
    until("only cleo has a place", || town.places() == 1);
    let mut got = Vec::new();
    let _ = ann.reader.read_to_end(&mut got);
    assert!(got.len() < BIG);
}

#[test]
fn a_reader_who_takes_little_at_a_time_is_not_cut_before_the_system_says_that_there_is_room() {
    // The system reports a socket as writable again when a third of its buffer, some
    // megabytes, has gone out. A reader that takes less than that must do.
    let town =
        Town::new(ParkSettings { shards: 1, write_timeout: 1500 * MS, ..ParkSettings::default() });
    let mut ann = town.client();
    // A system with a large buffer tells the sender only now and then that it was read.
    set_socket_recv_buffer_size(ann.reader.get_ref(), 64 << 10).unwrap();
    ann.send(&get("/big"));
    let start = Instant::now();
    let mut part = vec![0; 64 << 10];
    while start.elapsed() < 6000 * MS {
        ann.reader.read_exact(&mut part).unwrap();
        thread::sleep(60 * MS);
    }
    assert_eq!(town.places(), 1);
}

#[test]
fn answers_that_go_out_have_a_bound_together_and_the_next_is_refused_until_one_is_cut() {
    let outgoing = Outgoing::new(BIG + BIG / 2);
    let settings =
        ParkSettings { shards: 1, outgoing: outgoing.clone(), ..ParkSettings::default() };
    let town = Town::new(ParkSettings { write_timeout: 1000 * MS, ..settings });
    // The same bytes for two: they weigh once.
    let (mut ann, mut bob) = (town.client(), town.client());
    ann.send(&get("/big"));
    bob.send(&get("/big"));
    until("the answer is on its way", || outgoing.bytes() >= BIG);
    let load = outgoing.load(BIG / 4).unwrap();
    assert!(outgoing.bytes() < 2 * BIG);
    // Another large one has no room, and a small one has.
    let mut cleo = town.client();
    cleo.send(&get("/copy"));
    assert_eq!(cleo.status_and_answer().0, 503);
    cleo.expect_end();
    let mut cleo = town.client();
    assert_eq!(cleo.ask(&post("/add", "tea")), "1:tea");
    // Nobody reads: they are cut, and give back what they took.
    until("ann and bob are cut", || town.places() == 1);
    drop(load);
    assert_eq!(outgoing.bytes(), 0);
    cleo.send(&get("/copy"));
    until("the answer is on its way", || outgoing.bytes() >= BIG);
    drop(cleo);
    until("all is given back", || outgoing.bytes() == 0);
}

#[test]
fn what_is_not_ours_is_handed_over_with_its_bytes_and_comes_back() {
    let town = town();
    let mut ann = town.client();
    assert_eq!(ann.ask(&get("/page")), "elsewhere: GET /page HTTP/1.1");
    assert_eq!(town.handed.recv().unwrap(), get("/page").as_bytes());
    town.add(1);
    assert_eq!(ann.ask(&get("/wait?after=0")), "1\n");
    // To and fro in one write: the bytes go along both ways.
    ann.send(&(get("/wait?after=0") + &get("/page") + &get("/wait?after=1") + &get("/page")));
    assert_eq!(ann.answer(), "1\n");
    assert_eq!(ann.answer(), "elsewhere: GET /page HTTP/1.1");
    town.until_parked(1);
    town.add(1);
    assert_eq!(ann.answer(), "2\n");
    assert_eq!(ann.answer(), "elsewhere: GET /page HTTP/1.1");
    assert_eq!(town.places(), 1);
    drop(ann);
    until("all places are free", || town.places() == 0);
}

#[test]
fn what_cannot_be_decided_yet_comes_back_as_it_was_with_what_came_after_it() {
    let town = town();
    let mut ann = town.client();
    assert_eq!(ann.ask(&get("/who?name=7")), "found 7");
    ann.send(&(get("/who?name=8") + &get("/who?name=9") + &post("/add", "x")));
    assert_eq!(ann.answer(), "found 8");
    assert_eq!(ann.answer(), "found 9");
    assert_eq!(ann.answer(), "1:x");
    assert_eq!(town.places(), 1);
}

#[test]
fn nothing_is_waited_for_that_is_handed_over() {
    let town = town();
    let upload = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n";
    for (name, bytes) in [
        ("a body to come", upload),
        ("malformed", "GET / HTTP/1.1\r\nHost : a\r\n"),
        ("no HTTP at all", "\x16\x03\x01"),
        ("a service that minds", &post("/maybe", "")),
    ] {
        let mut ann = town.client();
        ann.send(bytes);
        assert_eq!(town.handed.recv().unwrap(), bytes.as_bytes(), "{name}");
    }
    // The request broke off: the other server answers it.
    let mut ann = town.client();
    ann.send("GET /wait HT");
    ann.reader.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(town.handed.recv().unwrap(), b"GET /wait HT");
    until("all places are free", || town.places() == 0);
}

#[test]
fn a_huge_head_is_handed_over_before_it_is_whole() {
    let town = town();
    let mut ann = town.client();
    ann.send(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000)));
    let handed = town.handed.recv().unwrap();
    assert!((8193..=12_288).contains(&handed.len()), "{}", handed.len());
}

#[test]
fn an_answer_that_closes_arrives_though_more_was_sent() {
    let town = town();
    let mut ann = town.client();
    ann.send(&(get("/bye") + &"x".repeat(50_000)));
    assert_eq!(ann.answer(), "bye");
    ann.expect_end();
    drop(ann);
    until("all places are free", || town.places() == 0);
}

#[test]
fn the_end_answers_all_who_wait_spread_over_the_time() {
    let town = town();
    let mut crowd: Vec<Client> = (0..100).map(|_| town.client()).collect();
    for client in &mut crowd {
        client.send(&get("/wait?after=0"));
    }
    let mut cleo = town.client();
    cleo.send(&get("/stream?after=0"));
    town.until_parked(101);
    let start = Instant::now();
    town.park.close(500 * MS);
    until("half are answered", || town.park.parked() <= 50);
    assert!(start.elapsed() >= 150 * MS, "{:?}", start.elapsed());
    town.until_parked(0);
    assert!(start.elapsed() >= 400 * MS, "{:?}", start.elapsed());
    for client in &mut crowd {
        assert_eq!(client.answer(), "nothing");
    }
    // New waits are answered at once; other requests are served.
    let start = Instant::now();
    assert_eq!(crowd[0].ask(&get("/wait?after=0")), "nothing");
    assert_eq!(crowd[0].ask(&post("/add", "")), "1:");
    assert_eq!(crowd[0].ask(&get("/wait?after=0")), "1\n");
    assert!(start.elapsed() < 5_000 * MS);
    let lines: Vec<String> = (0..4).map(|_| cleo.line()).collect();
    assert_eq!(lines[3], "beat");
    cleo.expect_end();
}

#[test]
fn a_brief_wait_is_not_cut_short_by_the_end_nor_by_a_peer_that_has_said_all() {
    let town = town();
    let [mut ann, mut bob] = [town.client(), town.client()];
    let start = Instant::now();
    ann.send(&get("/soon?ms=400"));
    ann.reader.get_ref().shutdown(Shutdown::Write).unwrap();
    bob.send(&get("/soon?ms=400"));
    town.until_parked(2);
    town.park.close(Duration::ZERO);
    assert_eq!((ann.answer(), bob.answer()), ("nothing".into(), "nothing".into()));
    assert!(start.elapsed() >= 400 * MS, "{:?}", start.elapsed());
    ann.expect_end();
    // While the park closes, too.
    assert_eq!(bob.ask(&get("/soon?ms=100")), "nothing");
}

#[test]
fn dropped_the_park_drops_everything() {
    let town = town();
    let mut ann = town.client();
    ann.send(&get("/wait?after=0"));
    let mut bob = town.client();
    town.until_parked(1);
    let Town { park, room, .. } = town;
    drop(park);
    assert_eq!(room.places.load(Ordering::SeqCst), 0);
    ann.expect_end();
    bob.expect_end();
}
