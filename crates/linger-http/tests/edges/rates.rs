//! Every call that changes something counts against a quota, in each dialect. The
//! quotas themselves are tested in linger-serve.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, hasty, request},
};

over_both_drivers!(whoever_changes_something_all_the_time_is_told_to_come_back);

/// More calls than any quota allows at once, with those that are granted meanwhile.
const CALLS_MAX: usize = 2000;

/// The changing calls of the native API, as its document names them, with a path and
/// a body for the call of this number.
const NATIVE: [(&str, &str, &str); 16] = [
    ("patch", "/me", r#"{"name":"n$"}"#),
    ("post", "/rooms", r#"{"slug":"r$"}"#),
    ("put", "/rooms/{room}/members/me", ""),
    ("delete", "/rooms/{room}/members/me", ""),
    ("put", "/rooms/{room}/members/{user}", ""),
    ("put", "/rooms/{room}/messages/{request_id}", r#"{"text":"hello"}"#),
    ("post", "/rooms/{room}/messages", r#"{"text":"hello"}"#),
    ("patch", "/messages/{id}", r#"{"text":"hello $"}"#),
    ("delete", "/messages/{id}", ""),
    ("put", "/messages/{id}/reactions/{emoji}", ""),
    ("delete", "/messages/{id}/reactions/{emoji}", ""),
    ("put", "/messages/{id}/pin", ""),
    ("delete", "/messages/{id}/pin", ""),
    ("patch", "/rooms/{room}", r#"{"topic":"t$"}"#),
    ("post", "/files", "hello"),
    // The last one, because no guest can be made after it.
    ("post", "/guests", "{}"),
];
/// Calls of the native API that go on with something that was counted when it began. (The
/// beginning of an upload is counted as a file; it needs headers of its own.)
const COUNTED_BEFORE: [(&str, &str); 3] =
    [("post", "/uploads"), ("patch", "/uploads/{upload}"), ("delete", "/uploads/{upload}")];
/// The calls of the other dialects that change something. Their others only read.
const OTHERS: [(&str, &str); 4] = [
    ("/r/lobby", "hello"),
    ("/new", "msg=hello"),
    ("/send_message", r#"{"username":"ann==u-1","message":"hello"}"#),
    ("/get_name", "{}"),
];

async fn whoever_changes_something_all_the_time_is_told_to_come_back(driver: Driver) {
    let stage = Stage::open_with(driver, hasty().with(|it| it.app.rate_limits = true)).await;
    let ann = stage.json("/api/v1/guests", &json!({})).await.json();
    let ann = format!("Bearer {}", ann["token"].as_str().unwrap());
    let headers = [("authorization", ann.as_str())];
    let said = request(Method::POST, "/api/v1/rooms/lobby/messages", r#"{"text":"hi"}"#, &headers);
    let id = stage.send(said).await.json()["message"]["id"].to_string();
    let native = NATIVE.map(|(method, path, body)| {
        let path =
            path.replace("{room}", "lobby").replace("{user}", "3").replace("{request_id}", "$");
        let path = path.replace("{id}", &id).replace("{emoji}", "%F0%9F%91%8D");
        (method.to_uppercase(), format!("/api/v1{path}"), body)
    });
    let others = OTHERS.map(|(path, body)| ("POST".to_owned(), path.to_owned(), body));
    let [first @ .., guests] = native;
    let [text, new, send, get_name] = others;
    for (method, path, body) in first.into_iter().chain([text, new, send, guests, get_name]) {
        // A new person for each call, since calls of one kind share a quota.
        let guest = stage.json("/api/v1/guests", &json!({})).await.json();
        let bearer = format!("Bearer {}", guest["token"].as_str().unwrap_or("none"));
        let method: Method = method.parse().unwrap();
        let mut calls = 0;
        loop {
            let [path, body] = [path.as_str(), body].map(|it| it.replace('$', &calls.to_string()));
            let headers = [("authorization", bearer.as_str())];
            let answer = stage.send(request(method.clone(), &path, &body, &headers)).await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                let retry_after = answer.header("retry-after").parse::<u64>();
                assert!(retry_after.is_ok_and(|it| it > 0), "{method} {path}");
                break;
            }
            assert!(answer.status.as_u16() < 404, "{method} {path}: {}", answer.body);
            calls += 1;
            assert!(calls < CALLS_MAX, "{method} {path} is not counted");
        }
    }
}

#[test]
fn the_list_of_changing_calls_has_all_of_them() {
    let document: Value = serde_json::from_str(&linger_http::openapi()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, calls) in document["paths"].as_object().unwrap() {
        let reads = ["get", "head", "options"];
        let methods = calls.as_object().unwrap().keys();
        let methods = methods.filter(|method| !reads.contains(&method.as_str()));
        documented.extend(methods.map(|method| (method.clone(), path.clone())));
    }
    let listed = NATIVE.iter().map(|(method, path, _)| (*method, *path)).chain(COUNTED_BEFORE);
    let listed = listed.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(listed.collect::<BTreeSet<_>>(), documented);
}
