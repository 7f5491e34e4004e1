//! Which bytes are a request of ours, and which go to the other server.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod law;

use std::{fs, path::Path};

use law::{Meaning, check, meaning};
use linger_park::request::is_host;
use proptest::{prelude::*, test_runner::RngSeed};

/// Pieces that are put into the kept corpus.
const PIECES: [&[u8]; 24] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b"\0",
    b"\x80",
    b"#",
    b"Content-Length: 5\r\n",
    b"Content-Length: 05\r\n",
    b"Content-Length: 5, 5\r\n",
    b"content-length:+5\r\n",
    b"Content-Length : 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding\r\n : chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Host: b\r\n",
    b"POST ",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// Returns the kind of thing these bytes are, and the length of the body.
fn is(bytes: &[u8]) -> (&'static str, usize) {
    let short_enough = if bytes.len() < 600 { bytes.len() } else { 0 };
    let cuts = (0..short_enough).chain((short_enough..bytes.len()).step_by(61));
    match check(bytes, cuts) {
        Meaning::Incomplete => ("incomplete", 0),
        Meaning::Foreign => ("foreign", 0),
        Meaning::Head { body_bytes, .. } => ("ours", body_bytes),
    }
}

#[test]
fn only_what_has_one_reading_is_ours() {
    let get = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n");
    let long = |bytes: usize| get(&format!("X: {}\r\n", "x".repeat(bytes - get("X: \r\n").len())));
    let (ours, foreign, incomplete) = (("ours", 0), ("foreign", 0), ("incomplete", 0));
    let rows = [
        ("a plain get", get(""), ours),
        ("a query", line("GET /a?b?c=%20 HTTP/1.1"), ours),
        ("a get without a body says so", get("Content-Length: 0\r\n"), ours),
        ("keep-alive", get("Connection: Keep-Alive\r\n"), ours),
        ("white space around a value", get("X: \t y \t\r\n"), ours),
        ("no value", get("X:\r\n"), ours),
        ("a post without a body", post(""), ours),
        ("a post with one", post("Content-Length: 5\r\n"), ("ours", 5)),
        ("the longest body", post("Content-Length: 4096\r\n"), ("ours", 4096)),
        ("one over", post("Content-Length: 4097\r\n"), foreign),
        ("far over", post("Content-Length: 99999999999999999999\r\n"), foreign),
        ("a body of a get", get("Content-Length: 5\r\n"), foreign),
        ("two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n"), foreign),
        ("the same twice", post("Content-Length: 5\r\nContent-length: 5\r\n"), foreign),
        ("a list of lengths", post("Content-Length: 5, 5\r\n"), foreign),
        ("a sign", post("Content-Length: +5\r\n"), foreign),
        ("less than nothing", post("Content-Length: -5\r\n"), foreign),
        ("a zero before", post("Content-Length: 05\r\n"), foreign),
        ("hex", post("Content-Length: 0x5\r\n"), foreign),
        ("no digits", post("Content-Length: \r\n"), foreign),
        ("a space among digits", post("Content-Length: 5 0\r\n"), foreign),
        ("chunks", post("Transfer-Encoding: chunked\r\n"), foreign),
        ("both", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), foreign),
        ("the identity", post("Transfer-Encoding: identity\r\n"), foreign),
        ("an expectation", post("Expect: 100-continue\r\n"), foreign),
        ("an upgrade", get("Connection: Upgrade\r\nUpgrade: websocket\r\n"), foreign),
        ("the last request", get("Connection: close\r\n"), foreign),
        ("a list of options", get("Connection: keep-alive, TE\r\n"), foreign),
        ("HTTP/1.0", line("GET / HTTP/1.0"), foreign),
        ("HTTP/2", line("PRI * HTTP/2.0"), foreign),
        ("another method", line("DELETE / HTTP/1.1"), foreign),
        ("a method in small letters", line("get / HTTP/1.1"), foreign),
        ("a whole address", line("GET http://a/ HTTP/1.1"), foreign),
        ("a star", line("GET * HTTP/1.1"), foreign),
        ("a fragment", line("GET /#a HTTP/1.1"), foreign),
        ("beyond ASCII", line("GET /ä HTTP/1.1"), foreign),
        ("two spaces", line("GET  / HTTP/1.1"), foreign),
        ("a tab", line("GET\t/ HTTP/1.1"), foreign),
        ("a space after the version", line("GET / HTTP/1.1 "), foreign),
        ("no host", "GET / HTTP/1.1\r\n\r\n".into(), foreign),
        ("two hosts", get("Host: a\r\n"), foreign),
        ("an empty host", "GET / HTTP/1.1\r\nHost: \r\n\r\n".into(), foreign),
        ("a host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into(), foreign),
        ("a host with a port", "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n".into(), ours),
        ("a line that goes on", get("X: a\r\n b\r\n"), foreign),
        ("the first field goes on", line("GET / HTTP/1.1\r\n X: a"), foreign),
        ("white space before the colon", get("X : a\r\n"), foreign),
        ("no name", get(": a\r\n"), foreign),
        ("no colon", get("X\r\n"), foreign),
        ("a bare CR", get("X: a\rb\r\n"), foreign),
        ("a bare LF", get("X: a\n"), foreign),
        ("a bare LF at the end", "GET / HTTP/1.1\r\nHost: a\n\n".into(), foreign),
        ("LF CR LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n".into(), foreign),
        ("a zero byte", get("X: a\0b\r\n"), foreign),
        ("an empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), foreign),
        ("64 fields", get(&"X: a\r\n".repeat(63)), ours),
        ("one over", get(&"X: a\r\n".repeat(64)), foreign),
        ("the longest head", long(8192), ours),
        ("one over", long(8193), foreign),
        ("nothing", String::new(), incomplete),
        ("the beginning", "GE".into(), incomplete),
        ("a head without its end", "GET / HTTP/1.1\r\nHost: a\r\n".into(), incomplete),
        ("8 KiB without an end", long(8200)[..8192].to_owned(), incomplete),
        ("one over", long(8200)[..8193].to_owned(), foreign),
        ("TLS", "\x16\x03\x01\x02".into(), foreign),
    ];
    for (name, bytes, expected) in rows {
        assert_eq!(is(bytes.as_bytes()), expected, "{name}");
    }
}

