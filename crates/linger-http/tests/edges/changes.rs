//! Changes of one message by its id, and their effect for those who read.

mod fields;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, request},
};

over_both_drivers!(
    a_message_is_changed_and_its_earlier_texts_are_to_be_seen,
    a_deleted_message_is_gone_for_everybody_and_an_answer_to_it_says_so,
    reactions_and_pins_stand_at_the_message,
    each_refusal_has_its_status_and_its_code,
    the_same_request_again_has_no_effect_and_another_one_under_its_name_is_refused,
    the_opener_gives_a_room_another_name,
    each_change_of_people_is_done_once_under_its_name,
    of_a_closed_room_nothing_is_there_for_those_outside,
);

/// Two people in a room, and the words for their calls.
struct Two {
    stage: Stage,
    ann: String,
    bob: String,
}

const THUMB: &str = "%F0%9F%91%8D";

impl Two {
    /// Ann has opened #tea and said one; bob is there if it is open.
    async fn open(driver: Driver, kind: &str) -> (Two, u64) {
        let stage = Stage::open(driver).await;
        let mut bearers = Vec::new();
        for name in ["ann", "bob"] {
            let guest = stage.json("/api/v1/guests", &json!({ "name": name })).await.json();
            bearers.push(format!("Bearer {}", guest["token"].as_str().unwrap()));
        }
        let [ann, bob] = bearers.try_into().unwrap();
        let two = Two { stage, ann, bob };
        two.ann(Method::POST, "/rooms", json!({ "slug": "tea", "kind": kind })).await;
        if kind == "open" {
            two.bob(Method::PUT, "/rooms/tea/members/me", Value::Null).await;
        }
        let said = two.ann(Method::POST, "/rooms/tea/messages", json!({ "text": "one" })).await;
        let id = said.json()["message"]["id"].as_u64().unwrap();
        (two, id)
    }

    async fn ann(&self, method: Method, path: &str, body: Value) -> Answer {
        self.call(&self.ann, method, path, body, &[]).await
    }

    async fn bob(&self, method: Method, path: &str, body: Value) -> Answer {
        self.call(&self.bob, method, path, body, &[]).await
    }

    async fn call(
        &self,
        bearer: &str,
        method: Method,
        path: &str,
        body: Value,
        more: &[(&str, &str)],
    ) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut headers = vec![("authorization", bearer)];
        headers.extend(more);
        self.stage.send(request(method, &format!("/api/v1{path}"), &body, &headers)).await
    }

    async fn message(&self, id: u64) -> Value {
        let path = format!("/messages/{id}");
        self.bob(Method::GET, &path, Value::Null).await.json()["message"].clone()
    }

    /// Returns the types of the room's events.
    async fn events(&self) -> Vec<Value> {
        let path = "/rooms/tea/events?after=start&wait=0";
        let page = self.bob(Method::GET, path, Value::Null).await.json();
        page["events"].as_array().unwrap().clone()
    }
}

async fn a_message_is_changed_and_its_earlier_texts_are_to_be_seen(driver: Driver) {
    let (two, id) = Two::open(driver, "open").await;
    let path = format!("/messages/{id}");
    let edited = two.ann(Method::PATCH, &path, json!({ "text": " uno " })).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.body);
    let message = edited.json()["message"].clone();
    assert_eq!(message["text"], "uno");
    assert!(message["edited_at"].is_string(), "{message}");
    assert_eq!(two.message(id).await, message);
    // The same text again is no edit.
    two.ann(Method::PATCH, &path, json!({ "text": "uno" })).await;
    let events = two.events().await;
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["message"]), (&json!("message_edited"), &message));
    let versions = two.bob(Method::GET, &format!("{path}/versions"), Value::Null).await.json();
    let texts = versions["versions"].as_array().unwrap().iter().map(|it| &it["text"]);
    assert_eq!(texts.collect::<Vec<_>>(), ["one", "uno"]);
    let history = two.bob(Method::GET, "/rooms/tea/messages", Value::Null).await.json();
    assert_eq!(history["messages"], json!([message]));
}

