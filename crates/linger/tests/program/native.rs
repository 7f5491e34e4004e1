//! The native API, call by call, as its contract has it.
//!
//! Whole answers are compared. Parts that differ from run to run (ids, times) are
//! taken from an earlier answer and must be the same there.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, Fields},
    process::{Folder, Program, Server},
};

const TEA: &str = "/api/v1/rooms/tea";
const TEA_EVENTS: &str = "/api/v1/rooms/tea/events";
const TEA_MESSAGES: &str = "/api/v1/rooms/tea/messages";

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    (folder, server)
}

fn said(texts: &[Value]) -> Vec<&str> {
    texts.iter().map(|message| message["text"].as_str().unwrap()).collect()
}

fn cursor_of(client: &mut Client, path: &str) -> String {
    let page = client.get(&format!("{path}?after=latest&wait=0")).expect(200);
    page["cursor"].as_str().unwrap().to_owned()
}

#[test]
fn a_guest_has_a_name_and_a_token() {
    let (_folder, server) = start();
    let answer = server.visitor().post("/api/v1/guests", &json!({ "name": "  ann \n" }));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let guest = answer.expect(201);
    let id = &guest["user"]["id"];
    assert_eq!(guest["user"], json!({ "id": id, "name": "ann", "role": "guest" }));

    let named = |locale: Value, header: &str| {
        let headers = [("Accept-Language", header)];
        let body = json!({ "locale": locale }).to_string();
        let guest = server.visitor().call("POST", "/api/v1/guests", &headers, &body).expect(201);
        guest["user"]["name"].as_str().unwrap().is_ascii()
    };
    assert!(named(json!("en-GB"), "zh"), "the locale counts");
    assert!(!named(json!("zh-CN"), "en"), "the locale counts");
    assert!(!named(Value::Null, "zh-TW, en;q=0.5"), "else the header");
    server.visitor().call("POST", "/api/v1/guests", &[], "").expect(201);
}

