//! The events of the native API: `/api/v1/rooms/{room}/events` and
//! `/api/v1/events`, as polls and as streams.
//!
//! Here: short forms of the calls, and checks for every page and every problem. The
//! tests are in files of their own.

mod behind;
mod looking;
mod mine;
mod pages;
mod refusals;
mod streams;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Answer, Stage, header_lines, request};

const TEA: &str = "/api/v1/rooms/tea/events";
const LOBBY: &str = "/api/v1/rooms/lobby/events";
const MINE: &str = "/api/v1/events";

/// Somebody with a session.
#[derive(Clone)]
struct Guest {
    id: u64,
    bearer: String,
    cookie: String,
}

/// Short forms of the calls.
impl Stage {
    async fn guest(&self, name: &str) -> Guest {
        let answer = self.json("/api/v1/guests", &json!({ "name": name })).await;
        let guest = answer.json();
        let bearer = format!("Bearer {}", guest["token"].as_str().unwrap());
        Guest { id: guest["user"]["id"].as_u64().unwrap(), bearer, cookie: answer.cookie() }
    }

    /// Makes a change as this guest.
    async fn change(&self, guest: &Guest, method: Method, path: &str, body: &Value) -> Value {
        let headers = [("authorization", guest.bearer.as_str())];
        let path = format!("/api/v1{path}");
        let answer = self.send(request(method, &path, &body.to_string(), &headers)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn open_room(&self, guest: &Guest, slug: &str, kind: &str) {
        let room = json!({ "slug": slug, "kind": kind });
        self.change(guest, Method::POST, "/rooms", &room).await;
    }

    async fn join(&self, guest: &Guest, slug: &str) {
        let path = format!("/rooms/{slug}/members/me");
        self.change(guest, Method::PUT, &path, &Value::Null).await;
    }

    async fn say_in(&self, guest: &Guest, slug: &str, text: &str) {
        let path = format!("/rooms/{slug}/messages");
        self.change(guest, Method::POST, &path, &json!({ "text": text })).await;
    }

    /// Asks for events as this guest.
    fn events(&self, guest: &Guest, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        self.get(path, &[("authorization", &guest.bearer)])
    }

    /// Follows the cursors from `cursor` on until `last` has come, and returns all events.
    fn follow(
        &self,
        guest: &Guest,
        path: &str,
        query: &str,
        mut cursor: String,
        last: &'static str,
    ) -> impl Future<Output = Vec<String>> + Send + use<> {
        let (entrance, guest) = (self.entrance.clone(), guest.clone());
        let (path, query) = (path.to_owned(), query.to_owned());
        async move {
            let mut all = Vec::new();
            while all.last().is_none_or(|line| line != last) {
                let path = format!("{path}?after={cursor}&{query}");
                let headers = [("authorization", guest.bearer.as_str())];
                let answer = entrance.send(request(Method::GET, &path, "", &headers)).await;
                let (lines, next) = told(&answer);
                all.extend(lines);
                cursor = next;
            }
            all
        }
    }

    /// The cursor after everything so far.
    fn latest(&self) -> String {
        self.node.latest().to_string()
    }
}

/// The events of a page, one a line, and the cursor. Checks the parts that every page has.
fn told(answer: &Answer) -> (Vec<String>, String) {
    check_page(answer, &[]);
    let page = answer.json();
    assert_eq!(page["reset"], Value::Null, "{page}");
    (lines(&page), page["cursor"].as_str().unwrap().to_owned())
}

/// The events of a page: the text of a message, the type of others.
fn lines(page: &Value) -> Vec<String> {
    let line = |event: &Value| {
        let text = event["message"]["text"].as_str();
        text.or(event["type"].as_str()).unwrap().to_owned()
    };
    page["events"].as_array().unwrap().iter().map(line).collect()
}

/// Checks the head of a page, with these headers besides those of every page.
fn check_page(answer: &Answer, more: &[&str]) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let mut expected = vec![
        "cache-control: no-store",
        "content-type: application/json",
        "vary: Accept, Prefer",
        "x-content-type-options: nosniff",
    ];
    expected.extend(more);
    expected.sort_unstable();
    assert_eq!(header_lines(&answer.headers), expected);
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let (_, last) = answer.body.rsplit_once(",\"cursor\":\"").unwrap();
    assert!(last.ends_with("\"}") && !last.contains(','), "the cursor is last: {}", answer.body);
}

/// Checks that an answer is this problem in the form of the native API.
fn check_problem(answer: &Answer, status: u16, code: &str, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.body);
    let mut expected = vec![
        "cache-control: no-store",
        "content-type: application/problem+json",
        "x-content-type-options: nosniff",
    ];
    match status {
        401 => expected.insert(2, "www-authenticate: Bearer"),
        503 => expected.insert(2, "retry-after: 1"),
        _ => {}
    }
    assert_eq!(header_lines(&answer.headers), expected, "{case}");
    let problem = answer.json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.len() > 10, "{case}: {detail}");
    let expected = json!({
        "type": "about:blank", "title": answer.status.canonical_reason().unwrap(),
        "status": status, "code": code, "detail": detail,
    });
    assert_eq!(problem, expected, "{case}");
}
