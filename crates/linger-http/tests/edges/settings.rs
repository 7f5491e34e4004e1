//! The operator's switches, and bodies whose type is not the one that they claim.

use axum::http::{Method, StatusCode};
use linger_serve::Hosts;
use serde_json::json;

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, hasty, patient, request},
};

over_both_drivers!(
    a_server_of_this_machine_answers_to_its_own_names_only,
    the_seed_protocols_can_be_switched_off,
    a_body_that_is_compressed_is_refused_with_the_reason,
    a_body_that_is_no_form_is_told_so,
);

/// Some of these are served by the park, and some are not.
const PATHS: [&str; 5] =
    ["/api/v1/rooms/lobby/events?wait=0", "/api/v1/rooms", "/health", "/metrics", "/nothing"];

async fn a_server_of_this_machine_answers_to_its_own_names_only(driver: Driver) {
    let hosts: Hosts = "chat.example".parse().unwrap();
    let stage = Stage::open_with(driver, patient().with(|it| it.app.hosts = hosts)).await;
    for path in PATHS {
        for host in ["localhost:8080", "a.localhost", "127.0.0.1:80", "[::1]:80", "Chat.Example"] {
            let answer = stage.get(path, &[("host", host)]).await;
            assert_ne!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{path} at {host}");
        }
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example"] {
            let answer = stage.get(path, &[("host", host)]).await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{path} at {host}");
            assert_eq!(answer.json()["code"], "unknown_host", "{path}");
            assert!(answer.json()["detail"].as_str().unwrap().contains("--hosts"), "{path}");
        }
    }
}

async fn the_seed_protocols_can_be_switched_off(driver: Driver) {
    let settings = hasty().with(|it| it.dialects.seed_protocols = false);
    let stage = Stage::open_with(driver, settings).await;
    let username = json!({ "username": "ann==u-1", "message": "x" }).to_string();
    let calls = [
        ("/get_name", "{}"),
        ("/send_message", &username),
        ("/get_all_message", "{}"),
        ("/get_new_message", &username),
        ("/new", "msg=x"),
        ("/update", "cursor="),
    ];
    for (path, body) in calls {
        for method in [Method::POST, Method::OPTIONS] {
            let answer = stage.send(request(method, path, body, &[])).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
    assert_eq!(stage.get("/api/v1/rooms", &[]).await.status, StatusCode::OK);
}

async fn a_body_that_is_compressed_is_refused_with_the_reason(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    let guest = stage.json("/api/v1/guests", &json!({})).await.json();
    let bearer = format!("Bearer {}", guest["token"].as_str().unwrap());
    let calls = [
        (Method::POST, "/api/v1/guests"),
        (Method::POST, "/api/v1/rooms/lobby/messages"),
        (Method::PUT, "/api/v1/rooms/lobby/messages/m1"),
        (Method::POST, "/new"),
        (Method::POST, "/update"),
        (Method::POST, "/send_message"),
        (Method::POST, "/get_new_message"),
    ];
    for (method, path) in calls {
        for coding in ["gzip", "br", "identity, gzip"] {
            let headers = [("content-encoding", coding), ("authorization", bearer.as_str())];
            let answer = stage.send(request(method.clone(), path, "\u{1f}\u{8b}", &headers)).await;
            assert_eq!(
                answer.status,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "{path}: {}",
                answer.body
            );
            assert!(answer.body.contains("Content-Encoding"), "{path}: {}", answer.body);
        }
    }
    let body = json!({ "text": "hello" }).to_string();
    let headers = [("content-encoding", "Identity"), ("authorization", bearer.as_str())];
    let sent = request(Method::POST, "/api/v1/rooms/lobby/messages", &body, &headers);
    assert_eq!(stage.send(sent).await.status, StatusCode::CREATED);
}

async fn a_body_that_is_no_form_is_told_so(driver: Driver) {
    let stage = Stage::open(driver).await;
    for (body, kind) in [
        (r#"{"msg":"x"}"#, "JSON"),
        (" [1]", "JSON"),
        ("--x\r\nContent-Disposition: form-data; name=\"msg\"\r\n\r\nx\r\n--x--", "multipart"),
    ] {
        for content_type in ["application/json", "application/x-www-form-urlencoded"] {
            let headers = [("content-type", content_type)];
            let answer = stage.send(request(Method::POST, "/new", body, &headers)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            for part in [kind, "msg=", "application/x-www-form-urlencoded"] {
                assert!(answer.body.contains(part), "{}", answer.body);
            }
            assert_eq!(answer.header("set-cookie"), "");
        }
    }
    // A message may have any characters.
    let said = stage.form("/new", "--x&msg={1}", &[]).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.body);
}
