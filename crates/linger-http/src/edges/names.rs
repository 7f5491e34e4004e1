//! The second and third seed protocols: `POST /get_name`, `/send_message`,
//! `/get_all_message`, `/get_new_message`, open to pages of any origin.
//!
//! Source: the second article's Flask servers; the first half polls
//! `/get_all_message`, the second waits in `/get_new_message`. A visitor is
//! `name==uuid`, which is public: nothing here gives or takes a token. What
//! differs from the article stands in docs/protocols/names.md.

mod dialect;
mod username;
mod visitors;

use std::{collections::BTreeSet, net::IpAddr, ptr, sync::Arc};

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use linger_core::{Author, Cursor, ExternalId, Message, MessageText, Position, SenderTime, UserId};
use linger_node::{Page, questions::KnownAs};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use tokio::time::Instant;

pub(crate) use dialect::in_dialect;
pub(crate) use username::Username;
pub(crate) use visitors::{Visitor, Visitors};

use self::{
    dialect::Told,
    username::{fresh_uuid, made_up_id},
};
use super::lobby::Lobby;
use crate::{
    App,
    caller::{Address, Caller},
    failure::Failure,
    friendly_names::{Language, friendly_name},
    held::{Asked, Form, Whole, task},
    json::{self, JsonBody},
};

/// Messages in `/get_all_message`: the article's bound.
const ALL_MESSAGES: usize = 100;
/// Events looked at for the one message that `/get_new_message` answers: a few,
/// so that people who come and go do not take a look each.
const LOOK_EVENTS: usize = 32;
/// What the article says when a wait was for nothing.
const NO_NEWS: &str = "没有新消息";

/// Returns the routes of these protocols.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/get_name", post(get_name))
        .route("/send_message", post(send_message))
        .route("/get_all_message", post(get_all_message))
        .route("/get_new_message", post(get_new_message))
        .method_not_allowed_fallback(dialect::no_such_method)
}

/// Makes a guest with a friendly name and answers `name==uuid`.
/// Source: the article's route `/get_name`.
async fn get_name(
    State(app): State<Arc<App>>,
    Address(address): Address,
) -> Result<Response, Failure> {
    app.rates.guest(address)?;
    let clock = app.node.clock();
    let username = Username {
        name: friendly_name(Language::Chinese, clock.random()),
        id: fresh_uuid(clock.secret()),
    };
    let command = username.create();
    let receipt = app.node.submit(Author::Server, None, command).await?;
    let user = UserId::new(receipt.position);
    app.visitors.begin(&username.id, user, receipt.position, Instant::now())?;
    Ok(json::answer(StatusCode::OK, &username.to_string()))
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    username: String,
    #[serde(default)]
    message: String,
    time: Option<Time>,
}

/// The sender's own clock: the article sends a text, others `Date.now()`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "'time' is a text or a number")]
enum Time {
    Text(String),
    Number(Number),
}

/// Says something in the lobby. Source: the article's route `/send_message`.
async fn send_message(
    State(app): State<Arc<App>>,
    Address(address): Address,
    JsonBody(sent): JsonBody<Sent>,
) -> Result<Response, Failure> {
    let username = Username::parse(&sent.username)?;
    let text = MessageText::parse(&sent.message)?;
    let time = sent.time.map(|time| match time {
        Time::Text(text) => SenderTime::parse(&text),
        Time::Number(number) => SenderTime::parse(&number.to_string()),
    });
    let time = time.transpose()?;
    // Before saying it: whoever speaks is told their own words too.
    let user = present(&app, address, &username).await?.user;
    app.rates.send(user)?;
    Lobby::of(&app.node, Some(user))?.say(user, text, time).await?;
    Ok(json::answer(StatusCode::OK, &Told::done("")))
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    spoken: Spoken<'a>,
    tag: String,
}

#[derive(Serialize)]
struct Spoken<'a> {
    username: &'a str,
    message: &'a str,
    time: String,
}

/// Lists what was said lately. Source: the article's route `/get_all_message`.
async fn get_all_message(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    visitors_may_read(&app)?;
    let newest = Lobby::of(&app.node, None)?.newest(ALL_MESSAGES).await?;
    let messages: Vec<_> = newest.iter().filter_map(|news| news.message()).collect();
    let authors: BTreeSet<UserId> = messages.iter().map(|message| message.by.id).collect();
    let ids = app.node.query(KnownAs(authors)).await?;
    let listed = messages.into_iter().map(|message| {
        let spoken = spoken(message);
        let id = ids.get(&message.by.id);
        let id = id.map_or_else(|| made_up_id(message.by.id), ExternalId::to_string);
        Listed { tag: id + &spoken.time, spoken }
    });
    Ok(json::answer(StatusCode::OK, &listed.collect::<Vec<_>>()))
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    username: String,
}

