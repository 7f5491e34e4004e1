//! A request for a route that may be held, and the decision about it: the same,
//! whichever server read it.
//!
//! Its head and body are in linger-park's form; a request from hyper is put into it. The
//! parameters of its route and its caller are read here.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use futures_util::future::BoxFuture;
use linger_core::UserId;
use linger_park::Method;
use matchit::Params;
use percent_encoding::percent_decode_str;

use crate::{
    app::App,
    caller::{Caller, address_of, brings_token, tokens_of},
    failure::Failure,
    response::WholeResponse,
    submission::Submission,
    ticket::Hold,
};

/// A request for a route that may be held.
pub struct Request<'a> {
    pub(crate) app: &'a Arc<App>,
    pub(crate) head: &'a linger_park::Request<'a>,
    pub(crate) parameters: Params<'a, 'a>,
    /// The holders of the request's tokens, once the tables were asked.
    pub(crate) sessions: &'a [(String, Option<UserId>)],
}

impl<'a> Request<'a> {
    /// Returns the decoded value of the parameter with this name in the route's pattern.
    ///
    /// Errors: 400 when it is no UTF-8.
    pub fn parameter(&self, name: &str) -> Result<Cow<'_, str>, Failure> {
        let raw = self.parameters.get(name);
        let raw = raw.unwrap_or_else(|| panic!("the pattern of this route has no {name}"));
        if !raw.contains('%') {
            return Ok(Cow::Borrowed(raw));
        }
        let decoded = percent_decode_str(raw).decode_utf8();
        decoded.map_err(|_| {
            Failure::malformed(format!("'{name}' in the path is not UTF-8; send it as UTF-8"))
        })
    }

    /// Returns the part of its target after the question mark, not decoded.
    pub fn query(&self) -> Option<&'a str> {
        self.head.query
    }

    /// Returns its body.
    pub fn body(&self) -> &'a [u8] {
        self.head.body
    }

    /// Returns the fields of its head.
    pub fn fields(&self) -> &linger_park::Request<'a> {
        self.head
    }

    /// Returns the node, and everything around it.
    pub fn app(&self) -> &'a Arc<App> {
        self.app
    }

    /// Returns the address that rates are counted for.
    pub fn address(&self) -> IpAddr {
        address_of(self.app, self.head, self.head.peer.ip())
    }

    /// Returns the holder of this token, if it is known here whether there is one.
    fn session(&self, token: &str) -> Option<Option<UserId>> {
        let found = self.sessions.iter().find(|(known, _)| known == token);
        found.map(|(_, user)| *user).or_else(|| self.app.node.session(token).map(Some))
    }

    /// Returns the caller. Errors: a failure, for a token that nobody may use; or the
    /// tables must say who holds it.
    pub fn caller(&self) -> Result<Caller, Undecided> {
        let (app, is_safe) = (self.app, self.head.method == Method::Get);
        let mut unknown = Vec::new();
        for token in tokens_of(app, self.head) {
            let Some(user) = self.session(token.text) else {
                unknown.push(token.text.to_owned());
                continue;
            };
            // If an unknown token comes before it, the tables say which of them counts.
            if let (Some(user), true) = (user, unknown.is_empty()) {
                token.may_act(app, self.head, is_safe)?;
                return Ok(Caller { user: Some(user) });
            }
        }
        if !unknown.is_empty() {
            return Err(Undecided::Sessions(unknown));
        }
        match brings_token(app, self.head) {
            true => Err(Failure::unknown_token().into()),
            false => Ok(Caller { user: None }),
        }
    }
}

/// The decision about a request.
pub enum Decision {
    /// It is answered at once.
    Answer(WholeResponse),
    /// It waits for news.
    Hold(Hold),
    /// It makes a change, and waits for the outcome.
    Submit(Box<dyn Submission>),
}

/// The reason why a request is not decided yet.
pub enum Undecided {
    /// It never will be, because of this failure.
    Failure(Failure),
    /// The tables must say who holds these tokens.
    Sessions(Vec<String>),
    /// Something else must be found out first. Then it is decided again.
    Errand(Errand),
    /// It needs a task: to read the tables, say.
    Task(Task),
}

/// Finds something out, and remembers it. Errors: the failure of the request.
pub type Errand = BoxFuture<'static, Result<(), Failure>>;
/// Decides by the tables.
pub type Task = BoxFuture<'static, Result<Decision, Failure>>;

impl<F: Into<Failure>> From<F> for Undecided {
    fn from(failure: F) -> Undecided {
        Undecided::Failure(failure.into())
    }
}
