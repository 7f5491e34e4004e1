//! The requests of one visit, answered one after the other.
//!
//! Each is checked; its body is read if that is short; it has its turn with the
//! router; and its answer gets a share of the bound on all answers. hyper calls
//! this when a head is whole, and for the next head only after the answer.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::{Request, body::Incoming};
use linger_node::Unavailable;
use tower::ServiceExt;

use super::{
    boundary::{AnswerBody, Answering, ConnectionProgress},
    early, heads,
};
use crate::{
    caller::Peer,
    failure::Failure,
    turns::{self, Slot, Turns},
};

/// Answers the requests of one connection.
pub(super) struct Requests {
    pub(super) router: Router,
    pub(super) peer: SocketAddr,
    pub(super) progress: Arc<ConnectionProgress>,
    pub(super) turns: Arc<Turns>,
    /// The turn for the next request, if there is one already.
    pub(super) slot: Slot,
}

/// A request, taken from hyper.
pub(super) struct Taken {
    head: Parts,
    body: Body,
    answering: Answering,
}

/// There is no room for an answer, not even for a refusal: the connection is closed.
#[derive(Debug)]
pub(super) struct Overfull;

impl Requests {
    /// Notes a request that hyper has read. Call it at once, not in a future.
    pub(super) fn take(&self, request: Request<Incoming>) -> Taken {
        let (mut head, incoming) = request.into_parts();
        head.extensions.insert(Peer(self.peer));
        let (answering, body) = self.progress.ask(incoming);
        Taken { head, body, answering }
    }

    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Requests>,
        taken: Taken,
    ) -> Result<hyper::Response<AnswerBody>, Overfull> {
        let Taken { head, body, answering } = taken;
        let checked = heads::check(&head);
        let is_refused = checked.is_err();
        let mut response = match checked {
            Ok(()) => self.ask_router(head, body).await,
            Err(failure) => failure.into_response(),
        };
        let mut load = self.load_of(&response);
        if load.is_none() {
            response = Failure::from(Unavailable::Overloaded).into_response();
            load = self.load_of(&response);
        }
        let load = load.ok_or(Overfull)?;
        if is_refused || self.progress.has_unread() {
            // The next bytes might be the rest of this request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| answering.with(body, load)))
    }

    async fn ask_router(&self, head: Parts, body: Body) -> Response {
        // A client that waits for a "continue" sends its body when the handler reads it, so
        // the handler decides that.
        let body = match head.headers.contains_key(header::EXPECT) {
            true => body,
            false => early::read(body, &self.slot).await,
        };
        let turn = match self.slot.take() {
            Some(turn) => turn,
            None => self.turns.take().await,
        };
        let answering = self.router.clone().oneshot(Request::from_parts(head, body));
        match turns::within(turn, answering).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Counts an answer of known length; one that comes in pieces counts them itself.
    fn load_of(&self, response: &Response) -> Option<linger_park::Load> {
        let length = hyper::body::Body::size_hint(response.body()).exact().unwrap_or(0);
        self.progress.outlet.load(usize::try_from(length).ok()?)
    }
}

impl fmt::Display for Overfull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many answers are on their way out")
    }
}

impl std::error::Error for Overfull {}
