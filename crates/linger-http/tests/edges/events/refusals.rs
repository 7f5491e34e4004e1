//! Readers who may not read events, and requests without a meaning: each gets a problem
//! with a code, at once, whatever wait they asked for.

use axum::http::{Method, StatusCode};

use super::{LOBBY, MINE, TEA, check_problem, told};
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, patient, request},
};

/// A request for a stream is refused in the same way.
const STREAM: (&str, &str) = ("accept", "text/event-stream");

type Headers<'h> = &'h [(&'h str, &'h str)];

over_both_drivers!(
    what_has_no_meaning_is_a_problem_with_a_code,
    a_token_comes_by_header_or_cookie_and_one_that_nobody_holds_is_refused,
    without_a_token_one_is_a_visitor_who_reads_open_rooms_where_that_is_allowed,
    a_closed_room_does_not_exist_for_those_outside_and_its_members_are_told,
    a_server_that_starts_says_so,
    other_methods_are_refused_and_a_head_has_no_body,
);

async fn what_has_no_meaning_is_a_problem_with_a_code(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let zeros = stage.latest().replace('-', "-0");
    let queries = [
        ("after=", "malformed_cursor"),
        ("after=nonsense", "malformed_cursor"),
        ("after=Latest", "malformed_cursor"),
        (&format!("after={zeros}"), "malformed_cursor"),
        ("after=aaaaaaaaaa-", "malformed_cursor"),
        ("after=aaaaaaaaaa--1", "malformed_cursor"),
        ("after=aaaaaaaaaa-99999999999999999999", "malformed_cursor"),
        ("limit=", "malformed"),
        ("limit=0", "malformed"),
        ("limit=1001", "malformed"),
        ("limit=-1", "malformed"),
        ("limit=many", "malformed"),
        ("wait=", "malformed"),
        ("wait=-1", "malformed"),
        ("wait=NaN", "malformed"),
        ("wait=inf", "malformed"),
        ("wait=1e7", "malformed"),
        ("wait=long", "malformed"),
    ];
    for (query, code) in queries {
        for path in [LOBBY, MINE] {
            for accept in [("accept", "*/*"), STREAM] {
                let headers = [("authorization", ann.bearer.as_str()), accept];
                let answer = stage.get(&format!("{path}?{query}"), &headers).await;
                check_problem(&answer, 400, code, query);
            }
        }
    }
    let headers: [(&str, Headers<'_>, &str); 3] = [
        ("a preference", &[("prefer", "wait=soon")], "malformed"),
        ("an empty id", &[STREAM, ("last-event-id", "")], "malformed_cursor"),
        ("a foreign id", &[STREAM, ("last-event-id", "42")], "malformed_cursor"),
    ];
    for (case, headers, code) in headers {
        check_problem(&stage.get(LOBBY, headers).await, 400, code, case);
    }
    let rooms = [
        ("%FF", 400, "malformed"),
        ("%20", 404, "room_not_found"),
        ("Tea", 404, "room_not_found"),
        ("a%2Fb", 404, "room_not_found"),
    ];
    for (room, status, code) in rooms {
        let path = format!("/api/v1/rooms/{room}/events");
        check_problem(&stage.get(&path, &[]).await, status, code, room);
    }
    stage.until_held(0).await;
}

async fn a_token_comes_by_header_or_cookie_and_one_that_nobody_holds_is_refused(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let (bearer, cookie) = (ann.bearer.as_str(), ann.cookie.as_str());
    let among_others = format!("theme=dark; {cookie}; lang=en");
    let lower = bearer.replace("Bearer", "bearer");
    let nobody = ("cookie", "linger_session=0000");
    let good: [(&str, Headers<'_>); 6] = [
        ("a bearer token", &[("authorization", bearer)]),
        ("in lower case", &[("authorization", &lower)]),
        ("a cookie", &[("cookie", cookie)]),
        ("among others", &[("cookie", &among_others)]),
        ("in a line of its own", &[("cookie", "theme=dark"), ("cookie", cookie)]),
        ("the token wins", &[("authorization", bearer), nobody]),
    ];
    let (zeros, ones) = ("0".repeat(64), "1".repeat(64));
    let (unknown, jwt) = (format!("Bearer {zeros}"), "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln");
    let unknown_cookie = format!("linger_session={ones}");
    let bad: [(&str, Headers<'_>); 6] = [
        ("a token that nobody holds", &[("authorization", "Bearer 0000")]),
        ("one of our form", &[("authorization", &unknown)]),
        ("no token", &[("authorization", "Bearer")]),
        ("a cookie that nobody holds", &[nobody]),
        ("one of our form", &[("cookie", &unknown_cookie)]),
        ("both", &[("authorization", &unknown), ("cookie", &unknown_cookie)]),
    ];
    // Credentials for a proxy, which the server ignores (F1).
    let (basic, digest) = ("Basic YW5uOm9uZQ==", "Digest username=\"ann\"");
    let foreign: [(&str, &str); 5] = [
        ("another scheme", basic),
        ("another one", digest),
        ("no scheme", "0000"),
        ("a proxy's bearer", jwt),
        ("one of our form", &unknown),
    ];
    let twice = format!("{unknown_cookie}; {cookie}; linger_session=0000; x=\u{e9}");
    let (name, token) = cookie.split_once('=').unwrap();
    let old_name = format!("linger_session={token}");
    assert_ne!(name, "linger_session", "another server on this host has its own");
    let cookies = [("the cookie", cookie), ("its old name", &old_name), ("among others", &twice)];
    for path in [LOBBY, MINE] {
        for ((case, authorization), (which, cookie)) in
            foreign.iter().flat_map(|foreign| cookies.map(|cookie| (*foreign, cookie)))
        {
            let headers = [("authorization", authorization), ("cookie", cookie)];
            let answer = stage.get(&format!("{path}?wait=0"), &headers).await;
            assert_eq!(answer.status, StatusCode::OK, "{case}, {which}: {}", answer.body);
            let held = stage.hold(stage.get(path, &headers)).await;
            held.abort();
            stage.until_held(0).await;
        }
    }
    for authorization in [basic, digest, "0000"] {
        let headers = [("authorization", authorization)];
        let visitor = stage.get(&format!("{LOBBY}?wait=0"), &headers).await;
        assert_eq!(visitor.status, StatusCode::OK, "{authorization}: {}", visitor.body);
        check_problem(&stage.get(MINE, &headers).await, 401, "no_token", authorization);
    }
    for path in [LOBBY, MINE] {
        for (case, headers) in good {
            let answer = stage.get(&format!("{path}?wait=0"), headers).await;
            assert_eq!(answer.status, StatusCode::OK, "{case}: {}", answer.body);
            let held = stage.hold(stage.get(path, headers)).await;
            held.abort();
            stage.until_held(0).await;
        }
        for (case, headers) in bad {
            for accept in [("accept", "*/*"), STREAM] {
                let answer = stage.get(path, &[headers, &[accept]].concat()).await;
                check_problem(&answer, 401, "unknown_token", case);
            }
        }
    }
}

async fn without_a_token_one_is_a_visitor_who_reads_open_rooms_where_that_is_allowed(
    driver: Driver,
) {
    for visitors_may_read in [true, false] {
        let stage = Stage::open_with(
            driver,
            patient().with(|it| it.app.visitors_may_read = visitors_may_read),
        )
        .await;
        let ann = stage.guest("ann").await;
        for accept in [("accept", "application/json"), STREAM] {
            check_problem(&stage.get(MINE, &[accept]).await, 401, "no_token", "my rooms");
            if !visitors_may_read {
                check_problem(&stage.get(LOBBY, &[accept]).await, 401, "no_token", "a room");
                let none = stage.get("/api/v1/rooms/none/events", &[accept]).await;
                check_problem(&none, 401, "no_token", "a room that is not there");
            }
        }
        let held = match visitors_may_read {
            true => stage.hold(stage.get(LOBBY, &[])).await,
            false => stage.hold(stage.events(&ann, LOBBY)).await,
        };
        stage.join(&ann, "lobby").await;
        assert_eq!(told(&held.await.unwrap()).0, ["member_joined"]);
    }
}

async fn a_closed_room_does_not_exist_for_those_outside_and_its_members_are_told(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    stage.open_room(&ann, "tea", "closed").await;
    stage.say_in(&ann, "tea", "one").await;
    for query in ["", "?after=start&wait=0", "?after=latest&wait=55"] {
        for accept in [("accept", "application/json"), STREAM] {
            for headers in [&[accept][..], &[accept, ("authorization", &bob.bearer)]] {
                let closed = stage.get(&format!("{TEA}{query}"), headers).await;
                check_problem(&closed, 404, "room_not_found", query);
                let path = format!("/api/v1/rooms/none/events{query}");
                let missing = stage.get(&path, headers).await;
                assert_eq!(closed.body, missing.body, "told from a room that is not there");
            }
        }
    }
    let held = stage.hold(stage.events(&ann, TEA)).await;
    stage.say_in(&ann, "tea", "two").await;
    assert_eq!(told(&held.await.unwrap()).0, ["two"]);
    let all = stage.events(&ann, &format!("{TEA}?after=start")).await;
    assert_eq!(told(&all).0, ["room_opened", "one", "two"]);
}

async fn a_server_that_starts_says_so(driver: Driver) {
    let stage = Stage::open_not_ready(driver).await;
    for path in [LOBBY, MINE, TEA, "/api/v1/events?wait=nonsense"] {
        for headers in [&[][..], &[("authorization", "Bearer 0000")], &[STREAM]] {
            check_problem(&stage.get(path, headers).await, 503, "starting", path);
        }
    }
}

async fn other_methods_are_refused_and_a_head_has_no_body(driver: Driver) {
    let stage = Stage::open(driver).await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        for path in [LOBBY, MINE] {
            let answer = stage.send(request(method.clone(), path, "", &[])).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(answer.header("allow"), "GET,HEAD", "{method} {path}");
            assert_eq!(answer.json()["code"], "no_such_method", "{method} {path}");
        }
    }
    let head = stage.send(request(Method::HEAD, &format!("{LOBBY}?wait=0"), "", &[])).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(head.header("content-type"), "application/json");
    // The connection still works: nothing came after the head.
    let page = stage.get(&format!("{LOBBY}?after=start"), &[]).await;
    assert_eq!(told(&page).0, ["room_opened"]);
}
