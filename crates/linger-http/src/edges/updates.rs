//! The first seed protocol: `POST /new` says something, `POST /update` is held
//! until there is something to read.
//!
//! Source: the first article's `application`, routes `/new` and `/update`; its
//! client is jQuery with `eval("(" + result + ")")`. What differs from it stands
//! in docs/protocols/updates.md.

mod form;
mod html;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::Response,
    routing::post,
};
use linger_core::{Cursor, MessageText, News, UserId};
use linger_node::Page;
use serde::Serialize;

pub(crate) use form::Form;

use super::{guests::make_guest, lobby::Lobby};
use crate::{
    App,
    caller::{Address, Caller, brings_bearer},
    failure::Failure,
    held::{self, Asked, Whole, task},
    json,
};

/// Messages that a newcomer is shown: the article's `cache_size`.
const BUFFER_MESSAGES: usize = 200;
/// The article sends everything as this. JSON it must not be called: jQuery
/// would parse it then, and the client's `eval` would fail on an object.
const HTML: &str = "text/html; charset=utf-8";

/// Returns the routes of this protocol.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/new", post(new))
        .route("/update", post(update))
        .method_not_allowed_fallback(no_such_method)
}

/// Makes whatever these routes answer speak this protocol, errors too.
pub(crate) fn in_dialect(routes: Router<Arc<App>>) -> Router<Arc<App>> {
    routes.layer(middleware::map_response(tell_in_plain_words))
}

async fn tell_in_plain_words(response: Response) -> Response {
    Failure::retell(response, "text/plain; charset=utf-8", |failure| failure.detail.clone())
}

async fn no_such_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", "this address takes POST only")
}

/// Says `msg` in the lobby. Source: the article's route `/new`.
///
/// Who has no session becomes a guest, and gets one with the answer.
async fn new(
    State(app): State<Arc<App>>,
    address: Address,
    caller: Result<Caller, Failure>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Failure> {
    let known = known(caller, &headers)?;
    let text = MessageText::parse(&form.given("msg")?)?;
    let (user, session) = match known {
        Some(user) => (user, None),
        None => {
            let guest = make_guest(&app, address, &headers, None, None).await?;
            (guest.id, Some(guest.token))
        }
    };
    app.rates.send(user)?;
    Lobby::of(&app.node, Some(user))?.say(user, text, None).await?;
    let mut response = answer(String::new()).map(Body::from);
    if let Some(token) = session {
        response.headers_mut().insert(header::SET_COOKIE, app.session_cookie.set(&token, &headers));
    }
    Ok(response)
}

/// Returns the messages after `cursor`, as soon as there are any.
/// Source: the article's route `/update`.
///
/// A cursor that is none of ours gets the whole buffer.
async fn update(
    State(app): State<Arc<App>>,
    caller: Result<Caller, Failure>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Failure> {
    let user = known(caller, &headers)?;
    let reader = Caller { user }.reader(&app)?;
    if let Some(asked) = ask(&app, reader, &form)? {
        return task::hold(app, asked).await;
    }
    let lobby = Lobby::of(&app.node, reader)?;
    // Before looking: what is said after this ends the wait below.
    let end = app.node.latest();
    let buffer = lobby.newest(BUFFER_MESSAGES).await?;
    let Some(last) = buffer.last() else {
        return task::hold(app.clone(), asked_after(&app, &lobby, end)).await;
    };
    let cursor = Cursor { position: last.position(), ..end };
    Ok(answer(encode(&buffer, cursor)).map(Body::from))
}

/// Understands a request for what was said after its cursor. None if that is none
/// of ours: then the buffer is shown. Errors: it is malformed.
pub(crate) fn ask(
    app: &App,
    reader: Option<UserId>,
    form: &Form,
) -> Result<Option<Asked>, Failure> {
    let lobby = Lobby::of(&app.node, reader)?;
    let cursor = form.text("cursor")?.parse().ok().filter(|cursor| app.node.knows(*cursor));
    Ok(cursor.map(|cursor| asked_after(app, &lobby, cursor)))
}

fn asked_after(app: &App, lobby: &Lobby<'_>, cursor: Cursor) -> Asked {
    let ticket = lobby.ticket(cursor, BUFFER_MESSAGES, held::Form::Update);
    Asked { ticket, hold: app.settings.update_hold, opening: None }
}

/// Returns the answer to who waits for messages. None if there are none in the
/// page, and the wait is not over.
pub(crate) fn tell(page: &Page, is_over: bool) -> Option<Whole> {
    let mut news = page.news.iter().map(|news| &**news).filter(|news| news.message().is_some());
    let is_something = is_over || news.clone().next().is_some();
    is_something.then(|| answer(encode(&mut news, page.cursor)))
}

/// Returns who has the session, if somebody has.
///
/// The article has no sessions, so a cookie that nobody holds any more is none;
/// who sends a bearer token knows what it is, and is told.
fn known(caller: Result<Caller, Failure>, headers: &HeaderMap) -> Result<Option<UserId>, Failure> {
    match caller {
        Ok(caller) => Ok(caller.user),
        Err(failure) if failure == Failure::unknown_token() && !brings_bearer(headers) => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[derive(Serialize)]
struct Update {
    html: String,
    latest_cursor: String,
}

fn encode<'n>(messages: impl IntoIterator<Item = &'n News>, cursor: Cursor) -> String {
    // The article's page has no words for what is deleted.
    let messages = messages.into_iter().filter_map(|news| news.message()).filter(|it| !it.deleted);
    let update =
        Update { html: messages.map(html::element).collect(), latest_cursor: cursor.to_string() };
    html::inert_json(&update)
}

fn answer(body: String) -> Whole {
    json::whole(HTML, body)
}
