//! The page that a browser's request came from: only our own may use the cookie.
//!
//! A request that changes something and brings the cookie must come from this server's
//! page; a bearer token is proof enough by itself.

use serde_json::json;

use crate::{
    client::{Answer, Client, Fields, say_raw},
    process::{Folder, PATIENCE, Program},
};

/// Sends as ann, by cookie or by token, with these headers.
fn send(ann: &Client, by_cookie: bool, headers: Fields) -> Answer {
    let mut client = ann.again(ann.address);
    let cookie = format!("theme=dark; linger_session={}", client.token.as_deref().unwrap());
    let mut all = headers.to_vec();
    if by_cookie {
        client.token = None;
        all.push(("Cookie", &cookie));
    }
    let body = json!({ "text": "hello" }).to_string();
    client.call("POST", "/api/v1/rooms/lobby/messages", &all, &body)
}

#[test]
fn a_change_by_cookie_must_come_from_our_own_pages() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let ann = server.guest("ann");
    let own = format!("http://{}", server.address);
    let other_port = format!("http://{}:1", server.address.ip());
    let cases: [(&str, Fields, bool); 13] = [
        ("no browser", &[], true),
        ("our page", &[("Sec-Fetch-Site", "same-origin")], true),
        ("typed by the person", &[("Sec-Fetch-Site", "none")], true),
        ("another site", &[("Sec-Fetch-Site", "cross-site")], false),
        ("a sister site", &[("Sec-Fetch-Site", "same-site")], false),
        ("nonsense", &[("Sec-Fetch-Site", "cosmic")], false),
        ("our origin", &[("Origin", &own)], true),
        ("another host", &[("Origin", "https://evil.example")], false),
        ("another port", &[("Origin", &other_port)], false),
        ("ours as a beginning", &[("Origin", &format!("{own}.evil.example"))], false),
        ("no origin to speak of", &[("Origin", "null")], false),
        (
            "the first one wins",
            &[("Sec-Fetch-Site", "same-origin"), ("Origin", "https://a.example")],
            true,
        ),
        ("and loses", &[("Sec-Fetch-Site", "cross-site"), ("Origin", &own)], false),
    ];
    for (case, headers, passes) in cases {
        let by_cookie = send(&ann, true, headers);
        match passes {
            true => assert_eq!(by_cookie.status, 201, "{case}: {by_cookie:?}"),
            false => assert_eq!(by_cookie.problem(403), "other_origin", "{case}"),
        }
        assert_eq!(send(&ann, false, headers).status, 201, "{case}, by token");

        let guest = server.visitor().call("POST", "/api/v1/guests", headers, "{}");
        match passes {
            true => assert_eq!(guest.status, 201, "{case}: {guest:?}"),
            false => assert_eq!(guest.problem(403), "other_origin", "{case}, a new guest"),
        }
    }
    // Refused requests have sent no message.
    let said = cases.iter().filter(|(_, _, passes)| *passes).count() + cases.len();
    assert_eq!(ann.again(server.address).history("lobby", 200).len(), said);
}

#[test]
fn reading_by_cookie_is_free() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let ann = server.guest("ann");
    let cookie = format!("linger_session={}", ann.token.as_deref().unwrap());
    let headers = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "cross-site")];
    let me = server.visitor().call("GET", "/api/v1/me", &headers, "").expect(200);
    assert_eq!(me["user"]["name"], "ann");
}

#[test]
fn the_cookie_is_for_the_server_alone() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let answer = server.visitor().post("/api/v1/guests", &json!({}));
    let token = answer.expect(201)["token"].as_str().unwrap().to_owned();
    let cookie = answer.header("set-cookie").unwrap();
    let (name, rest) = cookie.split_once('=').unwrap();
    assert!(rest.starts_with(&format!("{token};")), "{cookie}");
    let log = name.strip_prefix("linger_session_").unwrap();
    assert_eq!(log.len(), 10, "{name}: of this server alone, whatever its port (F15)");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP would lose it: {cookie}");
    let headers = [("X-Forwarded-Proto", "https")];
    let answer = server.visitor().call("POST", "/api/v1/guests", &headers, "");
    assert!(answer.header("set-cookie").unwrap().contains("Secure"), "{answer:?}");
}

#[test]
fn two_servers_on_one_host_leave_each_other_s_sessions_alone() {
    let folders = [Folder::new(), Folder::new()];
    let servers: Vec<_> = folders.iter().map(|folder| Program::on(folder).start()).collect();
    let cookie_of = |answer: &Answer| {
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let mut jar = Vec::new();
    for server in &servers {
        let cookies = jar.join("; ");
        let headers = [("Cookie", cookies.as_str())];
        jar.push(cookie_of(&server.visitor().call("POST", "/api/v1/guests", &headers, "{}")));
    }
    let cookies = jar.join("; ");
    for server in &servers {
        let me = server.visitor().call("GET", "/api/v1/me", &[("Cookie", &cookies)], "");
        assert!(jar.contains(&cookie_of(&me)), "set anew, under its own name: {me:?}");
        me.expect(200);
    }
    assert_ne!(jar[0].split('=').next(), jar[1].split('=').next());
    // After a restart it is the same name.
    let address = servers[0].address;
    drop(servers);
    let server = Program::on(&folders[0]).start();
    assert_ne!(server.address, address, "another port");
    server.visitor().call("GET", "/api/v1/me", &[("Cookie", &cookies)], "").expect(200);
}

#[test]
fn a_server_for_this_machine_alone_is_not_read_by_a_name_that_points_at_it() {
    let folder = Folder::new();
    let bare = Program::bare()
        .env("LINGER_LISTEN", "127.0.0.1:0")
        .env("LINGER_DATA", folder.path().to_str().unwrap());
    let cases = [
        ("by default", bare.clone(), false),
        ("with this name", bare.clone().arg("--hosts").arg("evil.example"), true),
        ("with any name", bare.clone().arg("--hosts").arg("*"), true),
        ("behind a proxy", bare.clone().arg("--behind-proxy").arg("on"), true),
        ("for everybody", bare.env("LINGER_LISTEN", "0.0.0.0:0"), true),
    ];
    for (case, program, takes) in cases {
        let server = program.start();
        let ask = |host: &str| {
            let path = "/api/v1/rooms/lobby/events?wait=0";
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            say_raw(server.address, request.as_bytes()).unwrap()
        };
        assert_eq!(ask("localhost:8080").status, 200, "{case}");
        let answer = ask("evil.example");
        match takes {
            true => assert_eq!(answer.status, 200, "{case}: {answer:?}"),
            false => assert_eq!(answer.problem(421), "unknown_host", "{case}"),
        }
    }
}

#[test]
fn a_proxy_that_changes_host_or_hides_its_callers_is_named_in_the_log_and_not_over_and_over() {
    let folder = Folder::new();
    let mut server = Program::on(&folder).arg("--behind-proxy").arg("on").start();
    let headers = [("Origin", "http://x:8080"), ("X-Forwarded-For", "unknown")];
    for _ in 0..20 {
        let answer = server.visitor().call("POST", "/api/v1/guests", &headers, "{}");
        assert_eq!(answer.problem(403), "other_origin");
        let headers = [("X-Forwarded-For", "unknown")];
        server.visitor().call("POST", "/api/v1/guests", &headers, "{}").expect(201);
    }
    server.terminate();
    server.ended(PATIENCE);
    let log = server.into_log();
    for part in ["proxy_set_header Host $http_host", "--behind-proxy off"] {
        assert_eq!(log.matches(part).count(), 1, "{part}: {log}");
    }
}
