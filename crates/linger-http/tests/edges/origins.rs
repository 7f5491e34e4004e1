//! Pages of other origins: those that the operator named may call the native API, with a
//! token or as visitors, and never with the cookie.

use axum::http::{Method, StatusCode};
use linger_serve::Origins;
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, patient, request},
};

over_both_drivers!(
    a_page_of_a_named_origin_reads_every_answer_also_held_ones_and_refusals,
    nobody_else_s_page_does_and_none_by_default,
    a_page_of_a_named_origin_gets_a_token_and_no_cookie,
);

type Headers<'h> = &'h [(&'h str, &'h str)];

const PAGE: &str = "http://localhost:5173";
const EVENTS: &str = "/api/v1/rooms/lobby/events";

async fn open(driver: Driver, origins: &str) -> Stage {
    let origins: Origins = origins.parse().unwrap();
    Stage::open_with(driver, patient().with(|it| it.app.origins = origins)).await
}

async fn token(stage: &Stage) -> String {
    let guest = stage.json("/api/v1/guests", &json!({ "name": "ann" })).await.json();
    format!("Bearer {}", guest["token"].as_str().unwrap())
}

fn check_readable(answer: &Answer, expected: &str, case: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), expected, "{case}: {}", answer.body);
    assert_eq!(answer.header("access-control-allow-credentials"), "", "{case}");
    let exposed = answer.header("access-control-expose-headers");
    assert_eq!(exposed.contains("Retry-After"), !expected.is_empty(), "{case}");
}

async fn a_page_of_a_named_origin_reads_every_answer_also_held_ones_and_refusals(driver: Driver) {
    for (origins, expected) in
        [("*", "*"), (PAGE, PAGE), ("https://a.example, http://LOCALHOST:5173/", PAGE)]
    {
        let stage = open(driver, origins).await;
        let ann = token(&stage).await;
        let auth = [("origin", PAGE), ("authorization", ann.as_str())];
        let from_page = [("origin", PAGE)];
        let message = json!({ "text": "hello" }).to_string();
        let calls: [(Method, &str, &str, Headers<'_>, u16); 12] = [
            (Method::GET, "/api/v1/rooms", "", &from_page, 200),
            (Method::GET, "/api/v1/me", "", &auth, 200),
            (Method::GET, "/api/v1/me", "", &from_page, 401),
            (Method::GET, "/api/v1/events?wait=0", "", &auth, 200),
            (Method::GET, "/api/v1/events?wait=0", "", &from_page, 401),
            (Method::GET, &format!("{EVENTS}?after=start&wait=0"), "", &from_page, 200),
            (Method::GET, &format!("{EVENTS}?after=nonsense"), "", &from_page, 400),
            (Method::PUT, "/api/v1/rooms/lobby/messages/m1", &message, &auth, 201),
            (Method::PUT, "/api/v1/rooms/lobby/messages/m1", &message, &auth, 200),
            (Method::PUT, "/api/v1/rooms/lobby/messages/m1", r#"{"text":"x"}"#, &auth, 409),
            (Method::GET, "/api/v1/nothing", "", &from_page, 404),
            (Method::DELETE, "/api/v1/me", "", &auth, 405),
        ];
        for (method, path, body, headers, status) in calls {
            let answer = stage.send(request(method, path, body, headers)).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
            check_readable(&answer, expected, path);
        }
        // Held until there is news.
        let held = stage.hold(stage.get(EVENTS, &from_page)).await;
        let said = request(Method::POST, "/api/v1/rooms/lobby/messages", &message, &auth);
        check_readable(&stage.send(said).await, expected, "a send");
        check_readable(&held.await.unwrap(), expected, "a held answer");
        let headers = [("accept", "text/event-stream"), ("origin", PAGE)];
        let mut stream = stage.entrance.begin(request(Method::GET, EVENTS, "", &headers)).await;
        assert_eq!(stream.headers["access-control-allow-origin"], expected);
        assert!(stream.piece().await.is_some());
        drop(stream);
        // A browser asks for permission first.
        for path in [EVENTS, "/api/v1/me", "/api/v1/rooms/lobby/messages/m1"] {
            let headers = [
                ("origin", PAGE),
                ("access-control-request-method", "PUT"),
                ("access-control-request-headers", "authorization,content-type"),
            ];
            let answer = stage.send(request(Method::OPTIONS, path, "", &headers)).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
            check_readable(&answer, expected, path);
            assert!(answer.header("access-control-allow-methods").contains("PUT"));
            assert!(answer.header("access-control-allow-headers").contains("Authorization"));
        }
    }
}

async fn nobody_else_s_page_does_and_none_by_default(driver: Driver) {
    let of_a_page = [("origin", PAGE), ("access-control-request-method", "GET")];
    for origins in ["", "https://a.example,https://b.example"] {
        let stage = open(driver, origins).await;
        for path in ["/api/v1/rooms", &format!("{EVENTS}?wait=0"), "/api/v1/nothing"] {
            check_readable(&stage.get(path, &of_a_page).await, "", path);
            let asked_first = stage.send(request(Method::OPTIONS, path, "", &of_a_page)).await;
            assert!(!asked_first.status.is_success(), "{}", asked_first.status);
            check_readable(&asked_first, "", path);
        }
        let guest = stage.send(request(Method::POST, "/api/v1/guests", "{}", &of_a_page)).await;
        assert_eq!(guest.status, StatusCode::FORBIDDEN);
    }
    // With one named origin, all answers name it; the browser of another page compares.
    let stage = open(driver, "https://a.example").await;
    check_readable(&stage.get("/api/v1/rooms", &of_a_page).await, "https://a.example", "another");
}

async fn a_page_of_a_named_origin_gets_a_token_and_no_cookie(driver: Driver) {
    for origins in ["*", PAGE] {
        let stage = open(driver, origins).await;
        for headers in
            [&[("origin", PAGE)][..], &[("origin", PAGE), ("sec-fetch-site", "same-site")]]
        {
            let answer = stage.send(request(Method::POST, "/api/v1/guests", "{}", headers)).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
            assert_ne!(answer.json()["token"], Value::Null);
            assert_eq!(answer.header("set-cookie"), "");
            check_readable(&answer, origins, "a guest");
        }
        let cookie = stage.json("/api/v1/guests", &json!({})).await.cookie();
        let body = json!({ "text": "hello" }).to_string();
        let headers = [("origin", PAGE), ("cookie", cookie.as_str())];
        let sent = request(Method::POST, "/api/v1/rooms/lobby/messages", &body, &headers);
        assert_eq!(stage.send(sent).await.status, StatusCode::FORBIDDEN);
    }
}