/// Waits for the next message that this visitor has not had, and answers it.
/// Source: the article's route `/get_new_message`.
async fn get_new_message(
    State(app): State<Arc<App>>,
    Address(address): Address,
    JsonBody(named): JsonBody<Named>,
) -> Result<Response, Failure> {
    visitors_may_read(&app)?;
    let username = Username::parse(&named.username)?;
    let visitor = present(&app, address, &username).await?;
    let asked = ask(&app, username, visitor)?;
    task::hold(app, asked).await
}

/// Errors: 401 where visitors may not read. A username is public and proves nothing, so
/// everybody who reads here is a visitor.
pub(crate) fn visitors_may_read(app: &App) -> Result<(), Failure> {
    Caller { user: None }.reader(app).map(drop)
}

/// Returns who asks for a new message, by the body of the request.
pub(crate) fn username(body: &[u8]) -> Result<Username, Failure> {
    let named: Named = json::parse(body)?;
    Username::parse(&named.username)
}

/// Who waits for a message, in one request. Only equal to itself: two requests of
/// one visitor are not told the same.
#[derive(Debug)]
pub(crate) struct Asking {
    id: ExternalId,
    user: UserId,
}

impl PartialEq for Asking {
    fn eq(&self, other: &Asking) -> bool {
        ptr::eq(self, other)
    }
}

/// Makes a wait of what a visitor asked for.
pub(crate) fn ask(app: &App, username: Username, visitor: Visitor) -> Result<Asked, Failure> {
    let Visitor { user, position, .. } = visitor;
    // Kept in memory only: it is of this server's own past.
    let cursor = Cursor { log: app.node.log_id(), epoch: None, position };
    let form = Form::Names(Arc::new(Asking { id: username.id, user }));
    let ticket = Lobby::of(&app.node, Some(user))?.ticket(cursor, LOOK_EVENTS, form);
    Ok(Asked { ticket, hold: app.settings.names_hold, opening: None })
}

/// Returns the answer to who waits for a message after `from`, and moves the
/// visitor past it, in one step: a client that went away while it was held has not
/// been told anything.
///
/// Errors: where to wait on, because there is no message in the page, or because
/// another request of this visitor took it.
pub(crate) fn tell(
    app: &App,
    asking: &Asking,
    from: Position,
    page: &Page,
    is_over: bool,
) -> Result<Whole, Position> {
    let message = page.news.iter().filter_map(|news| news.message()).find(|it| !it.deleted);
    let upto = message.map_or(page.cursor.position, |message| message.id.position());
    // Also past what is no message: the visitor is always where the ticket is, or
    // another request has moved them.
    let Asking { id, user } = asking;
    app.visitors.advance(id, *user, from, upto, Instant::now())?;
    if message.is_none() && !is_over {
        return Err(upto);
    }
    let told = match message {
        Some(message) => encode(&Told::done(spoken(message))),
        None => encode(&Told::nothing(NO_NEWS)),
    };
    let mut whole = json::whole(json::APPLICATION_JSON, told);
    dialect::open_to_all(whole.headers_mut());
    Ok(whole)
}

fn encode(told: &impl Serialize) -> String {
    serde_json::to_string(told).expect("answers have no failing parts")
}

/// Returns the visitor of this username; one whom nobody knows comes in now.
///
/// The article fails on a stranger. A server that was restarted has no strangers
/// here, and neither has a client that makes up its own id.
pub(crate) async fn present(
    app: &App,
    address: IpAddr,
    username: &Username,
) -> Result<Visitor, Failure> {
    if let Some(visitor) = app.visitors.find(&username.id, Instant::now()) {
        return Ok(visitor);
    }
    let user = username.user(app, || app.rates.guest(address)).await?;
    let latest = app.node.latest().position;
    Ok(app.visitors.begin(&username.id, user, latest, Instant::now())?)
}

fn spoken(message: &Message) -> Spoken<'_> {
    let time = match &message.sender_time {
        Some(time) => time.to_string(),
        None => clock_time(&message.at.to_string()),
    };
    let text = message.text.as_ref().map_or("", MessageText::as_str);
    Spoken { username: message.by.name.as_str(), message: text, time }
}

/// Returns `YYYY-MM-DD HH:MM:SS` of an RFC 3339 time, as the article's page
/// formats its own.
fn clock_time(rfc3339: &str) -> String {
    let (date, time) = rfc3339.split_once('T').expect("RFC 3339 has a T");
    let (time, _) = time.split_once('.').expect("our times have milliseconds");
    format!("{date} {time}")
}