#[test]
fn a_page_starts_from_me_and_goes_on_from_its_cursor() {
    let (_folder, server) = start();
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.open("tea", "open");
    ann.say("tea", "one");
    let me = ann.get("/api/v1/me").expect(200);
    assert_eq!(me["user"], json!({ "id": ann.id, "name": "ann", "role": "guest" }));
    let room = ann.get(TEA).expect(200);
    assert_eq!(me["rooms"], json!([room]));
    assert_eq!(
        room,
        json!({
            "id": room["id"], "slug": "tea", "name": "tea", "topic": "", "kind": "open",
            "members": 1, "last_number": 2,
        })
    );
    bob.say("tea", "two");
    let after = me["cursor"].as_str().unwrap();
    let page = ann.get(&format!("/api/v1/events?after={after}&wait=0")).expect(200);
    let types: Vec<_> =
        page["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["member_joined", "message_sent"]);
}

#[test]
fn a_message_is_said_once_under_its_request_id_for_ever() {
    let (_folder, server) = start();
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    let path = "/api/v1/rooms/lobby/messages/My.id_1-a";
    let first = ann.put(path, &json!({ "text": " Hello, <b>你好</b> 🍵 " })).expect(201);
    let message = &first["message"];
    assert_eq!(
        first,
        json!({ "message": {
            "id": message["id"], "room": "lobby", "number": 3, "at": message["at"],
            "by": { "id": ann.id, "name": "ann" }, "text": "Hello, <b>你好</b> 🍵",
            "request_id": "My.id_1-a",
        } })
    );
    let at = message["at"].as_str().unwrap();
    assert!(at.len() == 24 && at.ends_with('Z') && at.as_bytes()[19] == b'.', "{at}");

    assert_eq!(ann.put(path, &json!({ "text": "Hello, <b>你好</b> 🍵" })).expect(200), first);
    assert_eq!(ann.put(path, &json!({ "text": "other" })).problem(409), "request_id_reused");
    // The same request id by another author is another message.
    let other = bob.put(path, &json!({ "text": "other" })).expect(201);
    assert_ne!(other["message"]["id"], message["id"]);

    let headers = [("Idempotency-Key", "My.id_1-b")];
    let body = json!({ "text": "again" }).to_string();
    let mut post = |headers| ann.call("POST", "/api/v1/rooms/lobby/messages", headers, &body);
    let posted = post(&headers).expect(201);
    assert_eq!(post(&headers).expect(200), posted);
    assert_eq!(post(&[("Idempotency-Key", "\"My.id_1-b\"")]).expect(200), posted);
    assert_ne!(post(&[]).expect(201), posted);
    let put = ann.put("/api/v1/rooms/lobby/messages/My.id_1-b", &json!({ "text": "again" }));
    assert_eq!(put.expect(200), posted, "both ways name the same request");

    // Also after a new name, and after the author has left.
    ann.patch("/api/v1/me", &json!({ "name": "Anna" })).expect(200);
    ann.delete("/api/v1/rooms/lobby/members/me").expect(204);
    assert_eq!(ann.put(path, &json!({ "text": "Hello, <b>你好</b> 🍵" })).expect(200), first);
}

#[test]
fn history_is_paged_backwards() {
    let (_folder, server) = start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let none = ann.get(TEA_MESSAGES).expect(200);
    assert_eq!(none, json!({ "messages": [], "more": false }));
    let messages: Vec<_> = (0..60).map(|n| ann.say("tea", &n.to_string())).collect();
    let mut page = |query: &str| ann.get(&format!("{TEA_MESSAGES}{query}")).expect(200);
    let before = |n: usize| format!("before={}", messages[n]["id"]);

    let cases: [(&str, String, std::ops::Range<usize>, bool); 8] = [
        ("the newest 50", String::new(), 10..60, true),
        ("a few of the newest", "?limit=3".to_owned(), 57..60, true),
        ("all of them", "?limit=200".to_owned(), 0..60, false),
        ("exactly all", "?limit=60".to_owned(), 0..60, false),
        ("before one", format!("?limit=5&{}", before(20)), 15..20, true),
        ("down to the first", format!("?limit=5&{}", before(5)), 0..5, false),
        ("before the first", format!("?{}", before(0)), 0..0, false),
        ("before everything", "?before=0".to_owned(), 0..0, false),
    ];
    for (case, query, range, more) in cases {
        assert_eq!(page(&query), json!({ "messages": messages[range], "more": more }), "{case}");
    }
    assert_eq!(ann.history("tea", 7), messages);
    assert_eq!(server.visitor().history("tea", 200), messages, "visitors may read open rooms");
}

#[test]
fn events_come_in_pages_after_a_cursor() {
    let (_folder, server) = start();
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.open("tea", "open");
    let message = bob.say("tea", "one");
    bob.patch("/api/v1/me", &json!({ "name": "Robert" })).expect(200);
    bob.delete(&format!("{TEA}/members/me")).expect(204);
    ann.say("tea", "two");

    let (ann_then, bob_then) =
        (json!({ "id": ann.id, "name": "ann" }), json!({ "id": bob.id, "name": "bob" }));
    let bob_now = json!({ "id": bob.id, "name": "Robert" });
    let all = ann.read_all(TEA_EVENTS);
    let room = ann.get(TEA).expect(200)["id"].clone();
    let at = |i: usize| (all[i]["position"].clone(), all[i]["at"].clone());
    let event = |i: usize, kind: &str, by: &Value, more: Value| {
        let (position, at) = at(i);
        let mut event = json!({ "position": position, "number": i + 1, "room": "tea", "at": at, "by": by, "type": kind });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let room_then = |members: u64| json!({ "id": room, "name": "tea", "topic": "", "kind": "open", "members": members });
    assert_eq!(all[0], event(0, "room_opened", &ann_then, json!({ "opened": room_then(1) })));
    let joined = json!({ "member": bob_then, "entered": room_then(2) });
    assert_eq!(all[1], event(1, "member_joined", &bob_then, joined));
    assert_eq!(all[2], event(2, "message_sent", &bob_then, json!({ "message": message })));
    assert_eq!(all[3], event(3, "member_left", &bob_now, json!({ "member": bob_now })));
    assert_eq!(all.len(), 5);
    // All rooms have the new name too: it is outside of rooms and has no number.
    let mine = ann.read_all("/api/v1/events");
    let renamed = mine.iter().find(|event| event["type"] == "user_renamed").unwrap();
    let expected = json!({
        "position": renamed["position"], "at": renamed["at"], "by": bob_now,
        "type": "user_renamed", "old_name": "bob",
    });
    assert_eq!(*renamed, expected);

    let mut cursor = "start".to_owned();
    for expected in all.chunks(2) {
        let answer = ann.get(&format!("{TEA_EVENTS}?after={cursor}&limit=2&wait=0"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        check_cursor_is_last(&answer);
        let page = answer.expect(200);
        assert_eq!(page["events"], json!(expected));
        cursor = page["cursor"].as_str().unwrap().to_owned();
    }
    let end = ann.get(&format!("{TEA_EVENTS}?after={cursor}&wait=0"));
    check_cursor_is_last(&end);
    assert_eq!(end.expect(200), json!({ "events": [], "cursor": cursor_of(&mut ann, TEA_EVENTS) }));
    let latest = ann.get("/api/v1/events?wait=0").expect(200);
    assert_eq!(latest["events"], json!([]), "without a cursor: from now on");
}

fn check_cursor_is_last(answer: &Answer) {
    let text = answer.text();
    let (_, last) = text.rsplit_once(",\"cursor\":\"").unwrap_or_else(|| panic!("{text}"));
    assert!(last.ends_with("\"}") && !last.contains(','), "{text}");
}

#[test]
fn a_cursor_moves_past_what_the_caller_may_not_see() {
    let (_folder, server) = start();
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    let before = cursor_of(&mut bob, "/api/v1/events");
    ann.open("secret", "closed");
    ann.say("secret", "hush");
    let page = bob.get(&format!("/api/v1/events?after={before}&wait=0")).expect(200);
    assert_eq!(page["events"], json!([]));
    assert_ne!(page["cursor"].as_str().unwrap(), before);
    assert_eq!(page["cursor"].as_str().unwrap(), cursor_of(&mut ann, "/api/v1/events"));
}

#[test]
fn a_request_is_held_until_there_is_news_or_its_time_is_up() {
    let (_folder, server) = start();
    let (mut ann, bob) = (server.guest("ann"), server.guest("bob"));
    ann.open("tea", "open");
    let cursor = cursor_of(&mut ann, TEA_EVENTS);
    // The hold is shortened by up to a tenth, at random.
    let holds: [(&str, &str, Fields, Option<&str>); 4] = [
        ("by parameter", "&wait=1", &[], None),
        ("by preference", "", &[("Prefer", "respond-async, wait=1")], Some("wait=1")),
        ("the parameter wins", "&wait=1", &[("Prefer", "wait=30")], None),
        ("fractions too", "&wait=0.95", &[], None),
    ];
    thread::scope(|scope| {
        for (case, query, headers, applied) in holds {
            let (cursor, mut bob) = (&cursor, bob.again(server.address));
            scope.spawn(move || {
                let asked = Instant::now();
                let answer =
                    bob.call("GET", &format!("{TEA_EVENTS}?after={cursor}{query}"), headers, "");
                let held = asked.elapsed();
                assert!(held >= Duration::from_millis(850), "{case}: {held:?}");
                assert_eq!(answer.header("preference-applied"), applied, "{case}");
                assert_eq!(answer.expect(200), json!({ "events": [], "cursor": cursor }), "{case}");
            });
        }
    });
    let mut held =
        [bob.begin(&format!("{TEA_EVENTS}?after={cursor}"), &[]), ann.begin("/api/v1/events", &[])];
    server.until_held(2);
    let message = ann.say("tea", "news");
    for connection in &mut held {
        let page = Answer::read(connection).unwrap().expect(200);
        assert_eq!(page["events"][0]["message"], message);
    }
    let asked = Instant::now();
    let page = ann.get(&format!("{TEA_EVENTS}?after={cursor}&wait=55")).expect(200);
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    assert!(asked.elapsed() < Duration::from_secs(20), "news are there: nobody waits");
}

#[test]
fn a_cursor_of_another_log_or_from_beyond_the_end_is_answered_with_a_reset() {
    let (_folder, server) = start();
    let (_other_folder, other) = start();
    let mut ann = server.guest("ann");
    let foreign = cursor_of(&mut other.guest("bob"), "/api/v1/events");
    let latest = cursor_of(&mut ann, "/api/v1/events");
    let (log, position) = latest.rsplit_once('-').unwrap();
    let beyond = format!("{log}-{}", position.parse::<u64>().unwrap() + 1);
    for path in ["/api/v1/events", "/api/v1/rooms/lobby/events"] {
        let other_past = format!("{}-aaaaaaaa-1", log.split_once('-').unwrap().0);
        for (cursor, reason) in
            [(&foreign, "other_log"), (&beyond, "beyond_the_end"), (&other_past, "other_past")]
        {
            // Also with a wait: a reset is answered at once.
            let answer = ann.get(&format!("{path}?after={cursor}&wait=55"));
            check_cursor_is_last(&answer);
            let expected = json!({ "reset": { "reason": reason }, "events": [], "cursor": latest });
            assert_eq!(answer.expect(200), expected);
        }
    }
}

#[test]
fn a_closed_room_does_not_exist_for_those_outside() {
    let (_folder, server) = start();
    let (mut ann, mut bob, cleo) = (server.guest("ann"), server.guest("bob"), server.guest("cleo"));
    ann.open("tea", "closed");
    ann.say("tea", "before");
    let calls: [(&str, String, &str); 9] = [
        ("GET", TEA.to_owned(), ""),
        ("PUT", format!("{TEA}/members/me"), ""),
        ("DELETE", format!("{TEA}/members/me"), ""),
        ("PUT", format!("{TEA}/members/{}", cleo.id), ""),
        ("PUT", format!("{TEA_MESSAGES}/1"), r#"{"text":"hello"}"#),
        ("POST", TEA_MESSAGES.to_owned(), r#"{"text":"hello"}"#),
        ("GET", TEA_MESSAGES.to_owned(), ""),
        ("GET", format!("{TEA_EVENTS}?wait=0&after=start"), ""),
        ("GET", format!("{TEA_EVENTS}?wait=55"), ""),
    ];
    for (method, path, body) in &calls {
        let closed = bob.call(method, path, &[], body);
        assert_eq!(closed.problem(404), "room_not_found", "{method} {path}");
        let missing = bob.call(method, &path.replace("/tea", "/none"), &[], body);
        assert_eq!(closed.text(), missing.text(), "{method} {path}: told from a missing room");
    }
    for (method, path, _) in calls.iter().filter(|(method, ..)| *method == "GET") {
        let answer = server.visitor().call(method, path, &[], "");
        assert_eq!(answer.problem(404), "room_not_found", "{method} {path} of a visitor");
    }
    let slugs = |client: &mut Client| {
        let mut rooms = client.get("/api/v1/rooms").expect(200);
        let Value::Array(rooms) = rooms["rooms"].take() else { panic!("{rooms}") };
        rooms.into_iter().map(|room| room["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(slugs(&mut bob), ["lobby"]);
    assert_eq!(slugs(&mut ann), ["lobby", "tea"]);

    // Bob was added by ann. He sees events from then on, and may add others.
    let waiting = bob.begin("/api/v1/events", &[]);
    server.until_held(1);
    ann.put(&format!("{TEA}/members/{}", bob.id), &json!({})).expect(204);
    let page = Answer::read(&mut { waiting }).unwrap().expect(200);
    let joined = &page["events"][0];
    assert_eq!(joined["by"]["name"], "ann");
    assert_eq!(joined["member"], json!({ "id": bob.id, "name": "bob" }));
    ann.say("tea", "after");
    assert_eq!(said(&bob.history("tea", 50)), ["after"]);
    assert_eq!(bob.get(TEA).expect(200)["members"], 2);
    bob.put(&format!("{TEA}/members/{}", cleo.id), &json!({})).expect(204);
    assert_eq!(slugs(&mut cleo.again(server.address)), ["lobby", "tea"]);
    assert_eq!(bob.put(&format!("{TEA}/members/99999"), &json!({})).problem(404), "user_not_found");

    // Bob, who left, sees that he left and nothing after it.
    bob.delete(&format!("{TEA}/members/me")).expect(204);
    ann.say("tea", "without bob");
    assert_eq!(said(&bob.history("tea", 50)), ["after"]);
    let last = bob.read_all("/api/v1/events").pop().unwrap();
    assert_eq!((&last["type"], &last["member"]["id"]), (&json!("member_left"), &json!(bob.id)));
    assert_eq!(bob.post(TEA_MESSAGES, &json!({ "text": "hello" })).problem(404), "room_not_found");

    // Only bob can bring bob back.
    let add = format!("{TEA}/members/{}", bob.id);
    assert_eq!(ann.put(&add, &json!({})).problem(409), "left_before");
    assert_eq!(slugs(&mut bob), ["lobby"]);
    bob.join("tea");
    assert_eq!(slugs(&mut bob), ["lobby", "tea"]);
    ann.put(&add, &json!({})).expect(204);
}

#[test]
fn an_open_room_is_joined_by_name_or_by_speaking() {
    let (_folder, server) = start();
    let (mut ann, mut bob, mut cleo) =
        (server.guest("ann"), server.guest("bob"), server.guest("cleo"));
    let room = ann
        .post("/api/v1/rooms", &json!({ "slug": "茶-room", "name": "Tea 茶", "topic": "Leaves" }));
    assert_eq!(room.header("location"), Some("/api/v1/rooms/%E8%8C%B6-room"));
    let room = room.expect(201);
    let expected = json!({
        "id": room["id"], "slug": "茶-room", "name": "Tea 茶", "topic": "Leaves", "kind": "open",
        "members": 1, "last_number": 1,
    });
    assert_eq!(room, expected);
    let slug = "%E8%8C%B6-room";
    assert_eq!(bob.post("/api/v1/rooms", &json!({ "slug": "茶-room" })).problem(409), "slug_taken");

    bob.join(slug);
    bob.join(slug);
    assert_eq!(cleo.say(slug, "hello")["room"], "茶-room");
    let room = server.visitor().get(&format!("/api/v1/rooms/{slug}")).expect(200);
    assert_eq!((&room["members"], &room["last_number"]), (&json!(3), &json!(4)));
    let left = format!("/api/v1/rooms/{slug}/members/me");
    bob.delete(&left).expect(204);
    bob.delete(&left).expect(204);
    let room = ann.get(&format!("/api/v1/rooms/{slug}")).expect(200);
    assert_eq!((&room["members"], &room["last_number"]), (&json!(2), &json!(5)));
}

#[test]
fn a_rename_changes_what_is_said_from_then_on() {
    let (_folder, server) = start();
    let mut ann = server.guest("ann");
    ann.say("lobby", "one");
    let renamed = ann.patch("/api/v1/me", &json!({ "name": " Anna " })).expect(200);
    assert_eq!(renamed, json!({ "user": { "id": ann.id, "name": "Anna", "role": "guest" } }));
    ann.say("lobby", "two");
    let history = ann.history("lobby", 50);
    let names: Vec<_> =
        history.iter().map(|message| message["by"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ann", "Anna"]);
}

#[test]
fn without_a_token_one_is_a_visitor_who_may_read_open_rooms_where_that_is_allowed() {
    let reads = [
        "/api/v1/rooms",
        "/api/v1/rooms/lobby",
        "/api/v1/rooms/lobby/messages",
        "/api/v1/rooms/lobby/events?wait=0",
    ];
    let writes = [
        ("PUT", "/api/v1/rooms/lobby/messages/1"),
        ("POST", "/api/v1/rooms/lobby/messages"),
        ("POST", "/api/v1/rooms"),
        ("PUT", "/api/v1/rooms/lobby/members/me"),
        ("DELETE", "/api/v1/rooms/lobby/members/me"),
        ("PATCH", "/api/v1/me"),
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/events?wait=0"),
    ];
    for visitors in ["on", "off"] {
        let folder = Folder::new();
        let server = Program::on(&folder).arg("--visitors").arg(visitors).start();
        for path in reads {
            let answer = server.visitor().get(path);
            match visitors {
                "on" => drop(answer.expect(200)),
                _ => assert_eq!(answer.problem(401), "no_token", "{path}"),
            }
            server.guest("ann").get(path).expect(200);
        }
        for (method, path) in writes {
            let body = json!({ "text": "hello", "slug": "tea", "name": "ann" }).to_string();
            let answer = server.visitor().call(method, path, &[], &body);
            assert_eq!(answer.problem(401), "no_token", "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}
