//! The caller of a request: known by a bearer token or the session cookie, or a visitor.
//!
//! A bearer token counts before a cookie, and one that nobody holds does not count: a
//! proxy in front may have put it there. The cookie is for requests from our own pages
//! ([`crate::guards`]).

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{Extensions, request::Parts},
};
use linger_core::UserId;
use linger_node::Asker;

use crate::{
    app::App, failure::Failure, fields::Fields, forwarded, guards::refuse_other_origins,
    rates::network_of,
};

/// Tokens of one request that are looked up. People bring one or two.
const TOKENS_MAX: usize = 4;

/// The caller of a request: a user, or a visitor.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The user; none for a visitor.
    pub user: Option<UserId>,
}

/// The address from which a connection comes; the server puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// Returns the address of a request: an unspecified one, if it came without a socket.
    pub(crate) fn of(extensions: &Extensions) -> SocketAddr {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        extensions.get::<Peer>().map_or(nowhere, |peer| peer.0)
    }
}

/// The address that rates are counted for.
#[derive(Debug, Clone, Copy)]
pub struct Address(pub IpAddr);

impl Address {
    /// Returns the asker in whose turn a reader's questions are answered: for a visitor,
    /// the address.
    pub fn asker(self, reader: Option<UserId>) -> Asker {
        reader.map_or_else(|| Asker::Address(network_of(self.0)), Asker::Person)
    }
}

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
        for token in tokens_of(&app, &parts.headers) {
            if let Some(user) = app.node.authenticate(token.text).await? {
                token.may_act(&app, &parts.headers, parts.method.is_safe())?;
                return Ok(Caller { user: Some(user) });
            }
        }
        match brings_token(&app, &parts.headers) {
            true => Err(Failure::unknown_token()),
            false => Ok(Caller { user: None }),
        }
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

/// A token that a request brings, which may belong to somebody.
pub struct Token<'a> {
    /// As it was sent.
    pub text: &'a str,
    is_cookie: bool,
}

impl Token<'_> {
    /// Tells whether a browser brought it.
    pub fn is_cookie(&self) -> bool {
        self.is_cookie
    }

    /// Errors: 403 for a request that changes something, relies on the cookie and comes
    /// from a page of another origin. A safe method only reads.
    pub(crate) fn may_act(
        &self,
        app: &App,
        fields: &impl Fields,
        is_safe: bool,
    ) -> Result<(), Failure> {
        if self.is_cookie && !is_safe { refuse_other_origins(app, fields) } else { Ok(()) }
    }
}

/// Returns the tokens that a request brings and that this server may have made, in the
/// order in which they count: the first that somebody holds names the caller.
///
/// There may be several: a proxy adds a token of its own, and a browser has cookies
/// of other servers on this host.
pub fn tokens_of<'a>(app: &'a App, fields: &'a impl Fields) -> impl Iterator<Item = Token<'a>> {
    let bearers = bearers(fields).map(|value| (value, false));
    let cookies = app.session_cookie.values(fields).map(|value| (value, true));
    let tokens = bearers
        .chain(cookies)
        .filter_map(|(value, is_cookie)| Some(Token { text: made_here(value)?, is_cookie }));
    tokens.take(TOKENS_MAX)
}

/// Tells whether a request claims to be somebody's: it is then refused if nobody holds
/// its tokens.
pub(crate) fn brings_token(app: &App, fields: &impl Fields) -> bool {
    brings_bearer(fields) || app.session_cookie.values(fields).next().is_some()
}

/// Tells whether a request brings a bearer token.
pub fn brings_bearer(fields: &impl Fields) -> bool {
    bearers(fields).next().is_some()
}

/// Other schemes belong to a proxy.
fn bearers(fields: &impl Fields) -> impl Iterator<Item = &[u8]> {
    const SCHEME: &[u8] = b"bearer";
    fields.values("authorization").filter_map(|value| {
        let value = value.trim_ascii();
        let (scheme, token) = value.split_at_checked(SCHEME.len())?;
        let is_apart = token.first().is_none_or(u8::is_ascii_whitespace);
        (scheme.eq_ignore_ascii_case(SCHEME) && is_apart).then(|| token.trim_ascii())
    })
}

/// Returns a token if it looks like those that [`linger_node::Node::fresh_token`] makes.
fn made_here(token: &[u8]) -> Option<&str> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_ours = token.len() == 64 && token.iter().all(is_digit);
    is_ours.then(|| str::from_utf8(token).expect("hex digits are ASCII"))
}

/// Returns the address that rates are counted for, of a request that came from `peer`.
pub(crate) fn address_of(app: &App, fields: &impl Fields, peer: IpAddr) -> IpAddr {
    if !app.settings.behind_proxy {
        return peer;
    }
    match forwarded::address(fields) {
        Some(Ok(address)) => address,
        told => {
            if !app.has_warned_of_addresses.swap(true, Ordering::Relaxed) {
                let told = told.map_or_else(|| "nothing".to_owned(), |told| format!("{told:?}"));
                tracing::warn!(
                    %told,
                    "the proxy does not say whose request it passes on, so all of its callers share one rate; let it send an address in X-Forwarded-For or Forwarded, or start with --behind-proxy off"
                );
            }
            peer
        }
    }
}
