//! The cookie that holds a browser's session.
//!
//! Browsers keep cookies by host and ignore the port, so each server has a name of
//! its own, made from its log's id, which never changes. The name from before that is
//! still read. Used by [`crate::caller`], and by the code that makes guests.

use axum::http::HeaderValue;
use linger_core::LogId;

use crate::{fields::Fields, forwarded};

/// The name that all servers had once.
const OLD_NAME: &str = "linger_session";
/// A year: it must survive long holidays. It is set anew now and then.
const MAX_AGE_SECONDS: u32 = 365 * 24 * 60 * 60;

/// The session cookie of one server.
pub struct SessionCookie {
    name: String,
}

impl SessionCookie {
    /// Names the cookie of the server that keeps this log.
    pub(crate) fn of(log: LogId) -> SessionCookie {
        SessionCookie { name: format!("{OLD_NAME}_{log}") }
    }

    /// Returns the header that gives the session to a browser, or keeps it for
    /// another year.
    pub fn set(&self, token: &str, fields: &impl Fields) -> HeaderValue {
        let secure = if forwarded::is_tls(fields) { "; Secure" } else { "" };
        let cookie = format!(
            "{}={token}; Path=/; Max-Age={MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax{secure}",
            self.name
        );
        HeaderValue::from_str(&cookie).expect("a token is printable ASCII")
    }

    /// Returns the values that a request brings under this name, then those under
    /// the old one. There may be several, of other paths or other servers.
    pub(crate) fn values<'a>(&'a self, fields: &'a impl Fields) -> impl Iterator<Item = &'a [u8]> {
        named(fields, &self.name).chain(named(fields, OLD_NAME))
    }
}

/// Splits bytes, since other cookies may have any characters.
fn named<'a>(fields: &'a impl Fields, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let pairs = fields.values("cookie").flat_map(|cookies| cookies.split(|&byte| byte == b';'));
    pairs
        .filter_map(move |pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}
