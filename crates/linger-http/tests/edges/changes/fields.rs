//! The fields of a message and of what becomes of it, one by one: those of the contract are
//! there, where it has them, and no others.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{THUMB, Two};
use crate::drivers::{Driver, over_both_drivers};

over_both_drivers!(
    a_message_has_the_fields_of_the_contract_and_no_others,
    emoji_stand_in_the_order_in_which_each_came_and_twenty_are_the_most,
    the_last_pinned_message_is_the_first_in_the_list,
);

const TEA: &str = "%F0%9F%8D%B5";

/// Returns the names of an object's fields, in the order of the alphabet.
fn fields(object: &Value) -> Vec<&str> {
    let object = object.as_object().unwrap_or_else(|| panic!("{object}"));
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

impl Two {
    async fn says(&self, sent: Value) -> Value {
        let said = self.ann(Method::POST, "/rooms/tea/messages", sent).await;
        assert_eq!(said.status, StatusCode::CREATED, "{}", said.body);
        said.json()["message"].clone()
    }

    async fn does(&self, method: Method, path: &str) -> StatusCode {
        self.bob(method, path, Value::Null).await.status
    }
}

async fn a_message_has_the_fields_of_the_contract_and_no_others(driver: Driver) {
    let (two, one) = Two::open(driver, "open").await;
    let long = "a ".repeat(100);
    let quoted = two.says(json!({ "text": long })).await;
    assert_eq!(fields(&quoted), ["at", "by", "id", "number", "room", "text"]);
    assert_eq!(fields(&quoted["by"]), ["id", "name"]);
    let file = two.ann(Method::POST, "/files?name=list.txt", json!("Sencha")).await.json();
    assert_eq!(fields(&file["file"]), ["id", "name", "size", "type"]);
    let sent = json!({
        "text": "**two**", "format": "markdown",
        "reply_to": quoted["id"], "files": [file["file"]["id"]],
    });
    let said = two.ann(Method::PUT, "/rooms/tea/messages/mine", sent).await.json();
    let path = format!("/messages/{}", said["message"]["id"]);
    for deed in [format!("{path}/reactions/{THUMB}"), format!("{path}/pin")] {
        assert_eq!(two.does(Method::PUT, &deed).await, StatusCode::NO_CONTENT);
    }
    let changed = json!({ "text": "_three_", "format": "markdown" });
    two.ann(Method::PATCH, &path, changed).await;
    let id = said["message"]["id"].as_u64().unwrap();
    let whole = two.message(id).await;
    let all = [
        "at",
        "by",
        "edited_at",
        "entities",
        "files",
        "id",
        "number",
        "pinned",
        "reactions",
        "reply_to",
        "request_id",
        "room",
        "text",
    ];
    assert_eq!(fields(&whole), all);
    assert_eq!(whole["request_id"], "mine");
    assert_eq!(whole["entities"], json!([{ "type": "italic", "offset": 0, "length": 5 }]));
    assert_eq!(whole["files"], json!([file["file"]]));
    assert_eq!(fields(&whole["reactions"][0]), ["by", "emoji"]);
    assert_eq!(fields(&whole["reply_to"]), ["by", "id", "number", "text"]);
    assert_eq!(whole["reply_to"]["text"].as_str().unwrap().chars().count(), 120);
    let versions = two.ann(Method::GET, &format!("{path}/versions"), Value::Null).await.json();
    for version in versions["versions"].as_array().unwrap() {
        assert_eq!(fields(version), ["at", "entities", "text"]);
    }
    // History, the events, and the message by its id are the same form.
    let page = two.ann(Method::GET, "/rooms/tea/messages?limit=1", Value::Null).await.json();
    assert_eq!(page["messages"], json!([whole]));

    two.ann(Method::DELETE, &format!("/messages/{}", quoted["id"]), Value::Null).await;
    let reply_to = two.message(id).await["reply_to"].clone();
    assert_eq!(fields(&reply_to), ["by", "deleted", "id", "number"]);
    two.ann(Method::DELETE, &path, Value::Null).await;
    let left = ["at", "by", "deleted", "id", "number", "request_id", "room"];
    assert_eq!(fields(&two.message(id).await), left);
    two.ann(Method::PATCH, "/rooms/tea", json!({ "topic": "Green or black" })).await;
    let events = two.events().await;
    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap();
    let frame = |own: &[&'static str]| {
        let mut names = [&["at", "by", "number", "position", "room", "type"], own].concat();
        names.sort_unstable();
        names
    };
    for (kind, own) in [
        ("message_sent", &["message"][..]),
        ("message_edited", &["message"]),
        ("message_deleted", &["message"]),
        ("reaction_added", &["emoji", "message_id"]),
        ("message_pinned", &["message_id"]),
        ("room_changed", &["changed"]),
    ] {
        assert_eq!(fields(of(kind)), frame(own), "{kind}");
    }
    let changed = ["id", "kind", "members", "name", "topic"];
    assert_eq!(fields(&of("room_changed")["changed"]), changed);
    let room = two.ann(Method::GET, "/rooms/tea", Value::Null).await.json();
    let all = ["id", "kind", "last_number", "members", "name", "slug", "topic"];
    assert_eq!((fields(&room), &room["topic"]), (all.to_vec(), &json!("Green or black")));
    // The first message was left alone.
    assert_eq!(fields(&two.message(one).await), fields(&quoted));
}

async fn emoji_stand_in_the_order_in_which_each_came_and_twenty_are_the_most(driver: Driver) {
    let (two, id) = Two::open(driver, "open").await;
    let path = |emoji: &str| format!("/messages/{id}/reactions/{emoji}");
    let order = async || {
        let reactions = two.message(id).await["reactions"].clone();
        let emoji = |it: &Value| it["emoji"].as_str().unwrap().to_owned();
        reactions.as_array().unwrap().iter().map(emoji).collect::<Vec<_>>()
    };
    for emoji in [THUMB, TEA] {
        assert_eq!(two.does(Method::PUT, &path(emoji)).await, StatusCode::NO_CONTENT);
    }
    two.ann(Method::PUT, &path(THUMB), Value::Null).await;
    two.does(Method::DELETE, &path(THUMB)).await;
    assert_eq!(order().await, ["👍", "🍵"], "ann's keeps its place");
    two.ann(Method::DELETE, &path(THUMB), Value::Null).await;
    two.does(Method::PUT, &path(THUMB)).await;
    assert_eq!(order().await, ["🍵", "👍"], "it came again");
    // The eighteen faces from U+1F600 on.
    for face in 0x80..0x92 {
        let emoji = format!("%F0%9F%98%{face:02X}");
        assert_eq!(two.does(Method::PUT, &path(&emoji)).await, StatusCode::NO_CONTENT);
    }
    let refused = two.bob(Method::PUT, &path("%F0%9F%98%A0"), Value::Null).await;
    let code = refused.json()["code"].clone();
    assert_eq!((refused.status.as_u16(), code), (409, json!("too_many_reactions")));
    two.ann(Method::PUT, &path(TEA), Value::Null).await;
    assert_eq!(order().await.len(), 20);
}

async fn the_last_pinned_message_is_the_first_in_the_list(driver: Driver) {
    let (two, one) = Two::open(driver, "open").await;
    let other = two.says(json!({ "text": "two" })).await["id"].as_u64().unwrap();
    for id in [other, one] {
        two.does(Method::PUT, &format!("/messages/{id}/pin")).await;
    }
    let pins = two.ann(Method::GET, "/rooms/tea/pins", Value::Null).await.json();
    let ids: Vec<_> = pins["messages"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, [&json!(one), &json!(other)]);
    assert!(two.does(Method::DELETE, "/rooms/tea/members/me").await.is_success());
    let refused = two.bob(Method::DELETE, &format!("/messages/{one}/pin"), Value::Null).await;
    let code = refused.json()["code"].clone();
    assert_eq!((refused.status.as_u16(), code), (403, json!("not_a_member")));
}