async fn a_deleted_message_is_gone_for_everybody_and_an_answer_to_it_says_so(driver: Driver) {
    let (two, id) = Two::open(driver, "open").await;
    let answer = json!({ "text": "two", "reply_to": id });
    let said = two.bob(Method::POST, "/rooms/tea/messages", answer).await.json();
    let quote = &said["message"]["reply_to"];
    assert_eq!((&quote["id"], &quote["text"]), (&json!(id), &json!("one")));
    let path = format!("/messages/{id}");
    two.ann(Method::PATCH, &path, json!({ "text": "uno" })).await;
    for _ in 0..2 {
        let deleted = two.ann(Method::DELETE, &path, Value::Null).await;
        assert_eq!((deleted.status, &*deleted.body), (StatusCode::NO_CONTENT, ""));
    }
    let message = two.message(id).await;
    assert_eq!((&message["deleted"], &message["text"]), (&json!(true), &Value::Null));
    let history = two.bob(Method::GET, "/rooms/tea/messages", Value::Null).await;
    let events = json!(two.events().await).to_string();
    for text in [history.body.clone(), events] {
        assert!(!text.contains("\"one\"") && !text.contains("uno"), "{text}");
    }
    let quote = history.json()["messages"][1]["reply_to"].clone();
    assert_eq!((&quote["deleted"], &quote["text"]), (&json!(true), &Value::Null));
    let versions = two.bob(Method::GET, &format!("{path}/versions"), Value::Null).await.json();
    assert_eq!(versions["versions"], json!([]));
}

async fn reactions_and_pins_stand_at_the_message(driver: Driver) {
    let (two, id) = Two::open(driver, "open").await;
    let thumb = format!("/messages/{id}/reactions/{THUMB}");
    let pin = format!("/messages/{id}/pin");
    for path in [&thumb, &pin] {
        let done = two.bob(Method::PUT, path, Value::Null).await;
        assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.body);
    }
    let message = two.message(id).await;
    assert_eq!(message["reactions"][0]["emoji"], "\u{1f44d}");
    assert_eq!(message["reactions"][0]["by"][0]["name"], "bob");
    assert_eq!(message["pinned"], true);
    let pins = two.ann(Method::GET, "/rooms/tea/pins", Value::Null).await.json();
    assert_eq!(pins["messages"], json!([message]));
    for path in [&thumb, &pin] {
        two.bob(Method::DELETE, path, Value::Null).await;
    }
    let message = two.message(id).await;
    assert!(message.get("reactions").is_none() && message.get("pinned").is_none(), "{message}");
    let pins = two.ann(Method::GET, "/rooms/tea/pins", Value::Null).await.json();
    assert_eq!(pins["messages"], json!([]));
    let types: Vec<Value> = two.events().await.iter().map(|it| it["type"].clone()).collect();
    assert_eq!(
        types[3..],
        ["reaction_added", "message_pinned", "reaction_removed", "message_unpinned"]
    );
}

async fn each_refusal_has_its_status_and_its_code(driver: Driver) {
    let (two, id) = Two::open(driver, "open").await;
    let text = json!({ "text": "mine" });
    let one = format!("/messages/{id}");
    let none = Value::Null;
    let rows = [
        (Method::PATCH, one.clone(), &text, 403, "not_the_author"),
        (Method::DELETE, one.clone(), &none, 403, "not_the_author"),
        (Method::PATCH, "/messages/1".to_owned(), &text, 404, "message_not_found"),
        (Method::GET, "/messages/1/versions".to_owned(), &none, 404, "message_not_found"),
        (Method::PUT, format!("/messages/1/reactions/{THUMB}"), &none, 404, "message_not_found"),
        (Method::PUT, format!("{one}/reactions/thumb"), &none, 400, "malformed"),
        (Method::PUT, format!("{one}/reactions/{THUMB}{THUMB}"), &none, 400, "malformed"),
        (Method::PATCH, "/rooms/tea".to_owned(), &json!({ "name": "Mine" }), 403, "not_the_opener"),
        (Method::PATCH, "/rooms/tea".to_owned(), &json!({ "name": "" }), 400, "malformed"),
    ];
    for (method, path, body, status, code) in rows {
        let refused = two.bob(method.clone(), &path, body.clone()).await;
        let found = (refused.status.as_u16(), refused.json()["code"].clone());
        assert_eq!(found, (status, json!(code)), "{method} {path}: {}", refused.body);
    }
    let far = json!({ "text": "two", "reply_to": 1 });
    let refused = two.bob(Method::POST, "/rooms/tea/messages", far).await;
    assert_eq!(refused.json()["code"], "message_not_found");
    let files = json!({ "text": "", "files": [1] });
    let refused = two.bob(Method::POST, "/rooms/tea/messages", files).await;
    assert_eq!(refused.json()["code"], "file_not_found");
    two.ann(Method::DELETE, &one, Value::Null).await;
    let refused = two.ann(Method::PATCH, &one, text.clone()).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["code"]),
        (409, &json!("message_deleted"))
    );
}

