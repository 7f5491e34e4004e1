//! Who is asking: a bearer token, the session cookie, or nobody.
//!
//! A request that changes something and rides on the cookie must come from our
//! own pages; a page of somebody else's could send it otherwise.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, request::Parts},
};
use linger_core::UserId;

use crate::{app::App, failure::Failure, fields::Fields};

/// The cookie that holds the session's token.
const SESSION_COOKIE: &str = "linger_session";
/// A year: a name survives holidays.
const SESSION_SECONDS: u32 = 365 * 24 * 60 * 60;

/// Who asks: a user, or a visitor.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The user; none for a visitor.
    pub user: Option<UserId>,
}

/// Where a connection comes from; the server puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// Returns where a request comes from: nowhere, if it came without a socket.
    pub(crate) fn of(extensions: &Extensions) -> SocketAddr {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        extensions.get::<Peer>().map_or(nowhere, |peer| peer.0)
    }
}

/// The address that rates are counted for.
#[derive(Debug, Clone, Copy)]
pub struct Address(pub IpAddr);

impl Caller {
    /// Returns the user. Errors: 401 for a visitor.
    pub fn user(self) -> Result<UserId, Failure> {
        self.user.ok_or_else(Failure::no_token)
    }

    /// Returns the user, if any. Errors: 401 for a visitor where they may not read.
    pub fn reader(self, app: &App) -> Result<Option<UserId>, Failure> {
        match self.user.is_some() || app.settings.visitors_may_read {
            true => Ok(self.user),
            false => Err(Failure::no_token()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller
where
    Arc<App>: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Caller, Failure> {
        let app = Arc::<App>::from_ref(state);
        let token = token_of(&parts.headers, parts.method.is_safe())?;
        let Some(token) = token else { return Ok(Caller { user: None }) };
        let user = app.node.authenticate(token).await?.ok_or_else(Failure::unknown_token)?;
        Ok(Caller { user: Some(user) })
    }
}

impl<S: Sync> FromRequestParts<S> for Address
where
    Arc<App>: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Address, Failure> {
        let app = Arc::<App>::from_ref(state);
        Ok(Address(address_of(&app, &parts.headers, Peer::of(&parts.extensions).ip())))
    }
}

/// Returns the token that a request brings, if it does. A safe method only reads.
///
/// Errors: 401 for an `Authorization` without a token; 403 for a request that
/// changes something, rides on the cookie and comes from a page of another origin.
pub(crate) fn token_of(fields: &impl Fields, is_safe: bool) -> Result<Option<&str>, Failure> {
    let bearer = bearer_token(fields)?;
    let token = bearer.or_else(|| session_cookie(fields));
    if token.is_some() && bearer.is_none() && !is_safe {
        refuse_other_origins(fields)?;
    }
    Ok(token)
}

/// Returns the address that rates are counted for, of a request that came from `peer`.
pub(crate) fn address_of(app: &App, fields: &impl Fields, peer: IpAddr) -> IpAddr {
    if !app.settings.behind_proxy {
        return peer;
    }
    // The nearest proxy adds its caller at the end; what is before it may be made up.
    let forwarded = fields.texts("x-forwarded-for").next_back();
    let address = forwarded.and_then(|value| value.rsplit(',').next()).and_then(forwarded_address);
    address.unwrap_or(peer)
}

/// Reads an address as proxies write it: plain, in quotes, in brackets, with a port.
fn forwarded_address(given: &str) -> Option<IpAddr> {
    let given = given.trim().trim_matches('"');
    if let Ok(address) = given.parse() {
        return Some(address);
    }
    if let Ok(address) = given.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    given.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// A request that sets a cookie or rides on one: from our own pages only.
///
/// Errors: 403 for a request that a browser sends for a page of another origin.
/// What is no browser says nothing about origins, and passes.
pub fn refuse_other_origins(fields: &impl Fields) -> Result<(), Failure> {
    let is_ours = match (fields.text("sec-fetch-site"), fields.text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == fields.text("host")
        }
        (None, None) => true,
    };
    if is_ours {
        return Ok(());
    }
    let detail = "a request with the session cookie must come from this server's own pages; send the token as 'Authorization: Bearer TOKEN' instead";
    Err(Failure::new(StatusCode::FORBIDDEN, "other_origin", detail))
}

/// Returns the header that gives the session to a browser.
pub fn set_session_cookie(token: &str, headers: &HeaderMap) -> HeaderValue {
    let is_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if is_tls { "; Secure" } else { "" };
    let cookie = format!(
        "{SESSION_COOKIE}={token}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::from_str(&cookie).expect("a token is printable ASCII")
}

fn bearer_token(fields: &impl Fields) -> Result<Option<&str>, Failure> {
    if !fields.has("authorization") {
        return Ok(None);
    }
    match fields.text("authorization").and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Failure::unknown_token()),
    }
}

fn session_cookie(fields: &impl Fields) -> Option<&str> {
    let mut pairs = fields
        .texts("cookie")
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_is_understood_in_every_form_that_proxies_write() {
        let rows = [
            ("203.0.113.9", Some("203.0.113.9")),
            (" 203.0.113.9 ", Some("203.0.113.9")),
            ("203.0.113.9:40001", Some("203.0.113.9")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("\"[2001:db8::1]:443\"", Some("2001:db8::1")),
            ("unknown", None),
            ("_hidden", None),
            ("203.0.113.9:port", None),
            ("", None),
        ];
        for (given, expected) in rows {
            let expected = expected.map(|address| address.parse::<IpAddr>().unwrap());
            assert_eq!(forwarded_address(given), expected, "{given:?}");
        }
    }
}
