//! The OpenAPI document: it names every call of the contract, and no reference in it
//! is broken.
//!
//! It is no validator: it checks what client generators trip over first. The tests of
//! linger-http check that answers have the shapes which it promises.

use serde_json::Value;

use crate::process::{Folder, Program};

/// Every call of the contract.
const CALLS: [(&str, &str); 14] = [
    ("post", "/guests"),
    ("get", "/me"),
    ("patch", "/me"),
    ("get", "/rooms"),
    ("post", "/rooms"),
    ("get", "/rooms/{room}"),
    ("put", "/rooms/{room}/members/me"),
    ("delete", "/rooms/{room}/members/me"),
    ("put", "/rooms/{room}/members/{user}"),
    ("put", "/rooms/{room}/messages/{request_id}"),
    ("post", "/rooms/{room}/messages"),
    ("get", "/rooms/{room}/messages"),
    ("get", "/rooms/{room}/events"),
    ("get", "/events"),
];

#[test]
fn the_document_describes_every_call() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let answer = server.visitor().get("/api/v1/openapi.json");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert_eq!(document["servers"][0]["url"], "/api/v1");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());

    for (method, path) in CALLS {
        assert!(document["paths"][path][method].is_object(), "no {method} {path}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        let item = item.as_object().unwrap();
        for (method, operation) in item.iter().filter(|(key, _)| *key != "parameters") {
            check_operation(&format!("{method} {path}"), path, operation);
        }
    }
    check_references(&document, &document);
}

fn check_operation(call: &str, path: &str, operation: &Value) {
    let responses =
        operation["responses"].as_object().unwrap_or_else(|| panic!("{call}: {operation}"));
    assert!(responses.keys().any(|status| status.starts_with('2')), "{call} cannot succeed");
    for (status, response) in responses {
        assert!(response["description"].is_string(), "{call}: {status} has no description");
        // An answer to HEAD has no body.
        let is_failure = status.starts_with('4') || status.starts_with('5');
        if is_failure && !call.starts_with("head ") {
            let content = &response["content"]["application/problem+json"];
            assert!(content["schema"].is_object(), "{call}: {status} is no problem+json");
        }
    }
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let named: Vec<_> = parameters
        .iter()
        .filter(|parameter| parameter["in"] == "path")
        .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
        .collect();
    let expected: Vec<_> = path.split('/').filter(|part| part.starts_with('{')).collect();
    assert_eq!(named, expected, "{call}: the parameters of the path");
    assert!(operation["summary"].is_string(), "{call} has no summary");
}

/// Checks that every `$ref` is there.
fn check_references(document: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
                assert!(document.pointer(pointer).is_some(), "{reference} is nowhere");
            }
            fields.values().for_each(|value| check_references(document, value));
        }
        Value::Array(values) => values.iter().for_each(|value| check_references(document, value)),
        _ => {}
    }
}
