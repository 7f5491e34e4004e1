//! Pages of other origins: those that may call.
//!
//! A page whose origin the operator named calls with a bearer token, or as a
//! visitor, and never with the cookie: no answer allows credentials. Source: the
//! Fetch standard, sections 3.2 and 3.3.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::fields::Fields;

/// Headers that such a page may read, beside those that every page may read.
pub(crate) const TOLD_WITH: HeaderValue = HeaderValue::from_static(
    "Content-Disposition, Content-Range, Date, ETag, Linger-File, Location, Preference-Applied, Retry-After, \
     Tus-Resumable, Upload-Expires, Upload-Length, Upload-Offset",
);
/// Origins whose pages may call, beside our own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// None: a server inside a house must not be read by every page that somebody
    /// there opens.
    #[default]
    None,
    /// All origins.
    Any,
    /// These origins, as browsers write them.
    Named(Vec<HeaderValue>),
}

impl FromStr for Origins {
    type Err = String;

    /// Reads `*`, or a list like `https://a.example,http://localhost:5173`.
    fn from_str(given: &str) -> Result<Origins, String> {
        if given.trim() == "*" {
            return Ok(Origins::Any);
        }
        let origins = given.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let named = origins.map(|origin| {
            let origin = origin.trim_end_matches('/').to_ascii_lowercase();
            let rest = origin.split_once("://").map(|(_, rest)| rest);
            let fits = |rest: &str| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ', '*']);
            HeaderValue::from_str(&origin).ok().filter(|_| rest.is_some_and(fits)).ok_or_else(|| {
                format!("an origin is like https://chat.example or http://localhost:5173, not {origin:?}")
            })
        });
        let named: Vec<_> = named.collect::<Result<_, _>>()?;
        Ok(if named.is_empty() { Origins::None } else { Origins::Named(named) })
    }
}

impl Origins {
    /// Tells whether the page that asks is one of these.
    pub fn has(&self, fields: &impl Fields) -> bool {
        match self {
            Origins::None => false,
            Origins::Any => fields.has("origin"),
            Origins::Named(named) => {
                let origin = fields.values("origin").next();
                named.iter().any(|named| Some(named.as_bytes()) == origin)
            }
        }
    }

    /// Tells whether the answer to this request names its origin, and the answer to another
    /// request need not: then the two cannot share their bytes.
    pub(crate) fn tells_apart(&self, fields: &impl Fields) -> bool {
        self.same_for_all().is_none() && self.has(fields)
    }

    /// Lets the pages read an answer that may go to any of them.
    pub(crate) fn allow(&self, headers: &mut HeaderMap) {
        if let Some(origin) = self.same_for_all() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, TOLD_WITH);
        }
    }

    /// Returns the value that all answers have, if it is the same for every page.
    pub(crate) fn same_for_all(&self) -> Option<HeaderValue> {
        match self {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Named(named) if named.len() == 1 => Some(named[0].clone()),
            Origins::None | Origins::Named(_) => None,
        }
    }
}

/// Tells whether a page of this origin came from the server that is asked as `host`.
/// Upper and lower case are the same, and so is a scheme's own port, given or not.
pub(crate) fn is_ours(origin: &str, host: Option<&str>) -> bool {
    let Some(((scheme, authority), host)) = origin.split_once("://").zip(host) else {
        return false;
    };
    let default_port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let name = |authority: &str| {
        let name = authority.strip_suffix(default_port).unwrap_or(authority);
        name.to_ascii_lowercase()
    };
    name(authority) == name(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_ours_whatever_the_letters_and_the_default_port() {
        let rows = [
            ("http://x", "x", true),
            ("http://x", "x:80", true),
            ("http://x:80", "x", true),
            ("https://x", "x:443", true),
            ("https://x", "x", true),
            ("http://chat.example", "Chat.Example", true),
            ("http://Chat.Example:8080", "chat.example:8080", true),
            ("http://[::1]:8080", "[::1]:8080", true),
            ("http://[::1]", "[::1]:80", true),
            ("http://x:8080", "x", false),
            ("http://x", "x:8080", false),
            ("http://x", "x:443", false),
            ("https://x", "x:80", false),
            ("http://x.evil", "x", false),
            ("null", "null", false),
            ("", "", false),
            ("app://x:80", "x", false),
        ];
        for (origin, host, expected) in rows {
            assert_eq!(is_ours(origin, Some(host)), expected, "{origin} at {host}");
            assert!(!is_ours(origin, None), "{origin} at nothing");
        }
    }

    #[test]
    fn origins_are_named_as_browsers_write_them() {
        let named = |origins: &[&'static str]| {
            Origins::Named(origins.iter().map(|it| HeaderValue::from_static(it)).collect())
        };
        let rows = [
            ("", Ok(Origins::None)),
            ("*", Ok(Origins::Any)),
            ("https://a.example", Ok(named(&["https://a.example"]))),
            (
                "https://A.example/ , http://localhost:5173",
                Ok(named(&["https://a.example", "http://localhost:5173"])),
            ),
            ("a.example", Err(())),
            ("https://", Err(())),
            ("https://a.example/chat", Err(())),
            ("https://*.example", Err(())),
            ("https://a.example,*", Err(())),
        ];
        for (given, expected) in rows {
            assert_eq!(given.parse::<Origins>().map_err(drop), expected, "{given:?}");
        }
    }
}
