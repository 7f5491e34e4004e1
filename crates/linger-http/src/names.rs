//! The second and third seed protocols: `POST /get_name`, `/send_message`,
//! `/get_all_message`, `/get_new_message`, open to pages of any origin.
//!
//! Source: the second article's Flask servers; the first half polls
//! `/get_all_message`, the second waits in `/get_new_message`. A visitor is
//! `name==uuid`, which is public: nothing here gives or takes a token.
//! docs/protocols/names.md lists the differences from the article.

mod dialect;
mod username;
mod visitors;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{FromRef, State},
    http::StatusCode,
    response::Response,
    routing::post,
};
use linger_core::{Author, Cursor, ExternalId, Message, MessageText, SenderTime, UserId};
use linger_node::{Asker, Page, questions::KnownAs};
use linger_serve::{
    APPLICATION_JSON, Address, App, Caller, Change, Decision, Failure, Hold, JsonBody, Method,
    Rendered, Renderer, RendererRef, Request, Routes, Undecided, answer, parse, whole,
};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use tokio::time::Instant;

use self::{
    dialect::Envelope,
    username::{Username, fresh_uuid, made_up_id},
    visitors::{Visitor, Visitors},
};
use crate::{
    friendly_names::{Language, friendly_name},
    lobby::{Lobby, in_plain_text},
};

/// Messages in `/get_all_message`: the article's bound.
const ALL_MESSAGES: usize = 100;
/// Events looked at for the one message that `/get_new_message` answers: a few,
/// so that people who come and go do not take a look each.
const LOOK_EVENTS: usize = 32;
/// The article's words after a wait without news.
const NO_NEWS: &str = "没有新消息";

/// The settings and the memory of these protocols.
#[derive(Clone)]
struct Names {
    app: Arc<App>,
    visitors: Arc<Visitors>,
    hold: Duration,
}

impl FromRef<Names> for Arc<App> {
    fn from_ref(names: &Names) -> Arc<App> {
        names.app.clone()
    }
}

/// Returns the routes of these protocols, where `/get_new_message` is held for `hold`.
pub(crate) fn routes(app: &Arc<App>, hold: Duration) -> Routes {
    let visitors = Arc::new(Visitors::new(app.node.tail().position));
    let names = Names { app: app.clone(), visitors, hold };
    Routes::new()
        .at_once("/get_name", post(get_name).with_state(names.clone()))
        .at_once("/send_message", post(send_message).with_state(names.clone()))
        .at_once("/get_all_message", post(get_all_message).with_state(names.clone()))
        .held(Method::Post, "/get_new_message", move |request: &Request<'_>| {
            names.get_new_message(request)
        })
        .when_ready(app)
        .on_hyper(dialect::in_dialect)
}

/// Makes a guest with a friendly name and answers `name==uuid`.
/// Source: the article's route `/get_name`.
async fn get_name(
    State(Names { app, visitors, .. }): State<Names>,
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
    visitors.begin(&username.id, user, receipt.position, Instant::now())?;
    Ok(answer(StatusCode::OK, &username.to_string()))
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
    State(names): State<Names>,
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
    // Before the message is stored: a visitor reads their own messages, too.
    let user = names.present(address, &username).await?.user;
    names.app.rates.count(Change::Message, user, address)?;
    Lobby::of(&names.app.node, Some(user))?.say(user, text, time).await?;
    Ok(answer(StatusCode::OK, &Envelope::done("")))
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
    message: String,
    time: String,
}

/// Lists the newest messages. Source: the article's route `/get_all_message`.
async fn get_all_message(State(Names { app, .. }): State<Names>) -> Result<Response, Failure> {
    visitors_may_read(&app)?;
    let newest = Lobby::of(&app.node, None)?.newest(ALL_MESSAGES).await?;
    // The article's page has no words for a deleted message.
    let messages = newest.iter().filter_map(|news| news.message()).filter(|it| !it.deleted);
    let messages: Vec<_> = messages.collect();
    let authors: BTreeSet<UserId> = messages.iter().map(|message| message.by.id).collect();
    let ids = app.node.query(Asker::House, KnownAs(authors)).await?;
    let listed = messages.into_iter().map(|message| {
        let spoken = spoken(message);
        let id = ids.get(&message.by.id);
        let id = id.map_or_else(|| made_up_id(message.by.id), ExternalId::to_string);
        Listed { tag: id + &spoken.time, spoken }
    });
    Ok(answer(StatusCode::OK, &listed.collect::<Vec<_>>()))
}