#[test]
fn what_follows_a_head_does_not_change_it() {
    let head = b"POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
    let alone = meaning(head);
    assert!(
        matches!(alone, Meaning::Head { head_bytes, body_bytes: 2, .. } if head_bytes == head.len())
    );
    for after in [&b"12GET / HTTP/1.1\r\n\r\n"[..], b"\r\n\r\n", b" folded", b"\0", &[b'x'; 9000]] {
        assert_eq!(check(&[head, after].concat(), [head.len()]), alone);
    }
}

#[test]
fn the_kept_corpus_and_what_is_made_of_it_obeys_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/request");
    let mut corpus: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    corpus.sort();
    let corpus: Vec<Vec<u8>> = corpus.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(corpus.len() >= 10, "{}", corpus.len());
    for bytes in &corpus {
        is(bytes);
    }
    // xorshift64: chance that can be replayed.
    let mut state = 7_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end.max(1) as u64) as usize
    };
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut bytes = corpus[below(corpus.len())].clone();
        for _ in 0..=below(3) {
            let at = below(bytes.len() + 1);
            match below(5) {
                0 => drop(bytes.splice(at..at, PIECES[below(PIECES.len())].iter().copied())),
                1 if at < bytes.len() => bytes[at] = below(256) as u8,
                2 => bytes.truncate(at),
                3 => {
                    let end = (at + below(9)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    let other = &corpus[below(corpus.len())];
                    let from = below(other.len() + 1);
                    drop(bytes.splice(at.., other[from..].iter().copied()));
                }
            }
        }
        let cuts = [below(bytes.len()), below(bytes.len()), below(bytes.len())];
        accepted += usize::from(matches!(check(&bytes, cuts), Meaning::Head { .. }));
    }
    assert!(accepted > 1000, "the mutations leave nothing whole: {accepted}");
}

fn near_requests() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (0..PIECES.len()).prop_map(|which| PIECES[which].to_vec()),
        4 => Just(b"X: y\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    let start = prop_oneof![
        6 => Just(&b"GET /a?b HTTP/1.1\r\nHost: a\r\n"[..]),
        6 => Just(&b"POST /a HTTP/1.1\r\nHost: a\r\n"[..]),
        1 => Just(&b""[..]),
    ];
    (start, prop::collection::vec(piece, 0..6), any::<bool>()).prop_map(
        |(start, pieces, is_ended)| {
            let end: &[u8] = if is_ended { b"\r\n" } else { b"" };
            [start, &pieces.concat(), end].concat()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn near_requests_obey_the_laws_however_they_are_cut(bytes in near_requests()) {
        check(&bytes, 0..bytes.len());
    }

    #[test]
    fn any_bytes_obey_the_laws(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes, (0..bytes.len()).step_by(7));
    }
}

#[test]
fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
    let good = [
        "a",
        "Chat.Example",
        "chat.example.",
        "127.0.0.1",
        "127.0.0.1:8080",
        "x:80",
        "x:",
        "a_b-c~",
        "[::1]",
        "[2001:db8::1]:443",
        "b%C3%BCcher.example",
        "xn--bcher-kva.example:65535",
    ];
    let bad = [
        "",
        ":80",
        "a b",
        "a, b",
        "a/b",
        "http://a",
        "user@a",
        "a:b",
        "a:80:80",
        "a:-1",
        "a:65536",
        "[::1",
        "::1",
        "[::1]x",
        "[a]",
        "[]",
        "a%zz",
        "a%2",
        "b\u{fc}cher",
        "a#b",
        "a?b",
        "a\\b",
        "\"a\"",
    ];
    for host in good {
        assert!(is_host(host.as_bytes()), "{host:?}");
    }
    for host in bad {
        assert!(!is_host(host.as_bytes()), "{host:?}");
    }
    assert!(!is_host(b"\xff"));
}
