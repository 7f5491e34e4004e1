//! For those who run the server: health, readiness, figures, a quick start, and
//! a projection that may be deleted.
//!
//! Figures are compared with what the clients do, so each test has a server of
//! its own.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    client::{Client, say_raw},
    process::{Folder, Program, Server},
};

#[test]
fn a_new_server_is_ready_within_200_ms() {
    const ATTEMPTS: usize = 15;
    /// From the start of the process to the first 200 of /ready.
    const READY_MAX: Duration = Duration::from_millis(200);
    // The fastest of some attempts: a busy machine can only slow a start down.
    let mut best = Duration::MAX;
    for _ in 0..ATTEMPTS {
        let folder = Folder::new();
        let server = Program::on(&folder).start();
        let asked = Instant::now();
        server.visitor().get("/ready").expect(200);
        best = best.min(server.ready_after + asked.elapsed());
        if best < READY_MAX {
            return;
        }
    }
    panic!("the best of {ATTEMPTS} starts took {best:?}");
}

#[test]
fn a_deleted_projection_is_made_anew_with_everything_in_it() {
    let folder = Folder::new();
    let program = Program::on(&folder);
    let mut server = program.start();
    let mut ann = server.guest("ann");
    let mut bob = server.guest("bob");
    ann.open("tea", "closed");
    ann.put(&format!("/api/v1/rooms/tea/members/{}", bob.id), &json!({})).expect(204);
    for n in 0..300 {
        ann.say("tea", &format!("message {n}"));
    }
    bob.patch("/api/v1/me", &json!({ "name": "Robert" })).expect(200);
    let everything = |bob: &mut Client| {
        let mut me = bob.get("/api/v1/me").json();
        // Each start opens an epoch, so the cursor differs.
        me["cursor"].take();
        (bob.history("tea", 200), bob.read_all("/api/v1/events"), me)
    };
    let before = everything(&mut bob);
    server.terminate();
    assert_eq!(server.ended(crate::process::PATIENCE).code(), Some(0));

    for name in ["projection.db", "projection.db-wal", "projection.db-shm"] {
        // After a clean end only the first of these files is there.
        let _ = fs::remove_file(folder.join(name));
    }
    assert!(folder.join("log.db").exists(), "{} has the log", folder.path().display());
    let server = program.start();
    let mut bob = bob.again(server.address);
    assert_eq!(everything(&mut bob), before);
    assert_eq!(before.0.len(), 300);
}

#[test]
fn the_figures_follow_held_requests_down_to_nothing() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    server.until_held(0);
    let room = ["/api/v1/rooms/lobby/events?wait=50", "/api/v1/events?wait=50"];
    let mut held: Vec<_> = (0..10).map(|i| ann.begin(room[i % 2], &[])).collect();
    held.push(ann.begin("/api/v1/events", &[("Accept", "text/event-stream")]));
    server.until_held(11);
    // Clients that hang up are noticed without any news.
    held.truncate(4);
    server.until_held(4);
    drop(held);
    server.until_held(0);

    let positions =
        || ["linger_log_position", "linger_projection_position"].map(|name| server.figure(name));
    let [log, projection] = positions();
    assert_eq!(log, projection);
    ann.say("lobby", "hello");
    // A join and a message.
    assert_eq!(positions(), [log + 2.0, log + 2.0]);
    let text = server.visitor().get("/metrics").text();
    for name in [
        "linger_wakes_total",
        "linger_deliveries_total",
        "linger_append_seconds_count",
        "linger_fsync_seconds_count",
    ] {
        assert!(text.contains(name), "no {name} in {text}");
    }
}

#[test]
fn a_server_says_that_it_is_alive_and_ready() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    assert_eq!(server.visitor().get("/health").expect(200), json!({ "status": "ok" }));
    assert_eq!(server.visitor().get("/ready").expect(200), json!({ "status": "ready" }));
    assert_eq!(server.visitor().get("/api/v1/rooms").expect(200)["rooms"][0]["slug"], "lobby");
}

/// Returns where the server says that its figures are.
fn figures_address(server: &Server) -> SocketAddr {
    let (_, told) = server.greeting.split_once("figures at http://").unwrap();
    let (address, _) = told.split_once("/metrics)").unwrap();
    address.parse().unwrap()
}

#[test]
fn figures_can_have_a_listener_of_their_own_and_are_nowhere_else_then() {
    let folder = Folder::new();
    let file = folder.join("linger.toml");
    fs::write(&file, "metrics = \"127.0.0.1:0\"\n").unwrap();
    let ours = Program::on(&folder);
    let ways = [
        ("flag", ours.clone().arg("serve").arg("--metrics=127.0.0.1:0")),
        ("environment", ours.clone().env("LINGER_METRICS", "127.0.0.1:0")),
        ("file", ours.env("LINGER_CONFIG", file.to_str().unwrap())),
    ];
    for (way, program) in ways {
        let mut server = program.start();
        let mut collector = Client::new(figures_address(&server));
        assert_eq!(server.visitor().get("/metrics").problem(404), "nothing_here", "{way}");
        let mut ann = server.guest("ann");
        ann.say("lobby", "hello");
        let text = collector.get("/metrics").text();
        assert!(text.contains("linger_log_position"), "{way}: {text}");
        // And nothing else is there.
        for path in ["/", "/health", "/api/v1/rooms", "/api/v1/rooms/lobby/events?wait=0"] {
            assert_eq!(collector.get(path).problem(404), "nothing_here", "{way}: {path}");
        }
        let sent = collector.post("/metrics", &json!({}));
        assert_eq!(sent.problem(405), "no_such_method", "{way}");
        server.terminate();
        assert_eq!(server.ended(crate::process::PATIENCE).code(), Some(0), "{way}");
    }
}

#[test]
fn figures_on_this_machine_answer_to_its_own_names_only() {
    let folder = Folder::new();
    let ours = Program::bare()
        .env("LINGER_DATA", folder.path().to_str().unwrap())
        .env("LINGER_LISTEN", "127.0.0.1:0")
        .env("LINGER_METRICS", "127.0.0.1:0");
    for (hosts, expected) in [(None, 421), (Some("figures.example"), 200)] {
        let server = hosts.iter().fold(ours.clone(), |it, hosts| it.env("LINGER_HOSTS", hosts));
        let server = server.start();
        let request = b"GET /metrics HTTP/1.1\r\nHost: figures.example\r\n\r\n";
        let answer = say_raw(figures_address(&server), request).unwrap();
        assert_eq!(answer.status, expected, "{hosts:?}");
    }
}
