//! Rooms as addresses name them: one room for what looks the same.

use axum::http::{Method, StatusCode};
use linger_core::{Author, Command, RoomKind, RoomName, Slug, Topic};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, request},
};

over_both_drivers!(
    a_room_may_be_called_in_any_script_and_is_one_room_however_it_is_typed,
    a_room_from_before_slugs_had_one_form_is_found_under_the_slug_that_it_has,
    what_shows_nothing_is_no_name_no_room_and_no_message,
);

/// Somebody with a name, who calls the native API.
struct Person {
    bearer: String,
}

impl Person {
    async fn come(stage: &Stage, name: &str) -> Person {
        let guest = stage.json("/api/v1/guests", &json!({ "name": name })).await;
        assert_eq!(guest.status, StatusCode::CREATED, "{}", guest.body);
        let guest = guest.json();
        let bearer = format!("Bearer {}", guest["token"].as_str().unwrap());
        Person { bearer }
    }

    async fn call(&self, stage: &Stage, method: Method, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("authorization", self.bearer.as_str())];
        stage.send(request(method, &format!("/api/v1{path}"), &body, &headers)).await
    }
}

fn encoded(slug: &str) -> String {
    slug.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn a_room_may_be_called_in_any_script_and_is_one_room_however_it_is_typed(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::come(&stage, "ann").await;
    let rows = [
        ("हिन्दी", "हिन्दी"),
        ("தமிழ்", "தமிழ்"),
        ("방", "\u{1107}\u{1161}\u{11bc}"),
        ("cafe\u{301}", "café"),
        ("tea", "te\u{200b}a"),
    ];
    for (slug, typed) in rows {
        let open = |slug: &str| json!({ "slug": slug });
        let opened = ann.call(&stage, Method::POST, "/rooms", &open(slug)).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{slug}: {}", opened.body);
        let again = ann.call(&stage, Method::POST, "/rooms", &open(typed)).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{typed}: {}", again.body);
        let path = format!("/rooms/{}", encoded(typed));
        let text = json!({ "text": "hello" });
        let sent = ann.call(&stage, Method::POST, &format!("{path}/messages"), &text).await;
        assert_eq!(sent.status, StatusCode::CREATED, "{typed}: {}", sent.body);
        let events = format!("{path}/events?after=start&wait=0");
        for path in [path.clone(), format!("{path}/messages"), events] {
            let answer = ann.call(&stage, Method::GET, &path, &Value::Null).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        }
        let shown = ann.call(&stage, Method::GET, &path, &Value::Null).await.json();
        assert_eq!(shown["slug"], opened.json()["slug"], "{typed}");
    }
}

async fn a_room_from_before_slugs_had_one_form_is_found_under_the_slug_that_it_has(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::come(&stage, "ann").await;
    let old = "\u{1107}\u{1161}\u{11bc}";
    let open = Command::OpenRoom {
        // As an entry is read from the log.
        slug: serde_json::from_value::<Slug>(json!(old)).unwrap(),
        name: RoomName::parse("old").unwrap(),
        topic: Topic::parse("").unwrap(),
        kind: RoomKind::Open,
    };
    stage.node.submit(Author::Server, None, open).await.unwrap();
    ann.call(&stage, Method::POST, "/rooms", &json!({ "slug": "방", "name": "new" })).await;
    for (slug, name) in [(old, "old"), ("방", "new")] {
        let path = format!("/rooms/{}", encoded(slug));
        let room = ann.call(&stage, Method::GET, &path, &Value::Null).await;
        assert_eq!(room.json()["name"], name);
    }
    // What cannot be a slug is nobody's room.
    for path in
        ["/rooms/Lobby", "/rooms/a%20b", "/rooms/Lobby/events?wait=0", "/rooms/Lobby/messages"]
    {
        let answer = ann.call(&stage, Method::GET, path, &Value::Null).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::NOT_FOUND, &json!("room_not_found")),
            "{path}"
        );
    }
}

async fn what_shows_nothing_is_no_name_no_room_and_no_message(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::come(&stage, "ann").await;
    for nothing in
        ["\u{2800}", "\u{fe0f}", "\u{200b}", "\u{3164}", "\u{115f}\u{ad}", "\u{301}", "\u{e0041}"]
    {
        let calls = [
            (Method::POST, "/guests", json!({ "name": nothing })),
            (Method::PATCH, "/me", json!({ "name": nothing })),
            (Method::POST, "/rooms", json!({ "slug": nothing })),
            (Method::POST, "/rooms", json!({ "slug": "tea", "name": nothing })),
            (Method::POST, "/rooms/lobby/messages", json!({ "text": nothing })),
            (Method::PUT, "/rooms/lobby/messages/m1", json!({ "text": nothing })),
        ];
        for (method, path, body) in calls {
            let answer = ann.call(&stage, method, path, &body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}: {}", answer.body);
        }
    }
    // A second "ann" with something in it that nobody sees is told as she is.
    let twin = Person::come(&stage, "a\u{200d}nn").await;
    let me = twin.call(&stage, Method::GET, "/me", &Value::Null).await.json();
    assert_eq!(me["user"]["name"], "ann");
    let pasted = json!({ "text": "one\u{b}two\u{c}three\rfour\u{7}" });
    let sent = ann.call(&stage, Method::POST, "/rooms/lobby/messages", &pasted).await.json();
    assert_eq!(sent["message"]["text"], "one\ntwo\nthree\nfour");
}
