//! The first seed protocol: `POST /new` sends a message, `POST /update` is held
//! until there are messages to read.
//!
//! Source: the first article's `application`, routes `/new` and `/update`; its
//! client is jQuery with `eval("(" + result + ")")`. docs/protocols/updates.md lists
//! the differences.

mod html;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body as Outgoing,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::Response,
    routing::post,
};
use linger_core::{Cursor, MessageText, News, UserId};
use linger_node::Page;
use linger_serve::{
    Address, App, Body, Caller, Change, Decision, Failure, Hold, Method, Rendered, Renderer,
    RendererRef, Request, Routes, Undecided, WholeResponse, whole,
};
use serde::Serialize;

use crate::{
    form::Form,
    guests::{is_forgotten, make_guest},
    inert::inert_json,
    lobby::Lobby,
};

/// Messages that a newcomer is shown: the article's `cache_size`.
const BUFFER_MESSAGES: usize = 200;
/// The article sends everything under this type. It must not be called JSON: jQuery
/// would then parse it, and the client's `eval` would fail on an object.
const HTML: &str = "text/html; charset=utf-8";

/// Returns the routes of this protocol, where `/update` is held for `hold`.
pub(crate) fn routes(app: &Arc<App>, hold: Duration) -> Routes {
    let update = move |request: &Request<'_>| update(request, hold);
    Routes::new()
        .at_once("/new", post(new).with_state(app.clone()))
        .held(Method::Post, "/update", update)
        .when_ready(app)
        .on_hyper(in_plain_words)
}

/// Makes all answers of these routes speak this protocol, errors too.
fn in_plain_words(routes: Router) -> Router {
    let retell = async |response| {
        let plain = "text/plain; charset=utf-8";
        Failure::retell(response, plain, |failure| failure.detail.clone())
    };
    routes.method_not_allowed_fallback(no_such_method).layer(middleware::map_response(retell))
}

async fn no_such_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", "this address takes POST only")
}

/// Sends `msg` to the lobby. Source: the article's route `/new`.
///
/// A caller without a session becomes a guest, and gets one with the answer.
async fn new(
    State(app): State<Arc<App>>,
    address: Address,
    caller: Result<Caller, Failure>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Failure> {
    let known = match caller {
        Err(failure) if is_forgotten(&failure, &headers) => None,
        caller => caller?.user,
    };
    let text = MessageText::parse(&Form::new(&body).given("msg")?)?;
    let (user, session) = match known {
        Some(user) => (user, None),
        None => {
            let guest = make_guest(&app, address, &headers, None, None).await?;
            (guest.user.id, Some(guest.token))
        }
    };
    app.rates.count(Change::Message, user, address.0)?;
    Lobby::of(&app.node, Some(user))?.say(user, text, None).await?;
    let mut response = answer(String::new()).map(Outgoing::from);
    if let Some(token) = session {
        response.headers_mut().insert(header::SET_COOKIE, app.session_cookie.set(&token, &headers));
    }
    Ok(response)
}

/// Waits for the messages after `cursor`. Source: the article's route `/update`.
///
/// A cursor that this server did not make gets the whole buffer.
fn update(request: &Request<'_>, hold: Duration) -> Result<Decision, Undecided> {
    let app = request.app();
    let caller = match request.caller() {
        Err(Undecided::Failure(failure)) if is_forgotten(&failure, request.fields()) => {
            Caller { user: None }
        }
        caller => caller?,
    };
    let reader = caller.reader(app)?;
    let cursor = Form::new(request.body()).text("cursor")?;
    match cursor.parse().ok().filter(|cursor| app.node.knows(*cursor)) {
        Some(cursor) => {
            let lobby = Lobby::of(&app.node, reader)?;
            Ok(Decision::Hold(hold_after(&lobby, cursor, hold)))
        }
        None => Err(Undecided::Task(Box::pin(show_buffer(app.clone(), reader, hold)))),
    }
}

/// Shows the newest messages; if there are none, waits for the first.
async fn show_buffer(
    app: Arc<App>,
    reader: Option<UserId>,
    hold: Duration,
) -> Result<Decision, Failure> {
    let lobby = Lobby::of(&app.node, reader)?;
    // Before looking: a message after this ends the wait below.
    let end = app.node.latest();
    let buffer = lobby.newest(BUFFER_MESSAGES).await?;
    let Some(last) = buffer.last() else {
        return Ok(Decision::Hold(hold_after(&lobby, end, hold)));
    };
    let cursor = Cursor { position: last.position(), ..end };
    Ok(Decision::Answer(answer(encode(&buffer, cursor))))
}

fn hold_after(lobby: &Lobby<'_>, cursor: Cursor, hold: Duration) -> Hold {
    let ticket = lobby.ticket(cursor, BUFFER_MESSAGES, RendererRef::Shared(&UPDATE));
    Hold { ticket, hold, opening: None }
}

/// Renders the messages of a page.
#[derive(Debug)]
struct Update;

static UPDATE: Update = Update;

impl Renderer for Update {
    fn render(&self, _: Cursor, page: &Page, is_over: bool) -> Rendered {
        if page.reset.is_some() {
            // Only a cluster finds out so late that it does not have this place. Without a
            // cursor the client asks for the buffer.
            return Rendered::Answer(answer(encode_at([], String::new())));
        }
        let mut news = page.news.iter().map(|news| &**news).filter(|news| news.message().is_some());
        match is_over || news.clone().next().is_some() {
            true => Rendered::Answer(answer(encode(&mut news, page.cursor))),
            false => Rendered::Nothing(page.cursor),
        }
    }
}

#[derive(Serialize)]
struct Shown {
    html: String,
    latest_cursor: String,
}

fn encode<'n>(messages: impl IntoIterator<Item = &'n News>, cursor: Cursor) -> String {
    encode_at(messages, cursor.to_string())
}

fn encode_at<'n>(messages: impl IntoIterator<Item = &'n News>, latest_cursor: String) -> String {
    // The article's page has no words for a deleted message.
    let messages = messages.into_iter().filter_map(|news| news.message()).filter(|it| !it.deleted);
    inert_json(&Shown { html: messages.map(html::element).collect(), latest_cursor })
}

fn answer(body: String) -> WholeResponse {
    whole(HTML, body)
}
