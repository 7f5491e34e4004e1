//! Speakers and readers: who may be one, under which name, and the refusals.
//!
//! The article knows no names. Here the session says who speaks; a caller without one
//! becomes a guest, except for a page of another site.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::told;
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, hasty, patient, request},
};

over_both_drivers!(
    a_name_is_escaped_and_line_breaks_are_kept,
    who_speaks_is_the_session_or_else_a_new_guest_who_gets_one,
    a_guest_is_named_in_their_language_and_stays_the_same_person,
    what_has_no_meaning_is_refused_in_plain_words_and_makes_no_guest,
    a_server_that_starts_says_so_in_plain_words,
    where_visitors_may_not_read_a_session_may,
);

type Headers<'h> = &'h [(&'h str, &'h str)];

async fn a_name_is_escaped_and_line_breaks_are_kept(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.json("/api/v1/guests", &json!({ "name": "<ann> & \"co\"" })).await.cookie();
    stage.form("/new", "msg=one%0D%0Atwo%0Athree", &[("cookie", &ann)]).await;
    let html = stage.update("").await.json()["html"].clone();
    let expected =
        "<div class=\"message\"><b>&lt;ann&gt; &amp; &quot;co&quot;</b>: one<br>two<br>three</div>";
    assert_eq!(html, Value::from(expected));
}

async fn who_speaks_is_the_session_or_else_a_new_guest_who_gets_one(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.json("/api/v1/guests", &json!({ "name": "ann" })).await;
    let (cookie, token) = (ann.cookie(), ann.json()["token"].as_str().unwrap().to_owned());
    let bearer = format!("Bearer {token}");
    let stale = "linger_session=0000";
    let cases: [(&str, Headers<'_>, bool); 6] = [
        ("by cookie", &[("cookie", &cookie)], true),
        (
            "by cookie, from our own page",
            &[("cookie", &cookie), ("sec-fetch-site", "same-origin")],
            true,
        ),
        ("by bearer token", &[("authorization", &bearer)], true),
        (
            "by bearer token, from anywhere",
            &[("authorization", &bearer), ("sec-fetch-site", "cross-site")],
            true,
        ),
        ("nobody", &[], false),
        ("by a cookie that nobody holds", &[("cookie", stale)], false),
    ];
    for (case, headers, is_ann) in cases {
        let answer = stage.form("/new", "msg=hello", headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{case}");
        assert_eq!(answer.header("set-cookie").is_empty(), is_ann, "{case}");
        let html = stage.update("").await.json()["html"].as_str().unwrap().to_owned();
        let last = html.rsplit("<div").next().unwrap().to_owned();
        assert_eq!(last.contains("<b>ann</b>"), is_ann, "{case}: {last}");
    }
}

async fn a_guest_is_named_in_their_language_and_stays_the_same_person(driver: Driver) {
    let stage = Stage::open(driver).await;
    let first = stage.form("/new", "msg=one", &[("accept-language", "zh-CN,zh;q=0.9")]).await;
    stage.form("/new", "msg=two", &[("cookie", &first.cookie())]).await;
    let html = stage.update("").await.json()["html"].as_str().unwrap().to_owned();
    let names: Vec<_> =
        html.split("<b>").skip(1).map(|part| part.split_once("</b>").unwrap().0).collect();
    assert_eq!(names[0], names[1]);
    assert!(names[0].contains('的'), "{names:?}");
}

async fn what_has_no_meaning_is_refused_in_plain_words_and_makes_no_guest(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    let long = format!("msg={}", "x".repeat(4001));
    let huge = format!("msg={}", "x".repeat(65 << 10));
    let form = ("content-type", "application/x-www-form-urlencoded");
    let foreign: &[_] = &[form, ("sec-fetch-site", "cross-site")];
    let elsewhere: &[_] = &[form, ("origin", "http://evil.example"), ("host", "linger.example")];
    let unknown: &[_] = &[form, ("authorization", "Bearer 0000")];
    let cases: [(&str, Method, &str, &str, Headers<'_>, u16); 13] = [
        ("no message", Method::POST, "/new", "", &[form], 400),
        ("an empty message", Method::POST, "/new", "msg=", &[form], 400),
        ("nothing but space", Method::POST, "/new", "msg=+%0A+", &[form], 400),
        (
            "JSON",
            Method::POST,
            "/new",
            r#"{"msg":"x"}"#,
            &[("content-type", "application/json")],
            400,
        ),
        ("a control character", Method::POST, "/new", "msg=%00", &[form], 400),
        ("not UTF-8", Method::POST, "/new", "msg=%C4%E3", &[form], 400),
        ("over-long", Method::POST, "/new", &long, &[form], 400),
        ("too large", Method::POST, "/new", &huge, &[form], 413),
        ("another site's page", Method::POST, "/new", "msg=x", foreign, 403),
        ("another origin", Method::POST, "/new", "msg=x", elsewhere, 403),
        ("a token that nobody holds", Method::POST, "/new", "msg=x", unknown, 401),
        ("another method", Method::GET, "/new", "", &[], 405),
        ("another method", Method::GET, "/update", "", &[], 405),
    ];
    for (case, method, path, body, headers, status) in cases {
        let answer = stage.send(request(method, path, body, headers)).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{case}");
        assert_eq!(answer.header("cache-control"), "no-store", "{case}");
        assert_eq!(answer.header("set-cookie"), "", "{case}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{case}");
        assert!(!answer.body.is_empty() && !answer.body.contains('{'), "{case}: {}", answer.body);
    }
    assert_eq!(told(&stage.update("").await).0.len(), 0, "nothing was said");
}

async fn a_server_that_starts_says_so_in_plain_words(driver: Driver) {
    let stage = Stage::open_not_ready(driver).await;
    for path in ["/new", "/update"] {
        let answer = stage.form(path, "msg=x", &[]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

async fn where_visitors_may_not_read_a_session_may(driver: Driver) {
    let stage =
        Stage::open_with(driver, patient().with(|it| it.app.visitors_may_read = false)).await;
    let ann = stage.form("/new", "msg=one", &[]).await.cookie();
    assert_eq!(stage.update("").await.status, StatusCode::UNAUTHORIZED);
    let answer = stage.form("/update", "cursor=", &[("cookie", &ann)]).await;
    let (texts, cursor) = told(&answer);
    assert_eq!(texts, ["one"]);
    // A wait is refused, too, because a visitor may not have one.
    let body = format!("cursor={cursor}");
    assert_eq!(stage.form("/update", &body, &[]).await.status, StatusCode::UNAUTHORIZED);
    let held = stage.hold(stage.form("/update", &body, &[("cookie", &ann)])).await;
    stage.form("/new", "msg=two", &[("cookie", &ann)]).await;
    assert_eq!(told(&held.await.unwrap()).0, ["two"]);
}
