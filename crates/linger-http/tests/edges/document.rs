//! The OpenAPI document says what the server does: its answers, and its bounds.
//!
//! Answers are checked strictly: a field that the document does not have is a fault,
//! though clients must ignore those.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, request},
};

over_both_drivers!(
    every_answer_has_the_form_that_the_document_gives,
    every_bound_in_the_document_is_the_servers,
);

/// A stage with the document that it serves, and the token of a guest.
struct Documented {
    stage: Stage,
    document: Value,
    bearer: String,
}

impl Documented {
    async fn open(driver: Driver) -> Documented {
        let stage = Stage::open(driver).await;
        let document = stage.get("/api/v1/openapi.json", &[]).await.json();
        let mut open = Documented { stage, document, bearer: String::new() };
        let guest = open.call("post", "/guests", "/guests", json!({ "name": "ann" })).await;
        open.bearer = format!("Bearer {}", guest.json()["token"].as_str().unwrap());
        open
    }

    /// Makes one call; `pattern` is its address in the document.
    async fn call(&self, method: &str, pattern: &str, path: &str, body: Value) -> Answer {
        let answer = self.send(method, path, &body).await;
        let described = &self.document["paths"][pattern][method]["responses"];
        let response = &described[answer.status.as_str()];
        let call = format!("{method} {path}: {}", answer.status);
        assert!(response.is_object(), "{call} is not in the document: {}", answer.body);
        for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            // It is for our own page only, and these requests come from no page.
            let is_optional = name == "Set-Cookie";
            assert!(is_optional || answer.headers.contains_key(name), "{call} without {name}");
        }
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.body, "", "{call} has a body");
            return answer;
        };
        let content_type = answer.headers["content-type"].to_str().unwrap();
        let schema = &content.get(content_type).unwrap_or_else(|| panic!("{call}: {content_type}"))
            ["schema"];
        let errors = self.errors(schema, &answer.json());
        assert!(errors.is_empty(), "{call}: {errors:?}\n{}", answer.body);
        answer
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut headers = vec![("content-type", "application/json")];
        if !self.bearer.is_empty() {
            headers.push(("authorization", &self.bearer));
        }
        self.stage.send(request(method, &format!("/api/v1{path}"), &body, &headers)).await
    }

    fn errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut schemas = self.document["components"].clone();
        for schema in schemas["schemas"].as_object_mut().unwrap().values_mut() {
            schema["unevaluatedProperties"] =
                json!(schema["type"] != "object" && schema["allOf"].is_null());
        }
        let schema = json!({ "allOf": [schema], "components": schemas });
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    /// Returns the schema that a reference leads to.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let named = schema["oneOf"].as_array().and_then(|schemas| schemas.first());
        let schema = named.unwrap_or(schema);
        match schema["$ref"].as_str() {
            Some(reference) => self.document.pointer(&reference[1..]).unwrap(),
            None => schema,
        }
    }
}