/// Errors: 401 where visitors may not read. A username is public and proves nothing, so
/// everybody who reads here is a visitor.
fn visitors_may_read(app: &App) -> Result<(), Failure> {
    Caller { user: None }.reader(app).map(drop)
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    username: String,
}

impl Names {
    /// Waits for the next message that this visitor has not had, and answers it.
    /// Source: the article's route `/get_new_message`.
    fn get_new_message(&self, request: &Request<'_>) -> Result<Decision, Undecided> {
        visitors_may_read(&self.app)?;
        let named: Named = parse(request.body())?;
        let username = Username::parse(&named.username)?;
        let Some(visitor) = self.visitors.find(&username.id, Instant::now()) else {
            let (names, address) = (self.clone(), request.address());
            let come_in = async move { names.present(address, &username).await.map(|_| ()) };
            return Err(Undecided::Errand(Box::pin(come_in)));
        };
        let Visitor { user, position, .. } = visitor;
        let node = &self.app.node;
        // The cursor is kept in memory only, so it belongs to this server's own past.
        let cursor = Cursor { log: node.log_id(), epoch: None, position };
        let next = NextMessage { visitors: self.visitors.clone(), id: username.id, user };
        let renderer = RendererRef::Private(Arc::new(next));
        let ticket = Lobby::of(node, Some(user))?.ticket(cursor, LOOK_EVENTS, renderer);
        Ok(Decision::Hold(Hold { ticket, hold: self.hold, opening: None }))
    }

    /// Returns the visitor of this username; an unknown one comes in now.
    ///
    /// The article fails on an unknown username. Here a client is known again after a
    /// restart, and may also make up its own id.
    async fn present(&self, address: IpAddr, username: &Username) -> Result<Visitor, Failure> {
        if let Some(visitor) = self.visitors.find(&username.id, Instant::now()) {
            return Ok(visitor);
        }
        let app = &self.app;
        let user = username.user(app, || app.rates.guest(address)).await?;
        let latest = app.node.latest().position;
        Ok(self.visitors.begin(&username.id, user, latest, Instant::now())?)
    }
}

/// Renders the first message of a page for one request of one visitor.
#[derive(Debug)]
struct NextMessage {
    visitors: Arc<Visitors>,
    id: ExternalId,
    user: UserId,
}

impl Renderer for NextMessage {
    /// Renders the message and moves the visitor past it in one step, so that a client
    /// that went away while it was held has missed nothing.
    fn render(&self, after: Cursor, page: &Page, is_over: bool) -> Rendered {
        let message = page.news.iter().filter_map(|news| news.message()).find(|it| !it.deleted);
        let upto = message.map_or(page.cursor.position, |message| message.id.position());
        let wait_from = |position| Rendered::Nothing(Cursor { position, ..page.cursor });
        // Other events move the visitor, too. So the visitor is always where the ticket is,
        // unless another request has moved them.
        let (from, now) = (after.position, Instant::now());
        if let Err(moved) = self.visitors.advance(&self.id, self.user, from, upto, now) {
            return wait_from(moved);
        }
        if message.is_none() && !is_over {
            return wait_from(upto);
        }
        let body = match message {
            Some(message) => encode(&Envelope::done(spoken(message))),
            None => encode(&Envelope::nothing(NO_NEWS)),
        };
        let mut whole = whole(APPLICATION_JSON, body);
        dialect::open_to_all(whole.headers_mut());
        Rendered::Answer(whole)
    }
}

fn encode(envelope: &impl Serialize) -> String {
    serde_json::to_string(envelope).expect("answers have no failing parts")
}

fn spoken(message: &Message) -> Spoken<'_> {
    let time = match &message.sender_time {
        Some(time) => time.to_string(),
        None => clock_time(&message.at.to_string()),
    };
    Spoken { username: message.by.name.as_str(), message: in_plain_text(message), time }
}

/// Returns `YYYY-MM-DD HH:MM:SS` of an RFC 3339 time, as the article's page
/// formats its own.
fn clock_time(rfc3339: &str) -> String {
    let (date, time) = rfc3339.split_once('T').expect("RFC 3339 has a T");
    let (time, _) = time.split_once('.').expect("our times have milliseconds");
    format!("{date} {time}")
}
