//! Rooms by their addresses: slugs that look the same name one room. And rooms and
//! their members as lists, a page at a time.

use axum::http::{Method, StatusCode};
use linger_core::{Author, Command, Position, RoomKind, RoomName, Slug, Topic, UserId, UserName};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, request},
};

over_both_drivers!(
    a_room_may_be_called_in_any_script_and_is_one_room_however_it_is_typed,
    a_room_from_before_slugs_had_one_form_is_found_under_the_slug_that_it_has,
    what_shows_nothing_is_no_name_no_room_and_no_message,
    rooms_come_in_pages_and_a_page_is_cut_at_a_hundred,
    members_come_in_pages_and_only_to_those_who_are_inside,
    a_person_in_500_rooms_comes_into_no_other_and_is_told_what_to_do,
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
        // The slug as an entry of an old log has it.
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
    // A text that cannot be a slug names no room.
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
    // An invisible character in a name is dropped, so there may be a second "ann".
    let twin = Person::come(&stage, "a\u{200d}nn").await;
    let me = twin.call(&stage, Method::GET, "/me", &Value::Null).await.json();
    assert_eq!(me["user"]["name"], "ann");
    let pasted = json!({ "text": "one\u{b}two\u{c}three\rfour\u{7}" });
    let sent = ann.call(&stage, Method::POST, "/rooms/lobby/messages", &pasted).await.json();
    assert_eq!(sent["message"]["text"], "one\ntwo\nthree\nfour");
}

/// Opens rooms.
async fn open_rooms(stage: &Stage, by: Author, slugs: impl Iterator<Item = String>) {
    for slug in slugs {
        let open = Command::OpenRoom {
            slug: Slug::parse(&slug).unwrap(),
            name: RoomName::parse(&slug).unwrap(),
            topic: Topic::parse("").unwrap(),
            kind: RoomKind::Open,
        };
        stage.node.submit(by, None, open).await.unwrap();
    }
}

fn of_each(list: &Value, field: &str) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|item| item[field].clone()).collect()
}

async fn rooms_come_in_pages_and_a_page_is_cut_at_a_hundred(driver: Driver) {
    let stage = Stage::open(driver).await;
    let [ann, bob] = [Person::come(&stage, "ann").await, Person::come(&stage, "bob").await];
    open_rooms(&stage, Author::Server, (1..60).rev().map(|room| format!("r{room}"))).await;
    ann.call(&stage, Method::POST, "/rooms", &json!({ "slug": "den", "kind": "closed" })).await;
    open_rooms(&stage, Author::Server, (60..120).map(|room| format!("r{room}"))).await;
    let list = async |who: &Person, query: &str| {
        who.call(&stage, Method::GET, &format!("/rooms{query}"), &Value::Null).await
    };
    // lobby, 59 of them, den, and the rest.
    let first = list(&ann, "").await.json();
    let slugs = of_each(&first["rooms"], "slug");
    assert_eq!((slugs.len(), &first["more"]), (100, &json!(true)));
    assert_eq!([&slugs[0], &slugs[1], &slugs[60], &slugs[99]], ["lobby", "r59", "den", "r98"]);
    let rest = list(&ann, "?after=r98").await.json();
    assert_eq!(of_each(&rest["rooms"], "slug").first(), Some(&json!("r99")));
    assert_eq!((rest["rooms"].as_array().unwrap().len(), &rest["more"]), (21, &json!(false)));
    let whole = list(&bob, "?limit=500").await.json();
    assert_eq!((whole["rooms"].as_array().unwrap().len(), &whole["more"]), (120, &json!(false)));
    let few = list(&bob, "?after=r1&limit=2").await.json();
    assert_eq!(of_each(&few["rooms"], "slug"), ["r60", "r61"], "den is nothing to bob");
    let last = list(&bob, "?after=r119").await.json();
    assert_eq!(last, json!({ "rooms": [], "more": false }));
    let rows = [
        (&ann, "?after=den&limit=1", StatusCode::OK),
        (&bob, "?after=den&limit=1", StatusCode::NOT_FOUND),
        (&bob, "?after=nowhere", StatusCode::NOT_FOUND),
        (&bob, "?limit=0", StatusCode::BAD_REQUEST),
        (&bob, "?limit=501", StatusCode::BAD_REQUEST),
        (&bob, "?limit=x", StatusCode::BAD_REQUEST),
    ];
    for (who, query, status) in rows {
        let answer = list(who, query).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
    }
}

