//! `GET /api/v1/rooms/{room}/messages`: the newest messages, and those at a place.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, request},
};

over_both_drivers!(
    a_page_is_asked_before_after_or_around_a_message_or_around_a_number,
    a_page_has_one_place_and_a_place_is_a_number,
    of_a_closed_room_only_the_own_stay_is_shown_at_any_place,
);

/// A stage with somebody who speaks.
struct Spoken {
    stage: Stage,
    bearer: String,
}

impl Spoken {
    /// Ann has said 1 to 10 in a room of this kind, which she opened with event #1.
    async fn open(driver: Driver, kind: &str) -> Spoken {
        let stage = Stage::open(driver).await;
        let bearer = guest(&stage, "ann").await.1;
        let spoken = Spoken { stage, bearer };
        spoken.change(Method::POST, "", &json!({ "slug": "tea", "kind": kind })).await;
        for number in 1..=10 {
            spoken.say(&number.to_string()).await;
        }
        spoken
    }

    async fn change(&self, method: Method, path: &str, body: &Value) -> Value {
        let headers = [("authorization", self.bearer.as_str())];
        let path = format!("/api/v1/rooms{path}");
        let asked = request(method, &path, &body.to_string(), &headers);
        let answer = self.stage.send(asked).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Returns the id of the message.
    async fn say(&self, text: &str) -> u64 {
        let said = self.change(Method::POST, "/tea/messages", &json!({ "text": text })).await;
        said["message"]["id"].as_u64().unwrap()
    }

    /// Returns the ids of the messages so far, by their texts.
    async fn ids(&self) -> impl Fn(&str) -> u64 {
        let messages = self.read(&self.bearer, "limit=200").await["messages"].clone();
        move |text| {
            let mut messages = messages.as_array().unwrap().iter();
            let message = messages.find(|message| message["text"] == text).unwrap();
            message["id"].as_u64().unwrap()
        }
    }

    async fn read(&self, bearer: &str, query: &str) -> Value {
        let headers = [("authorization", bearer)];
        let path = format!("/api/v1/rooms/tea/messages?{query}");
        let answer = self.stage.get(&path, &headers[..usize::from(!bearer.is_empty())]).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.json()
    }

    /// Returns the texts of a page, and which neighbours it says there are: `<` for older
    /// ones, `>` for newer ones, `?` where it does not say.
    async fn told(&self, bearer: &str, query: &str) -> String {
        let page = self.read(bearer, query).await;
        let messages = page["messages"].as_array().unwrap().iter();
        let texts: Vec<_> = messages.map(|message| message["text"].as_str().unwrap()).collect();
        let older = if page["more"].as_bool().unwrap() { "< " } else { "" };
        let newer = match page.get("more_after") {
            None => " ?",
            Some(more) if more.as_bool().unwrap() => " >",
            Some(_) => "",
        };
        format!("{older}{}{newer}", texts.join(" "))
    }
}

/// Makes a guest, and returns their id and their bearer token.
async fn guest(stage: &Stage, name: &str) -> (u64, String) {
    let guest = stage.json("/api/v1/guests", &json!({ "name": name })).await.json();
    let bearer = format!("Bearer {}", guest["token"].as_str().unwrap());
    (guest["user"]["id"].as_u64().unwrap(), bearer)
}

async fn a_page_is_asked_before_after_or_around_a_message_or_around_a_number(driver: Driver) {
    let ann = Spoken::open(driver, "open").await;
    let id = ann.ids().await;
    let [first, fifth, last] = ["1", "5", "10"].map(&id);
    let beyond = 9_007_199_254_740_991_u64;
    let rows = [
        ("limit=3".to_owned(), "< 8 9 10 ?"),
        (String::new(), "1 2 3 4 5 6 7 8 9 10 ?"),
        (format!("before={fifth}&limit=3"), "< 2 3 4 ?"),
        (format!("before={first}"), " ?"),
        (format!("after={fifth}&limit=3"), "< 6 7 8 >"),
        (format!("after={fifth}&limit=5"), "< 6 7 8 9 10"),
        (format!("after={last}"), "< "),
        ("after=0&limit=2".to_owned(), "1 2 >"),
        (format!("after={beyond}"), "< "),
        (format!("around={fifth}&limit=1"), "< 5 >"),
        (format!("around={fifth}&limit=4"), "< 3 4 5 6 >"),
        (format!("around={fifth}&limit=5"), "< 3 4 5 6 7 >"),
        (format!("around={first}&limit=4"), "1 2 3 4 >"),
        (format!("around={last}&limit=4"), "< 7 8 9 10"),
        (format!("around={fifth}"), "1 2 3 4 5 6 7 8 9 10"),
        // Nobody said anything with this id: the place where it would be.
        ("around=0&limit=2".to_owned(), "1 2 >"),
        (format!("around={beyond}&limit=2"), "< 9 10"),
        // The room was opened with #1, so the first message is #2.
        ("around_number=6&limit=4".to_owned(), "< 3 4 5 6 >"),
        ("around_number=1&limit=2".to_owned(), "1 2 >"),
        (format!("around_number={beyond}&limit=2"), "< 9 10"),
    ];
    for bearer in [&*ann.bearer, ""] {
        for (query, expected) in &rows {
            assert_eq!(ann.told(bearer, query).await, *expected, "{query}");
        }
    }
}

async fn a_page_has_one_place_and_a_place_is_a_number(driver: Driver) {
    let ann = Spoken::open(driver, "open").await;
    for query in [
        "before=5&after=5",
        "before=5&around=5",
        "after=5&around=5",
        "around=5&around_number=5",
        "before=5&around_number=5",
        "after=tea",
        "around=-1",
        "around_number=0",
        "around_number=9007199254740992",
        "after=5&limit=201",
    ] {
        let answer = ann.stage.get(&format!("/api/v1/rooms/tea/messages?{query}"), &[]).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (400, &json!("malformed")),
            "{query}"
        );
    }
}

async fn of_a_closed_room_only_the_own_stay_is_shown_at_any_place(driver: Driver) {
    let ann = Spoken::open(driver, "closed").await;
    let (id_of_bob, bob) = guest(&ann.stage, "bob").await;
    let (_, cleo) = guest(&ann.stage, "cleo").await;
    ann.change(Method::PUT, &format!("/tea/members/{id_of_bob}"), &Value::Null).await;
    for text in ["11", "12"] {
        ann.say(text).await;
    }
    let leave =
        request(Method::DELETE, "/api/v1/rooms/tea/members/me", "", &[("authorization", &bob)]);
    assert_eq!(ann.stage.send(leave).await.status, 204);
    ann.say("13").await;
    let id = ann.ids().await;
    let [fifth, eleventh, last] = ["5", "11", "13"].map(&id);
    for (query, expected) in [
        (format!("after={fifth}"), "11 12"),
        (format!("around={fifth}"), "11 12"),
        (format!("after={eleventh}"), "< 12"),
        (format!("around={eleventh}&limit=1"), "11 >"),
        (format!("around={last}"), "11 12"),
        (format!("after={last}"), "< "),
        ("around_number=3".to_owned(), "11 12"),
        ("around_number=999&limit=1".to_owned(), "< 12"),
        ("after=0".to_owned(), "11 12"),
    ] {
        assert_eq!(ann.told(&bob, &query).await, expected, "{query}");
    }
    for query in ["after=0", "around=5", "around_number=5"] {
        let path = format!("/api/v1/rooms/tea/messages?{query}");
        for headers in [&[][..], &[("authorization", cleo.as_str())]] {
            assert_eq!(ann.stage.get(&path, headers).await.status, 404, "{query}");
        }
    }
}
