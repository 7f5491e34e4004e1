//! Rooms as text, for curl and for pages without JavaScript: `/r/{room}`, to read, to
//! wait, to follow, and to speak by `POST`.
//!
//! The header `Accept` decides ([`medium`]): browsers get a whole page, everybody else
//! plain text with a line for each message. Both are made of the same [`lines`]. Waiting
//! and following are held like any other wait. docs/protocols/text.md is the reference.

mod blocks;
mod front;
mod gzip;
mod html;
mod lines;
mod medium;
mod multipart;
mod newcomers;
mod news;
mod plain;
mod reading;
mod sizes;
mod speaking;
mod view;
mod windows;
mod zone;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request as Incoming,
    http::{StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use linger_serve::{
    App, Caller, Failure, Fields, Method, Request, Routes, Undecided, WholeResponse,
};

use self::{
    medium::{Medium, VARY},
    newcomers::Newcomers,
    news::Readers,
};
use crate::{guests::is_forgotten, policy::protect};

/// Returns a failure as a page, if a browser asks; none for everybody else.
pub(crate) fn failed_page(fields: &impl Fields, failure: &Failure) -> Option<WholeResponse> {
    let medium = Medium::of(fields, false);
    medium.is_html().then(|| medium.failed(failure))
}

/// Returns the routes of rooms as text.
pub(crate) fn routes(app: &Arc<App>) -> Routes {
    let newcomers = Arc::new(Newcomers::new(app.clone()));
    let readers = Arc::new(Readers::new(app.clone(), newcomers.clone()));
    let (for_newest, for_around) = (readers.clone(), readers);
    let read = move |request: &Request<'_>| reading::read(request, &for_newest);
    let read_at = move |request: &Request<'_>| reading::read_at(request, &for_around);
    let say = move |request: &Request<'_>| speaking::say(request, &newcomers);
    Routes::new()
        .at_once("/", get(front::door))
        .at_once("/r", get(front::rooms).with_state(app.clone()))
        // The page's own address for the same.
        .at_once("/rooms", get(front::rooms).with_state(app.clone()))
        .held(Method::Get, "/r/{room}", read)
        .held(Method::Get, "/r/{room}/{number}", read_at)
        .held(Method::Post, "/r/{room}", say)
        .when_ready(app)
        .on_hyper(in_own_words)
}

/// Makes all answers of these routes speak as the caller reads, errors too.
fn in_own_words(routes: Router) -> Router {
    routes.method_not_allowed_fallback(no_such_method).layer(middleware::from_fn(speak))
}

async fn no_such_method() -> Failure {
    let detail = "a room is read by GET, and one speaks in it by POST";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", detail)
}

async fn speak(incoming: Incoming, next: Next) -> Response {
    let medium = Medium::of(incoming.headers(), false);
    let response = next.run(incoming).await;
    let tell = |failure: &Failure| medium.failure(failure);
    let mut response = Failure::retell(response, medium.content_type(), tell);
    response.headers_mut().insert(header::VARY, VARY);
    if medium.is_html() {
        protect(response.headers_mut());
    }
    response
}

/// Returns the caller. A browser whose session this server has forgotten is a visitor.
fn caller(request: &Request<'_>) -> Result<Caller, Undecided> {
    match request.caller() {
        Err(Undecided::Failure(failure)) if is_forgotten(&failure, request.fields()) => {
            Ok(Caller { user: None })
        }
        caller => caller,
    }
}
