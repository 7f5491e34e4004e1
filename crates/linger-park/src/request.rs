//! A request, read strictly: what is accepted here has exactly one reading.
//!
//! It takes only the plain part of HTTP/1.1: GET, POST or PUT, one Host, a short body
//! with one length or none, and no coding, no upgrade, no expectation, no close.
//! Everything else, malformed or merely unusual, is [`Parsed::Foreign`]: the server
//! behind the park gets its bytes and answers as it likes. So the two never disagree
//! about where a request ends.
//!
//! Source: RFC 9112. Nothing is copied.

use std::{
    mem::MaybeUninit,
    net::{Ipv6Addr, SocketAddr},
};

pub use httparse::Header as Field;
use httparse::{Header, Status};

/// Bytes in a head, at most. Browsers send one or two thousand.
pub const HEAD_MAX: usize = 8 << 10;
/// Bytes in a body, at most. A request with a longer one takes no quick answer.
pub const BODY_MAX: usize = 4 << 10;
/// Fields in a head, at most.
pub const FIELDS_MAX: usize = 64;

/// The request methods that are served here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Get, without a body.
    Get,
    /// Post, with or without one.
    Post,
    /// Put, with or without one.
    Put,
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// The part of its target before the first question mark, not decoded. It
    /// begins with a slash and is visible ASCII, without `#`.
    pub path: &'a str,
    /// The part after that question mark, not decoded.
    pub query: Option<&'a str>,
    /// Its body, at most [`BODY_MAX`] bytes.
    pub body: &'a [u8],
    /// The address that it came from.
    pub peer: SocketAddr,
    fields: &'a [Header<'a>],
}

/// Space for the fields of a head. Make one for each [`parse`].
pub struct Fields<'a>([MaybeUninit<Header<'a>>; FIELDS_MAX]);

/// The result of [`parse`].
#[derive(Debug)]
pub enum Parsed<'a> {
    /// The beginning of a head.
    Incomplete,
    /// A request that is not served here.
    Foreign,
    /// A whole head that may be served here.
    Head {
        /// The request, still without its body.
        head: Request<'a>,
        /// Bytes in its head.
        head_bytes: usize,
        /// Bytes in its body, at most [`BODY_MAX`].
        body_bytes: usize,
    },
}

impl Fields<'_> {
    /// Makes space.
    pub fn new() -> Self {
        Fields([const { MaybeUninit::uninit() }; FIELDS_MAX])
    }
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Fields::new()
    }
}

impl<'a> Request<'a> {
    /// Returns the first field with this name, without the white space around it.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut named = self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.next().map(|field| field.value)
    }

    /// Makes a request from one that another server has read. `target` is its path and
    /// its query.
    pub fn new(
        method: Method,
        target: (&'a str, Option<&'a str>),
        fields: &'a [Field<'a>],
        body: &'a [u8],
        peer: SocketAddr,
    ) -> Request<'a> {
        let (path, query) = target;
        Request { method, path, query, body, peer, fields }
    }

    /// Returns the request with its body, once that is here.
    pub(crate) fn with_body(self, body: &'a [u8]) -> Request<'a> {
        Request { body, ..self }
    }

    /// Returns all fields, in order, as they were written.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = (&'a str, &'a [u8])> + use<'a> {
        self.fields.iter().map(|field| (field.name, field.value))
    }
}

/// Reads the head at the beginning of `bytes`.
///
/// More bytes change nothing but [`Parsed::Incomplete`].
pub fn parse<'a>(bytes: &'a [u8], peer: SocketAddr, fields: &'a mut Fields<'a>) -> Parsed<'a> {
    // httparse skips empty lines before a request. Not every server does.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Parsed::Foreign;
    }
    let mut raw = httparse::Request::new(&mut []);
    let head_bytes = match raw.parse_with_uninit_headers(bytes, &mut fields.0) {
        Ok(Status::Complete(count)) if count <= HEAD_MAX => count,
        Ok(Status::Partial) if bytes.len() <= HEAD_MAX => return Parsed::Incomplete,
        _ => return Parsed::Foreign,
    };
    let (Some(method), Some(target), Some(1)) = (raw.method, raw.path, raw.version) else {
        return Parsed::Foreign;
    };
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        _ => return Parsed::Foreign,
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !has_plain_lines(&bytes[..head_bytes])
        || !target.starts_with('/')
        || !target.bytes().all(is_plain)
    {
        return Parsed::Foreign;
    }
    let fields: &'a [Header<'a>] = raw.headers;
    let Some(body_bytes) = body_bytes(fields).filter(|&count| method != Method::Get || count == 0)
    else {
        return Parsed::Foreign;
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let head = Request { method, path, query, body: &[], peer, fields };
    Parsed::Head { head, head_bytes, body_bytes }
}

/// Tells whether every line ends with CR LF, neither stands alone, and no line
/// goes on with white space. httparse takes a bare LF for the end of a line.
fn has_plain_lines(head: &[u8]) -> bool {
    let mut previous = 0;
    for &byte in head {
        let is_plain = match (previous, byte) {
            (b'\r', byte) => byte == b'\n',
            (_, b'\n') => false,
            (b'\n', b' ' | b'\t') => false,
            _ => true,
        };
        if !is_plain {
            return false;
        }
        previous = byte;
    }
    true
}

/// Returns the length of the body. None: the fields leave a doubt about it, or ask
/// for something else that changes how the connection is read.
fn body_bytes(fields: &[Header<'_>]) -> Option<usize> {
    let mut hosts = 0;
    let mut length = None;
    for field in fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        // By length first: most fields have none of these names.
        match field.name.len() {
            4 if is("Host") => {
                if !is_host(field.value) {
                    return None;
                }
                hosts += 1;
            }
            6 if is("Expect") => return None,
            7 if is("Upgrade") || is("Trailer") => return None,
            10 if is("Connection") && !field.value.eq_ignore_ascii_case(b"keep-alive") => {
                return None;
            }
            14 if is("Content-Length") => {
                if length.is_some() {
                    return None;
                }
                length = Some(decimal(field.value)?);
            }
            17 if is("Transfer-Encoding") => return None,
            _ => {}
        }
    }
    (hosts == 1).then_some(length.unwrap_or(0))
}

/// Tells whether this is a host, with or without a port, as the field `Host` has it:
/// RFC 9110, section 7.2, and RFC 3986, section 3.2.2. An address of the web has a
/// host that is not empty (RFC 9110, section 4.2.1).
pub fn is_host(value: &[u8]) -> bool {
    let Ok(value) = str::from_utf8(value) else { return false };
    let (host, port) = match value.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            if address.parse::<Ipv6Addr>().is_err() {
                return false;
            }
            ("", port)
        }
        None => {
            let end = value.find(':').unwrap_or(value.len());
            (&value[..end], &value[end..])
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok())
        }
        None => port.is_empty(),
    };
    is_port && (value.starts_with('[') || is_name(host))
}

fn is_name(host: &str) -> bool {
    let mut bytes = host.bytes();
    while let Some(byte) = bytes.next() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
        let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        let mut is_encoded = || byte == b'%' && is_digit(bytes.next()) && is_digit(bytes.next());
        if !(is_plain || is_encoded()) {
            return false;
        }
    }
    !host.is_empty()
}

/// Returns the number written in `digits`, up to [`BODY_MAX`]: no sign, no list,
/// no zero before others.
fn decimal(digits: &[u8]) -> Option<usize> {
    let is_usual = matches!(digits, [b'0'] | [b'1'..=b'9', ..]);
    if !is_usual || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    (number <= BODY_MAX).then_some(number)
}