async fn every_answer_has_the_form_that_the_document_gives(driver: Driver) {
    let ann = Documented::open(driver).await;
    let none = Value::Null;
    let tea = json!({ "slug": "tea", "topic": "green" });
    let den = json!({ "slug": "den", "kind": "closed" });
    let hello = json!({ "text": "hello" });
    const ROOM: &str = "/rooms/{room}";
    const ME: &str = "/rooms/{room}/members/me";
    const MEMBERS: &str = "/rooms/{room}/members";
    const MEMBER: &str = "/rooms/{room}/members/{user}";
    const PUT: &str = "/rooms/{room}/messages/{request_id}";
    const MESSAGES: &str = "/rooms/{room}/messages";
    const EVENTS: &str = "/rooms/{room}/events";
    let bob = ann.call("post", "/guests", "/guests", json!({})).await.json()["user"]["id"].clone();
    let add = format!("/rooms/den/members/{bob}");
    const ONE: &str = "/messages/{id}";
    const REACTION: &str = "/messages/{id}/reactions/{emoji}";
    ann.call("post", "/rooms", "/rooms", tea.clone()).await;
    let first = ann.call("post", MESSAGES, "/rooms/tea/messages", hello.clone()).await.json();
    let id = &first["message"]["id"];
    let one = format!("/messages/{id}");
    let rows = [
        ("post", "/rooms", "/rooms", &den, 201),
        ("post", "/rooms", "/rooms", &tea, 409),
        ("get", "/rooms", "/rooms", &none, 200),
        ("get", ROOM, "/rooms/den", &none, 200),
        ("get", ROOM, "/rooms/nowhere", &none, 404),
        ("get", "/rooms", "/rooms?after=lobby&limit=1", &none, 200),
        ("get", MEMBERS, "/rooms/den/members", &none, 200),
        ("put", ME, "/rooms/lobby/members/me", &none, 204),
        ("delete", ME, "/rooms/lobby/members/me", &none, 204),
        ("put", MEMBER, &add, &none, 204),
        ("put", MEMBER, "/rooms/den/members/somebody", &none, 400),
        ("put", PUT, "/rooms/tea/messages/a-1", &hello, 201),
        ("put", PUT, "/rooms/tea/messages/a-1", &hello, 200),
        ("put", PUT, "/rooms/tea/messages/a-1", &json!({ "text": "other" }), 409),
        ("put", PUT, "/rooms/tea/messages/a%20b", &hello, 400),
        ("post", MESSAGES, "/rooms/den/messages", &hello, 201),
        ("post", MESSAGES, "/rooms/den/messages", &json!({ "text": "\u{2800}" }), 400),
        ("get", ONE, &one, &none, 200),
        ("get", ONE, "/messages/1", &none, 404),
        ("get", ONE, "/messages/first", &none, 400),
        ("patch", ONE, &one, &json!({ "text": "hello!" }), 200),
        ("patch", ONE, "/messages/1", &hello, 404),
        ("get", "/messages/{id}/versions", &format!("{one}/versions"), &none, 200),
        ("put", REACTION, &format!("{one}/reactions/%F0%9F%91%8D"), &none, 204),
        ("put", REACTION, &format!("{one}/reactions/ok"), &none, 400),
        ("post", MESSAGES, "/rooms/tea/messages", &json!({ "text": "yes", "reply_to": id }), 201),
        ("post", MESSAGES, "/rooms/den/messages", &json!({ "text": "no", "reply_to": id }), 404),
        ("put", "/messages/{id}/pin", &format!("{one}/pin"), &none, 204),
        ("get", "/rooms/{room}/pins", "/rooms/tea/pins", &none, 200),
        ("get", MESSAGES, "/rooms/tea/messages", &none, 200),
        ("get", EVENTS, "/rooms/tea/events?after=start&wait=0", &none, 200),
        ("delete", "/messages/{id}/pin", &format!("{one}/pin"), &none, 204),
        ("delete", REACTION, &format!("{one}/reactions/%F0%9F%91%8D"), &none, 204),
        ("delete", ONE, &one, &none, 204),
        ("patch", ONE, &one, &hello, 409),
        ("get", ONE, &one, &none, 200),
        ("patch", ROOM, "/rooms/tea", &json!({ "name": "Tea", "topic": "black" }), 200),
        ("patch", ROOM, "/rooms/lobby", &json!({ "name": "Tea" }), 403),
        ("patch", "/me", "/me", &json!({ "name": "anna" }), 200),
        ("get", "/me", "/me", &none, 200),
        ("get", MESSAGES, "/rooms/tea/messages?limit=1", &none, 200),
        ("get", MESSAGES, "/rooms/tea/messages?after=1", &none, 200),
        ("get", MESSAGES, "/rooms/tea/messages?around_number=1", &none, 200),
        ("get", MESSAGES, "/rooms/tea/messages?around=1&after=1", &none, 400),
        ("get", EVENTS, "/rooms/tea/events?after=start&wait=0", &none, 200),
        ("get", "/events", "/events?after=start&wait=0", &none, 200),
        ("get", "/events", "/events?after=aaaaaaaaaa-1&wait=0", &none, 200),
        ("get", "/events", "/events?after=here", &none, 400),
        ("get", "/events", "/events?rooms=lobby&after=start&wait=0", &none, 200),
        ("get", "/events", "/events?rooms=lobby,nowhere", &none, 404),
    ];
    for (method, pattern, path, body, status) in rows {
        let answer = ann.call(method, pattern, path, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.body);
    }
    let anything = json!({ "slug": "s", "name": "n", "text": "t" });
    let visitor = Documented { bearer: String::new(), ..ann };
    for (path, pattern) in visitor.document["paths"].as_object().unwrap() {
        for (method, operation) in pattern.as_object().unwrap() {
            let takes_visitors = operation["security"].as_array().is_some_and(|ways| {
                ways.iter().any(|way| way.as_object().is_some_and(|way| way.is_empty()))
            });
            if !takes_visitors {
                let here = path.replace("{room}", "tea").replace("{user}", "1");
                let here = here.replace("{id}", "1").replace("{emoji}", "%F0%9F%91%8D");
                let here = here.replace("{request_id}", "a-2");
                let answer = visitor.call(method, path, &here, anything.clone()).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            }
        }
    }
}

async fn every_bound_in_the_document_is_the_servers(driver: Driver) {
    let ann = Documented::open(driver).await;
    // So that there are events, and no request is held.
    ann.send("put", "/rooms/lobby/members/me", &Value::Null).await;
    let mut checked = 0;
    for (path, item) in ann.document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let here = path.replace("{room}", "lobby").replace("{user}", "1");
            let here = here.replace("{request_id}", "a-1").replace("{id}", "1");
            let here = here.replace("{emoji}", "%F0%9F%91%8D");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let schema = ann.resolved(&parameter["schema"]);
                let name = parameter["name"].as_str().unwrap();
                if parameter["in"] != "query" || schema["maximum"].is_null() {
                    continue;
                }
                let [min, max] = ["minimum", "maximum"].map(|key| schema[key].as_f64().unwrap());
                for (value, is_in) in
                    [(min, true), (max, true), (min - 1.0, false), (max + 1.0, false)]
                {
                    // Readers from the start find events, and are not held.
                    let from = if path.ends_with("events") { "after=start&" } else { "" };
                    let asked = format!("{here}?{from}{name}={value}");
                    let answer = ann.send(method, &asked, &Value::Null).await;
                    let is_malformed = answer.status == StatusCode::BAD_REQUEST;
                    assert_eq!(!is_malformed, is_in, "{method} {asked}: {}", answer.body);
                    checked += 1;
                }
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let fields = ann.resolved(body)["properties"].as_object().cloned().unwrap_or_default();
            for (name, schema) in &fields {
                let Some(max) = ann.resolved(schema)["maxLength"].as_u64() else { continue };
                for (length, is_in) in [(max, true), (max + 1, false)] {
                    let mut sent = json!({ "slug": "s", "name": "n", "text": "t" });
                    sent[name] = "x".repeat(length as usize).into();
                    let answer = ann.send(method, &here, &sent).await;
                    let is_malformed = answer.status == StatusCode::BAD_REQUEST;
                    let call = format!("{method} {here} with {length} characters of {name}");
                    assert_eq!(!is_malformed, is_in, "{call}: {}", answer.body);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 38, "the document has lost bounds: {checked}");
}