async fn members_come_in_pages_and_only_to_those_who_are_inside(driver: Driver) {
    let stage = Stage::open(driver).await;
    let [ann, bob] = [Person::come(&stage, "ann").await, Person::come(&stage, "bob").await];
    let list =
        async |who: &Person, path: &str| who.call(&stage, Method::GET, path, &Value::Null).await;
    for kind in ["open", "closed"] {
        let room = json!({ "slug": kind, "kind": kind });
        ann.call(&stage, Method::POST, "/rooms", &room).await;
    }
    for _ in 0..100 {
        let name = UserName::parse("cleo").unwrap();
        let command = Command::CreateGuest { name, token_hash: None, external_id: None };
        let guest = stage.node.submit(Author::Server, None, command).await.unwrap();
        let path = format!("/rooms/open/members/{}", guest.position);
        let added = ann.call(&stage, Method::PUT, &path, &Value::Null).await;
        assert_eq!(added.status, StatusCode::NO_CONTENT, "{}", added.body);
    }
    let first = list(&bob, "/rooms/open/members").await.json();
    assert_eq!(first["members"][0], json!({ "id": 3, "name": "ann", "role": "guest" }));
    let ids = of_each(&first["members"], "id");
    assert_eq!((ids.len(), &first["more"]), (100, &json!(true)));
    let rest = list(&bob, &format!("/rooms/open/members?after={}", ids[99])).await.json();
    assert_eq!((rest["members"].as_array().unwrap().len(), &rest["more"]), (1, &json!(false)));
    let two = list(&bob, &format!("/rooms/open/members?after={}&limit=2", ids[0])).await.json();
    assert_eq!(of_each(&two["members"], "id"), ids[1..3]);
    let inside = list(&ann, "/rooms/closed/members").await.json();
    assert_eq!(of_each(&inside["members"], "name"), ["ann"]);
    ann.call(&stage, Method::DELETE, "/rooms/closed/members/me", &Value::Null).await;
    let rows = [
        (&ann, "/rooms/closed/members", StatusCode::NOT_FOUND),
        (&bob, "/rooms/closed/members", StatusCode::NOT_FOUND),
        (&bob, "/rooms/nowhere/members", StatusCode::NOT_FOUND),
        (&bob, "/rooms/open/members?limit=501", StatusCode::BAD_REQUEST),
        (&bob, "/rooms/open/members?after=ann", StatusCode::BAD_REQUEST),
    ];
    for (who, path, status) in rows {
        let answer = list(who, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
}

async fn a_person_in_500_rooms_comes_into_no_other_and_is_told_what_to_do(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::come(&stage, "ann").await;
    let me = ann.call(&stage, Method::GET, "/me", &Value::Null).await.json();
    let id = me["user"]["id"].as_u64().unwrap();
    let author = Author::User(UserId::new(Position::new(id)));
    open_rooms(&stage, author, (0..500).map(|room| format!("r{room}"))).await;
    let text = json!({ "text": "hello" });
    let calls = [
        (Method::PUT, "/rooms/lobby/members/me", json!({})),
        (Method::POST, "/rooms", json!({ "slug": "one-more" })),
        (Method::POST, "/rooms/lobby/messages", text.clone()),
        (Method::PUT, "/rooms/lobby/messages/m1", text.clone()),
    ];
    for (method, path, body) in calls {
        let answer = ann.call(&stage, method, path, &body).await;
        let problem = answer.json();
        let expected = (StatusCode::CONFLICT, &json!("too_many_rooms"));
        assert_eq!((answer.status, &problem["code"]), expected, "{path}: {}", answer.body);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("DELETE /api/v1/rooms/{room}/members/me"), "{detail}");
    }
    let me = ann.call(&stage, Method::GET, "/me", &Value::Null).await.json();
    assert_eq!((me["rooms"].as_array().unwrap().len(), &me["more_rooms"]), (500, &Value::Null));
    ann.call(&stage, Method::DELETE, "/rooms/r7/members/me", &Value::Null).await;
    let sent = ann.call(&stage, Method::PUT, "/rooms/lobby/messages/m1", &text).await;
    assert_eq!(sent.status, StatusCode::CREATED, "the request id was free: {}", sent.body);
}
