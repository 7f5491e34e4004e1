//! Browsers behind proxies: which session counts, how long it lasts, and which page
//! may use it.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, request},
};

over_both_drivers!(
    a_change_by_cookie_beside_a_foreign_token_comes_from_our_own_page_or_not_at_all,
    a_session_that_is_used_does_not_end_after_a_year,
    our_own_page_is_known_whatever_the_letters_and_the_default_port,
    an_origin_that_cannot_be_read_is_foreign_and_a_proxy_that_changes_host_is_told_what_to_do,
);

type Headers<'h> = &'h [(&'h str, &'h str)];

async fn guest(stage: &Stage) -> (String, String) {
    let answer = stage.json("/api/v1/guests", &json!({ "name": "ann" })).await;
    (answer.json()["token"].as_str().unwrap().to_owned(), answer.cookie())
}

/// Sends a message, by both ways of the native API and by the first article's.
async fn say(stage: &Stage, headers: Headers<'_>) -> [Answer; 3] {
    const MESSAGES: &str = "/api/v1/rooms/lobby/messages";
    let body = json!({ "text": "hello" }).to_string();
    let put = request(Method::PUT, &format!("{MESSAGES}/m1"), &body, headers);
    let post = request(Method::POST, MESSAGES, &body, headers);
    [stage.send(put).await, stage.send(post).await, stage.form("/new", "msg=hello", headers).await]
}

async fn a_change_by_cookie_beside_a_foreign_token_comes_from_our_own_page_or_not_at_all(
    driver: Driver,
) {
    let stage = Stage::open(driver).await;
    let (token, cookie) = guest(&stage).await;
    let zeros = format!("Bearer {}", "0".repeat(64));
    let own = format!("Bearer {token}");
    for authorization in ["Basic eDp5", "Bearer a.b.c", &zeros] {
        for (site, passes) in [("same-origin", true), ("cross-site", false), ("same-site", false)] {
            let headers =
                [("authorization", authorization), ("cookie", &cookie), ("sec-fetch-site", site)];
            for answer in say(&stage, &headers).await {
                assert_eq!(
                    answer.status.is_success(),
                    passes,
                    "{authorization}, {site}: {}",
                    answer.body
                );
                assert_eq!(answer.header("set-cookie"), "", "nobody else is made of it");
            }
        }
    }
    // A bearer token of ours is proof enough by itself.
    for answer in say(&stage, &[("authorization", &own), ("sec-fetch-site", "cross-site")]).await {
        assert!(answer.status.is_success(), "{}", answer.body);
    }
}

async fn a_session_that_is_used_does_not_end_after_a_year(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (token, cookie) = guest(&stage).await;
    let old_name = format!("linger_session={token}");
    for given in [&cookie, &old_name] {
        let answer = stage.get("/api/v1/me", &[("cookie", given)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.cookie(), cookie, "set anew, under the name of this server");
        assert!(answer.header("set-cookie").contains("Max-Age=31536000"));
    }
    let bearer = format!("Bearer {token}");
    let answer = stage.get("/api/v1/me", &[("authorization", &bearer)]).await;
    assert_eq!(answer.header("set-cookie"), "", "who has no cookie gets none");
}

async fn our_own_page_is_known_whatever_the_letters_and_the_default_port(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (_, cookie) = guest(&stage).await;
    for (host, origin) in [
        ("x:80", "http://x"),
        ("x", "http://x:80"),
        ("x:443", "https://x"),
        ("Chat.Example", "http://chat.example"),
        ("chat.example:8080", "http://chat.example:8080"),
    ] {
        for answer in say(&stage, &[("cookie", &cookie), ("host", host), ("origin", origin)]).await
        {
            assert!(answer.status.is_success(), "{origin} at {host}: {}", answer.body);
        }
    }
}

async fn an_origin_that_cannot_be_read_is_foreign_and_a_proxy_that_changes_host_is_told_what_to_do(
    driver: Driver,
) {
    let stage = Stage::open(driver).await;
    let (_, cookie) = guest(&stage).await;
    let cases: [(&str, Headers<'_>); 5] = [
        ("an origin of other letters", &[("origin", "http://x\u{e9}"), ("host", "x")]),
        ("a site of other letters", &[("sec-fetch-site", "same-origin\u{e9}")]),
        ("an opaque origin", &[("origin", "null"), ("host", "null")]),
        ("another scheme's port", &[("origin", "http://x"), ("host", "x:443")]),
        ("a proxy without the port", &[("origin", "http://x:8080"), ("host", "x")]),
    ];
    for (case, headers) in cases {
        let headers = [&[("cookie", cookie.as_str())], headers].concat();
        let answers = say(&stage, &headers).await;
        for answer in &answers {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{case}: {}", answer.body);
        }
        let guest = stage.send(request(Method::POST, "/api/v1/guests", "{}", &headers)).await;
        let told: Value = guest.json();
        assert_eq!(told["code"], "other_origin", "{case}");
        if case == "a proxy without the port" {
            let detail = told["detail"].as_str().unwrap();
            for part in ["http://x:8080", "asked as x:", "proxy_set_header Host $http_host"] {
                assert!(detail.contains(part), "{detail}");
            }
        }
    }
}
