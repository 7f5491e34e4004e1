//! Pages of other origins: which may call, and what is kept from the others.
//!
//! Our own page rides on the session cookie, and what changes something that way
//! must come from it: Sec-Fetch-Site says so, else Origin beside Host. A page whose
//! origin the operator named calls with a bearer token, or as a visitor, and never
//! with the cookie: no answer allows credentials. Source: the Fetch standard,
//! sections 3.2 and 3.3; Fetch Metadata, section 2.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{App, failure::Failure, fields::Fields};

/// What may be asked from elsewhere.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What may be said there beside what every page may say.
const ASKED_WITH: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer");
/// What may be read there beside what every page may read.
const TOLD_WITH: HeaderValue =
    HeaderValue::from_static("Date, Location, Preference-Applied, Retry-After");
/// Seconds that a browser need not ask again: most keep it for no longer.
const KEPT_SECONDS: HeaderValue = HeaderValue::from_static("7200");
/// Between two lines in the log about pages that are taken for foreign.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Whose pages may call the native API, beside our own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Nobody's: a server inside a house must not be read by every page that
    /// somebody there opens.
    #[default]
    None,
    /// Everybody's.
    Any,
    /// Those of these origins, as browsers write them.
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
    pub(crate) fn has(&self, fields: &impl Fields) -> bool {
        match self {
            Origins::None => false,
            Origins::Any => fields.has("origin"),
            Origins::Named(named) => {
                let origin = fields.values("origin").next();
                named.iter().any(|named| Some(named.as_bytes()) == origin)
            }
        }
    }

    /// Tells whether an answer to this request says something that the answer to
    /// another need not say: then the two cannot share their bytes.
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

    /// Returns what all answers say, if that is the same for every page.
    fn same_for_all(&self) -> Option<HeaderValue> {
        match self {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Named(named) if named.len() == 1 => Some(named[0].clone()),
            Origins::None | Origins::Named(_) => None,
        }
    }
}

/// Answers a browser that asks whether a page may ask, and lets the page read what
/// the native API answers, whatever that is.
pub(crate) async fn let_named_origins_call(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let origins = &app.settings.origins;
    if *origins == Origins::None {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).filter(|_| origins.has(request.headers()));
    let origin = origin.cloned();
    let is_preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match is_preflight && origin.is_some() {
        true => {
            let headers = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED_WITH),
                (header::ACCESS_CONTROL_MAX_AGE, KEPT_SECONDS),
            ];
            (StatusCode::NO_CONTENT, headers).into_response()
        }
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    origins.allow(headers);
    if origins.same_for_all().is_none() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, TOLD_WITH);
        }
    }
    response
}

/// A request that sets a cookie or rides on one: from our own pages only.
///
/// Errors: 403 for a request that a browser sends for a page of another origin.
/// What is no browser says nothing about origins, and passes.
pub(crate) fn refuse_other_origins(app: &App, fields: &impl Fields) -> Result<(), Failure> {
    let site = fields.has("sec-fetch-site").then(|| fields.text("sec-fetch-site"));
    let origin = fields.has("origin").then(|| fields.text("origin"));
    let detail = match (site, origin) {
        (Some(Some("same-origin" | "none")), _) | (None, None) => return Ok(()),
        (None, Some(Some(origin))) if is_ours(origin, fields.text("host")) => return Ok(()),
        (None, Some(Some(origin))) => not_our_address(app, origin, fields.text("host")),
        // What cannot be read is nobody's word for it.
        (Some(_), _) | (None, Some(None)) => "a request with the session cookie must come from this server's own pages; send the token as 'Authorization: Bearer TOKEN' instead".to_owned(),
    };
    Err(Failure::new(StatusCode::FORBIDDEN, "other_origin", detail))
}

/// Tells whether a page of this origin came from the server that is asked as `host`.
/// Letters' case makes no difference, nor does a port that the scheme has anyway.
fn is_ours(origin: &str, host: Option<&str>) -> bool {
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

/// Says, to the reader and in the log, why a page is taken for another server's: a
/// browser cannot be told from a proxy that changes Host.
fn not_our_address(app: &App, origin: &str, host: Option<&str>) -> String {
    let host = host.unwrap_or("nothing");
    if app.origin_warning.may(WARN_EVERY) {
        tracing::warn!(
            %origin, %host,
            "a page was refused because its origin is not the address that this server is asked by; if it is this server's own page, let the proxy pass Host as the browser sends it, with the port (nginx: proxy_set_header Host $http_host)"
        );
    }
    format!(
        "the page is from {origin}, and this server was asked as {host}: another page's request does not get the session cookie. If this is the server's own page, its proxy changes the header Host: let it pass Host as the browser sends it, with the port (nginx: proxy_set_header Host $http_host). From another page, send the token as 'Authorization: Bearer TOKEN'"
    )
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
