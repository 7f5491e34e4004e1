//! Refusals, which come in the dialect, and to pages of any origin.
//!
//! A page of another origin reads an answer only when its head allows that, so every
//! refusal is checked for it, also those that no route gives: a wrong method, a server
//! that still starts.

use axum::http::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, hasty, patient, request},
};

over_both_drivers!(
    whatever_goes_wrong_is_told_in_the_dialect_and_to_any_origin,
    a_page_of_any_origin_may_call_also_while_the_server_starts,
    who_sends_too_fast_or_takes_too_many_names_is_told_when_to_come_back,
    where_visitors_may_not_read_a_name_that_anybody_can_take_is_no_key,
);

async fn whatever_goes_wrong_is_told_in_the_dialect_and_to_any_origin(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    let long_text = json!({ "username": "ann==u-1", "message": "x".repeat(4001) }).to_string();
    let long_name =
        json!({ "username": format!("{}==u-1", "x".repeat(41)), "message": "x" }).to_string();
    let huge = format!("{{\"message\":\"{}\"}}", "x".repeat(65 << 10));
    let post = Method::POST;
    let cases = [
        ("broken JSON", &post, "/send_message", r#"{"username":"#, 400),
        ("no JSON", &post, "/send_message", "username=ann", 400),
        ("nothing", &post, "/send_message", "", 400),
        ("a list", &post, "/send_message", "[1]", 400),
        (
            "a name without an id",
            &post,
            "/send_message",
            r#"{"username":"ann","message":"x"}"#,
            400,
        ),
        ("no name", &post, "/send_message", r#"{"username":"==u","message":"x"}"#, 400),
        ("no id", &post, "/send_message", r#"{"username":"ann==","message":"x"}"#, 400),
        ("a Chinese id", &post, "/send_message", r#"{"username":"ann==一","message":"x"}"#, 400),
        ("a name that is too long", &post, "/send_message", &long_name, 400),
        ("a name of another type", &post, "/send_message", r#"{"username":1,"message":"x"}"#, 400),
        ("an empty message", &post, "/send_message", r#"{"username":"ann==u","message":" "}"#, 400),
        ("no message", &post, "/send_message", r#"{"username":"ann==u"}"#, 400),
        ("an over-long message", &post, "/send_message", &long_text, 400),
        (
            "a time that is none",
            &post,
            "/send_message",
            r#"{"username":"ann==u","message":"x","time":[]}"#,
            400,
        ),
        ("too large", &post, "/send_message", &huge, 413),
        ("no username", &post, "/get_new_message", "{}", 400),
        ("a null", &post, "/get_new_message", r#"{"username":null}"#, 400),
        ("another method", &Method::GET, "/get_name", "", 405),
        ("another method", &Method::PUT, "/send_message", "", 405),
        ("another method", &Method::GET, "/get_all_message", "", 405),
        ("another method", &Method::DELETE, "/get_new_message", "", 405),
    ];
    for (case, method, path, body, status) in cases {
        let answer = stage
            .send(request(method.clone(), path, body, &[("origin", "http://localhost:8081")]))
            .await;
        assert_eq!(answer.status, status, "{case}: {}", answer.body);
        check_refusal(&answer, case);
    }
    assert_eq!(stage.get_all_message().await.len(), 0, "nothing was said");
}

/// Checks that an answer is an error in the form of this protocol.
fn check_refusal(answer: &Answer, case: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{case}");
    assert_eq!(answer.header("content-type"), "application/json", "{case}");
    assert_eq!(answer.header("cache-control"), "no-store", "{case}");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{case}");
    let told = answer.json();
    let error = told["error"].as_str().unwrap();
    assert!(error.len() > 10, "{case}: {error}");
    assert_eq!(told, json!({ "status": 0, "error": error, "message": "" }), "{case}");
}

async fn a_page_of_any_origin_may_call_also_while_the_server_starts(driver: Driver) {
    for stage in [Stage::open(driver).await, Stage::open_not_ready(driver).await] {
        for path in ["/get_name", "/send_message", "/get_all_message", "/get_new_message"] {
            let answer = stage.send(request(Method::OPTIONS, path, "", &[])).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            assert_eq!(answer.header("access-control-allow-methods"), "POST, OPTIONS");
            let headers = "Origin,Content-Type,Cookie,Accept,Token,authorization";
            assert_eq!(answer.header("access-control-allow-headers"), headers);
        }
    }
    let stage = Stage::open_not_ready(driver).await;
    let answer = stage.json("/get_name", &json!(null)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "1");
    check_refusal(&answer, "starting");
}

async fn who_sends_too_fast_or_takes_too_many_names_is_told_when_to_come_back(driver: Driver) {
    let stage = Stage::open_with(driver, patient().with(|it| it.app.rate_limits = true)).await;
    let first = |answers: Vec<Answer>| {
        answers.into_iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS)
    };
    let body = json!({ "username": "ann==u-1", "message": "x" });
    let sends: JoinSet<_> = (0..300).map(|_| stage.json("/send_message", &body)).collect();
    let names: JoinSet<_> = (0..600).map(|_| stage.json("/get_name", &json!(null))).collect();
    for answers in [sends.join_all().await, names.join_all().await] {
        let refused = first(answers).expect("somebody is refused");
        assert_ne!(refused.header("retry-after"), "");
        check_refusal(&refused, "too many");
    }
}

async fn where_visitors_may_not_read_a_name_that_anybody_can_take_is_no_key(driver: Driver) {
    let stage = Stage::open_with(driver, hasty().with(|it| it.app.visitors_may_read = false)).await;
    let ann = stage.get_name().await;
    stage.send_message(&ann, "one").await;
    // A name that the server gave is no key either: it is public, and anybody can get one.
    for (path, body) in [
        ("/get_all_message", json!(null)),
        ("/get_new_message", json!({ "username": ann })),
        ("/get_new_message", json!({ "username": "eve==u-1" })),
    ] {
        let refused = stage.json(path, &body).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        check_refusal(&refused, "a visitor");
    }
}