async fn the_same_request_again_has_no_effect_and_another_one_under_its_name_is_refused(
    driver: Driver,
) {
    let (two, id) = Two::open(driver, "open").await;
    let key = [("idempotency-key", "e1")];
    let path = format!("/messages/{id}");
    let edit = |text: &str| json!({ "text": text });
    for text in ["uno", "uno"] {
        let edited = two.call(&two.ann, Method::PATCH, &path, edit(text), &key).await;
        assert_eq!(edited.status, StatusCode::OK, "{}", edited.body);
    }
    two.ann(Method::PATCH, &path, edit("dos")).await;
    // A repeat changes nothing, and is told how the message is now.
    let again = two.call(&two.ann, Method::PATCH, &path, edit("uno"), &key).await;
    assert_eq!(again.json()["message"]["text"], "dos");
    let other = two.call(&two.ann, Method::PATCH, &path, edit("tres"), &key).await;
    assert_eq!((other.status.as_u16(), &other.json()["code"]), (409, &json!("request_id_reused")));
}

async fn the_opener_gives_a_room_another_name(driver: Driver) {
    let (two, _) = Two::open(driver, "open").await;
    let named = two.ann(Method::PATCH, "/rooms/tea", json!({ "name": "Green tea" })).await;
    assert_eq!(named.status, StatusCode::OK, "{}", named.body);
    assert_eq!((&named.json()["name"], &named.json()["topic"]), (&json!("Green tea"), &json!("")));
    two.ann(Method::PATCH, "/rooms/tea", json!({ "topic": "Leaves" })).await;
    let events = two.events().await;
    let last = events.last().unwrap();
    assert_eq!(last["type"], "room_changed");
    assert_eq!(
        (&last["changed"]["name"], &last["changed"]["topic"]),
        (&json!("Green tea"), &json!("Leaves"))
    );
}

async fn of_a_closed_room_nothing_is_there_for_those_outside(driver: Driver) {
    let (two, id) = Two::open(driver, "closed").await;
    let one = format!("/messages/{id}");
    for (method, path) in [
        (Method::GET, one.clone()),
        (Method::DELETE, one.clone()),
        (Method::GET, format!("{one}/versions")),
        (Method::PUT, format!("{one}/reactions/{THUMB}")),
        (Method::DELETE, format!("{one}/reactions/{THUMB}")),
        (Method::PUT, format!("{one}/pin")),
    ] {
        let refused = two.bob(method.clone(), &path, Value::Null).await;
        let found = (refused.status.as_u16(), refused.json()["code"].clone());
        assert_eq!(found, (404, json!("message_not_found")), "{method} {path}");
    }
    let pins = two.bob(Method::GET, "/rooms/tea/pins", Value::Null).await;
    assert_eq!(pins.json()["code"], "room_not_found");
}

async fn each_change_of_people_is_done_once_under_its_name(driver: Driver) {
    let (two, _) = Two::open(driver, "open").await;
    let me = two.ann(Method::GET, "/me", Value::Null).await.json()["user"]["id"].clone();
    let (mine, anns) = ("/rooms/tea/members/me", format!("/rooms/tea/members/{me}"));
    let name = |name: &str| json!({ "name": name });
    // Each is undone by the next one; a repeat of the first does not do it again.
    let rows = [
        ("a", &two.bob, Method::DELETE, mine, Value::Null),
        ("b", &two.bob, Method::PUT, mine, Value::Null),
        ("c", &two.ann, Method::DELETE, mine, Value::Null),
        ("d", &two.bob, Method::PUT, &*anns, Value::Null),
        ("e", &two.ann, Method::PATCH, "/me", name("eve")),
        ("f", &two.ann, Method::PATCH, "/me", name("ann")),
    ];
    let before = two.events().await.len();
    for _ in 0..2 {
        for (key, bearer, method, path, body) in rows.clone() {
            let key = [("idempotency-key", key)];
            let done = two.call(bearer, method, path, body, &key).await;
            assert!(done.status.is_success(), "{path}: {}", done.body);
        }
        // The new names are no events of the room.
        assert_eq!(two.events().await.len(), before + 4);
    }
    for (key, method, path, body) in
        [("a", Method::PUT, mine, Value::Null), ("b", Method::PATCH, "/me", name("bob"))]
    {
        let key = [("idempotency-key", key)];
        let done = two.call(&two.bob, method, path, body, &key).await;
        let code = done.json()["code"].clone();
        assert_eq!((done.status, code), (StatusCode::CONFLICT, json!("request_id_reused")));
    }
}
