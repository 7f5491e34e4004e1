//! The laws of the framing for any bytes: shared by the tests and the fuzz target.
//!
//! The bytes mean the same however they are cut. A slow and simple reader agrees with
//! the parser about every accepted request, and still does when the request is written
//! down again. So no two readers disagree about where a request ends.

use std::net::{Ipv4Addr, SocketAddr};

use linger_park::request::{BODY_MAX, FIELDS_MAX, Fields, HEAD_MAX, Method, Parsed, parse};

/// The meaning of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    Incomplete,
    Foreign,
    Head {
        method: Method,
        target: String,
        fields: Vec<(String, Vec<u8>)>,
        head_bytes: usize,
        body_bytes: usize,
    },
}

/// Returns the parser's result for `bytes`.
pub fn meaning(bytes: &[u8]) -> Meaning {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    match parse(bytes, peer, &mut Fields::new()) {
        Parsed::Incomplete => Meaning::Incomplete,
        Parsed::Foreign => Meaning::Foreign,
        Parsed::Head { head, head_bytes, body_bytes } => Meaning::Head {
            method: head.method,
            target: match head.query {
                Some(query) => format!("{}?{query}", head.path),
                None => head.path.to_owned(),
            },
            fields: head.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
            head_bytes,
            body_bytes,
        },
    }
}

/// Panics if the laws do not hold for `bytes`, cut at each of `cuts`.
pub fn check(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> Meaning {
    let whole = meaning(bytes);
    for cut in cuts {
        let part = meaning(&bytes[..cut.min(bytes.len())]);
        assert!(
            part == Meaning::Incomplete || part == whole,
            "cut at {cut}, {} is {part:?}, and whole {whole:?}",
            bytes.escape_ascii()
        );
    }
    if let Meaning::Head { head_bytes, .. } = whole {
        let head = &bytes[..head_bytes];
        assert_eq!(read_simply(head).as_ref(), Some(&whole), "{}", head.escape_ascii());
        let again = write(&whole);
        let Meaning::Head { head_bytes: other, .. } = meaning(&again) else {
            panic!("{} was accepted, {} is not", head.escape_ascii(), again.escape_ascii());
        };
        assert_eq!(other, again.len());
        assert_eq!(meaning(&again), with_head_bytes(whole.clone(), other));
    }
    whole
}

/// Reads a head by the words of the rule, slowly. None: not served here.
fn read_simply(head: &[u8]) -> Option<Meaning> {
    let text = head.strip_suffix(b"\r\n\r\n")?;
    let lines = split(text, b"\r\n");
    let has_stray = |line: &&[u8]| line.iter().any(|&byte| matches!(byte, b'\r' | b'\n' | 0));
    if head.len() > HEAD_MAX || lines.len() > FIELDS_MAX + 1 || lines.iter().any(has_stray) {
        return None;
    }
    let [method, target, b"HTTP/1.1"] = split(lines[0], b" ")[..] else { return None };
    let method = match method {
        b"GET" => Method::Get,
        b"POST" => Method::Post,
        b"PUT" => Method::Put,
        _ => return None,
    };
    let is_target = |byte: &u8| (b'!'..=b'~').contains(byte) && *byte != b'#';
    if !target.starts_with(b"/") || !target.iter().all(is_target) {
        return None;
    }
    let mut fields = Vec::new();
    for line in &lines[1..] {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if name.is_empty() || !name.iter().all(is_name) {
            return None;
        }
        let name = String::from_utf8(name.to_vec()).ok()?;
        fields.push((name, value.trim_ascii().to_vec()));
    }
    let named = |name: &str| {
        let named = fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice()).collect::<Vec<_>>()
    };
    for absent in ["transfer-encoding", "expect", "upgrade", "trailer"] {
        if !named(absent).is_empty() {
            return None;
        }
    }
    let keeps = |value: &&[u8]| value.eq_ignore_ascii_case(b"keep-alive");
    if named("host").len() != 1 || !named("connection").iter().all(keeps) {
        return None;
    }
    let body_bytes = match named("content-length")[..] {
        [] => 0,
        [digits] => {
            let number: usize = str::from_utf8(digits).ok()?.parse().ok()?;
            if number.to_string().as_bytes() != digits {
                return None;
            }
            number
        }
        _ => return None,
    };
    if body_bytes > BODY_MAX || (method == Method::Get && body_bytes > 0) {
        return None;
    }
    let target = String::from_utf8(target.to_vec()).ok()?;
    Some(Meaning::Head { method, target, fields, head_bytes: head.len(), body_bytes })
}

fn split<'a>(bytes: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(by) {
            parts.push(&bytes[from..at]);
            at += by.len();
            from = at;
        } else {
            at += 1;
        }
    }
    parts.push(&bytes[from..]);
    parts
}

fn write(meaning: &Meaning) -> Vec<u8> {
    let Meaning::Head { method, target, fields, .. } = meaning else { panic!("{meaning:?}") };
    let method = match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let mut head = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in fields {
        // No white space: its length does not matter, and the head never grows too long.
        head.extend([name.as_bytes(), b":", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

fn with_head_bytes(meaning: Meaning, count: usize) -> Meaning {
    match meaning {
        Meaning::Head { method, target, fields, head_bytes: _, body_bytes } => {
            Meaning::Head { method, target, fields, head_bytes: count, body_bytes }
        }
        other => other,
    }
}
