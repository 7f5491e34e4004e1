//! The fields of a request's head, whichever server read it.
//!
//! A request comes by hyper or by linger-park; the same code decides about it.

use axum::http::HeaderMap;

/// The fields of a head.
pub trait Fields {
    /// Returns the values of all fields with this name, in order.
    fn values<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a [u8]>;

    /// Tells whether there is a field with this name.
    fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// Returns the first value, if it is visible ASCII.
    fn text<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next().and_then(visible)
    }

    /// Returns all values that are visible ASCII, in order.
    fn texts<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.values(name).filter_map(visible)
    }
}

fn visible(value: &[u8]) -> Option<&str> {
    let is_visible = |&byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    value.iter().all(is_visible).then(|| str::from_utf8(value).expect("it is ASCII"))
}

impl Fields for HeaderMap {
    fn values<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.get_all(name).into_iter().map(|value| value.as_bytes())
    }
}

impl Fields for linger_park::Request<'_> {
    fn values<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.headers().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}
