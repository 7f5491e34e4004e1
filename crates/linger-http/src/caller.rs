//! Who is asking: a bearer token, the session cookie, or nobody.
//!
//! A request that changes something and rides on the cookie must come from our
//! own pages; a page of somebody else's could send it otherwise.

use std::{net::IpAddr, net::SocketAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use linger_core::UserId;

use crate::{App, failure::Failure};

/// The cookie that holds the session's token.
pub(crate) const SESSION_COOKIE: &str = "linger_session";
/// A year: a name survives holidays.
const SESSION_SECONDS: u32 = 365 * 24 * 60 * 60;

/// Who asks: a user, or a visitor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// The user; none for a visitor.
    pub(crate) user: Option<UserId>,
}

/// Where a connection comes from; the server puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The address that rates are counted for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(pub(crate) IpAddr);

impl Caller {
    /// Returns the user. Errors: 401 for a visitor.
    pub(crate) fn user(self) -> Result<UserId, Failure> {
        self.user.ok_or_else(Failure::no_token)
    }

    /// Returns the user, if any. Errors: 401 for a visitor where they may not read.
    pub(crate) fn reader(self, app: &App) -> Result<Option<UserId>, Failure> {
        match self.user.is_some() || app.settings.visitors_may_read {
            true => Ok(self.user),
            false => Err(Failure::no_token()),
        }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Caller, Failure> {
        let bearer = bearer_token(&parts.headers)?;
        let cookie = session_cookie(&parts.headers);
        let Some(token) = bearer.or(cookie) else { return Ok(Caller { user: None }) };
        if bearer.is_none() && !parts.method.is_safe() {
            refuse_other_origins(&parts.headers)?;
        }
        let user = app.node.authenticate(token).await?.ok_or_else(Failure::unknown_token)?;
        Ok(Caller { user: Some(user) })
    }
}

impl FromRequestParts<Arc<App>> for Address {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Address, Failure> {
        // The nearest proxy adds its caller at the end; what is before it may be made up.
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded
            .filter(|_| app.settings.behind_proxy)
            .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let unknown = IpAddr::from([0, 0, 0, 0]);
        Ok(Address(forwarded.or(peer).unwrap_or(unknown)))
    }
}

/// A request that sets a cookie or rides on one: from our own pages only.
///
/// Errors: 403 for a request that a browser sends for a page of another origin.
/// What is no browser says nothing about origins, and passes.
pub(crate) fn refuse_other_origins(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_ours =
        match (text(header::HeaderName::from_static("sec-fetch-site")), text(header::ORIGIN)) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => {
                let host = origin.split_once("://").map(|(_, host)| host);
                host.is_some() && host == text(header::HOST)
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
pub(crate) fn set_session_cookie(token: &str, headers: &HeaderMap) -> HeaderValue {
    let is_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if is_tls { "; Secure" } else { "" };
    let cookie = format!(
        "{SESSION_COOKIE}={token}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::from_str(&cookie).expect("a token is printable ASCII")
}

fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Failure::unknown_token()),
    }
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, token)| token)
}
