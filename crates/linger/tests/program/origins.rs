//! Whose page a browser's request came from: the cookie is for our own.
//!
//! What changes something and rides on the cookie must come from this server;
//! a bearer token is proof enough by itself.

use serde_json::json;

use crate::{
    client::{Answer, Client, Fields},
    process::{Folder, Program},
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
    // Who is refused has said nothing.
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
    assert!(cookie.starts_with(&format!("linger_session={token};")), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP would lose it: {cookie}");
    let headers = [("X-Forwarded-Proto", "https")];
    let answer = server.visitor().call("POST", "/api/v1/guests", &headers, "");
    assert!(answer.header("set-cookie").unwrap().contains("Secure"), "{answer:?}");
}
