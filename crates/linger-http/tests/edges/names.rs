//! The second and third seed protocols: `/get_name`, `/send_message`,
//! `/get_all_message`, `/get_new_message`.
//!
//! Here: short forms of the calls, names, the list, and who is who. Waiting and
//! refusals have files of their own.

mod refusals;
mod waits;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, hasty, request},
};

over_both_drivers!(
    a_name_is_chinese_and_followed_by_a_fresh_uuid,
    a_message_is_listed_with_its_time_and_tag_word_for_word,
    a_time_is_a_text_or_a_number_or_else_the_servers,
    the_list_has_the_latest_100_messages_oldest_first,
    a_stranger_comes_in_by_speaking_or_by_asking_and_is_one_person_ever_after,
    a_user_of_another_protocol_is_listed_under_an_id_that_stays_the_same,
    a_public_uuid_is_no_key_to_the_native_api,
    a_body_is_json_whatever_its_content_type_says,
);

/// Short forms of the calls.
impl Stage {
    async fn get_name(&self) -> String {
        let answer = self.json("/get_name", &json!(null)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json().as_str().unwrap().to_owned()
    }

    fn send_message(
        &self,
        username: &str,
        message: &str,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let body =
            json!({ "username": username, "message": message, "time": "2026-11-21 18:00:00" });
        let answering = self.json("/send_message", &body);
        async {
            let answer = answering.await;
            assert_eq!(answer.body, r#"{"status":1,"error":"","message":""}"#);
            answer
        }
    }

    fn get_new_message(&self, username: &str) -> impl Future<Output = Answer> + Send + use<> {
        self.json("/get_new_message", &json!({ "username": username }))
    }

    async fn get_all_message(&self) -> Vec<Value> {
        self.json("/get_all_message", &json!(null)).await.json().as_array().unwrap().clone()
    }

    /// Reads until there is no more, and returns the texts.
    async fn read_all(&self, username: &str) -> Vec<String> {
        let mut read = Vec::new();
        while let Some(text) = told(&self.get_new_message(username).await) {
            read.push(text);
        }
        read
    }
}

/// The answer of `/get_new_message`: a text, or none when there was no news.
fn told(answer: &Answer) -> Option<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let told = answer.json();
    if told["status"] == 0 {
        assert_eq!(answer.body, r#"{"status":0,"error":"没有新消息","message":""}"#);
        return None;
    }
    assert_eq!((&told["status"], &told["error"]), (&json!(1), &json!("")));
    Some(told["message"]["message"].as_str().unwrap().to_owned())
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn a_name_is_chinese_and_followed_by_a_fresh_uuid(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (one, two) = (stage.get_name().await, stage.get_name().await);
    for username in [&one, &two] {
        let (name, id) = username.rsplit_once("==").unwrap();
        assert!(name.contains('的'), "{name}");
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
    }
    assert_ne!(one, two);
}

async fn a_message_is_listed_with_its_time_and_tag_word_for_word(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.get_name().await;
    stage.send_message(&ann, "你好 <b>").await;
    let (name, id) = ann.rsplit_once("==").unwrap();
    let time = "2026-11-21 18:00:00";
    let expected = json!({ "username": name, "message": "你好 <b>", "time": time, "tag": format!("{id}{time}") });
    assert_eq!(stage.get_all_message().await, [expected]);
}

async fn a_time_is_a_text_or_a_number_or_else_the_servers(driver: Driver) {
    let stage = Stage::open(driver).await;
    let cases = [
        ("a text", json!("18:00"), Some("18:00")),
        ("an empty text", json!(""), Some("")),
        ("JavaScript's Date.now()", json!(1_795_255_200_123_u64), Some("1795255200123")),
        ("a fraction", json!(1.5), Some("1.5")),
        ("none", json!(null), None),
    ];
    for (case, time, expected) in cases {
        let body = json!({ "username": "ann==u-1", "message": case, "time": time });
        assert_eq!(stage.json("/send_message", &body).await.status, StatusCode::OK, "{case}");
        let last = stage.get_all_message().await.pop().unwrap();
        let time = last["time"].as_str().unwrap();
        match expected {
            Some(expected) => assert_eq!(time, expected, "{case}"),
            None => assert_eq!(
                (time.len(), &time[10..11], time.matches(':').count()),
                (19, " ", 2),
                "{time}"
            ),
        }
        assert_eq!(last["tag"], format!("u-1{time}"), "{case}");
    }
}

async fn the_list_has_the_latest_100_messages_oldest_first(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.get_name().await;
    for number in 0..105 {
        stage.send_message(&ann, &number.to_string()).await;
    }
    let texts: Vec<_> =
        stage.get_all_message().await.iter().map(|message| message["message"].clone()).collect();
    assert_eq!(texts, numbered(5..105));
}

async fn a_stranger_comes_in_by_speaking_or_by_asking_and_is_one_person_ever_after(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    assert_eq!(stage.read_all("bob==u-2").await, [""; 0]);
    let sends: Vec<_> = (0..8)
        .map(|number| tokio::spawn(stage.send_message("ann==u-1", &number.to_string())))
        .collect();
    for send in sends {
        send.await.unwrap();
    }
    // Two names for one id, at the same time: only the id counts.
    let (one, two) =
        tokio::join!(stage.send_message("cleo==u-3", "x"), stage.send_message("chloe==u-3", "y"));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    let listed = stage.get_all_message().await;
    let names_of = |id: &str| {
        let of_id =
            listed.iter().filter(|message| message["tag"].as_str().unwrap().starts_with(id));
        of_id.map(|message| message["username"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names_of("u-1"), ["ann"; 8]);
    let cleo = names_of("u-3");
    assert_eq!(cleo, [cleo[0]; 2]);
    assert_eq!(stage.read_all("bob==u-2").await.len(), 10);
}

async fn a_user_of_another_protocol_is_listed_under_an_id_that_stays_the_same(driver: Driver) {
    let stage = Stage::open(driver).await;
    let guest = stage.json("/api/v1/guests", &json!({ "name": "bob" })).await;
    let bob = guest.cookie();
    for text in ["one", "two"] {
        stage.form("/new", &format!("msg={text}"), &[("cookie", &bob)]).await;
    }
    let listed = stage.get_all_message().await;
    let id =
        format!("00000000-0000-8000-8000-{:012x}", guest.json()["user"]["id"].as_u64().unwrap());
    for (message, text) in listed.iter().zip(["one", "two"]) {
        let time = message["time"].as_str().unwrap();
        let expected = json!({ "username": "bob", "message": text, "time": time, "tag": format!("{id}{time}") });
        assert_eq!(*message, expected);
    }
    assert!(!listed.is_empty());
}

async fn a_public_uuid_is_no_key_to_the_native_api(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.get_name().await;
    let (_, id) = ann.rsplit_once("==").unwrap();
    for token in [ann.as_bytes(), id.as_bytes()] {
        let bearer = [b"Bearer ".as_slice(), token].concat();
        let mut me = request(Method::GET, "/api/v1/me", "", &[]);
        me.headers_mut()
            .insert("authorization", axum::http::HeaderValue::from_bytes(&bearer).unwrap());
        assert_eq!(stage.send(me).await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = stage.json("/get_name", &json!(null)).await;
    assert_eq!(answer.header("set-cookie"), "");
}

async fn a_body_is_json_whatever_its_content_type_says(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let body = r#"{"username":"ann==u-1","message":"x"}"#;
        let headers = [("content-type", content_type)];
        let answer = stage.send(request(Method::POST, "/send_message", body, &headers)).await;
        assert_eq!(answer.status, StatusCode::OK, "{content_type}: {}", answer.body);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}
