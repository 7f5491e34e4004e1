//! Speaking in a room: `POST /r/{room}`, with the text as the body, or as a field of a
//! form.
//!
//! Somebody without a session becomes a guest. A form carries the name of its request,
//! so that sending it again says nothing twice; after it a browser goes back to the room.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use linger_core::{Cursor, MessageText, Request as Named, RequestId, UserId, UserName};
use linger_node::{Receipt, RoomRef};
use linger_serve::{
    Address, App, Decision, Failure, Fields, Request, Undecided, WholeResponse,
    refuse_other_origins,
};
use sha2::{Digest, Sha256};

use super::{
    caller, medium::Medium, multipart::Multipart, newcomers::Newcomers, view::View, zone::Zone,
};
use crate::{
    addressed::room_at,
    form::Form,
    guests::{guest_of, make_guest},
    idempotency::request_id_of,
    query::Query,
    say::{Answered, Answers, Saying, message_of},
    written::{Format, Writing},
};

/// The header by which a new guest gets their token.
const TOKEN: HeaderName = HeaderName::from_static("linger-token");

/// A request to speak.
struct Asked {
    room: RoomRef,
    writing: Writing,
    request: Option<Named>,
    address: Address,
    answers: Told,
}

/// The things that somebody sends who speaks.
struct Sent {
    text: String,
    /// The name of a newcomer.
    name: Option<String>,
    /// The name of the request, in a form of ours.
    request_id: Option<String>,
    format: Option<String>,
}

/// Answers `POST /r/{room}`.
pub(super) fn say(request: &Request<'_>, newcomers: &Newcomers) -> Result<Decision, Undecided> {
    let app = request.app();
    let user = caller(request)?.user;
    let query = Query::new(request.query());
    let sent = Sent::parse(request.fields(), request.body())?;
    let format = sent.format.clone().or_else(|| query.text("format").map(String::from));
    let format = format.map_or(Ok(Format::Plain), |format| Format::parse(&format))?;
    let writing = Writing::read(sent.text.clone(), format, false)?;
    let room = room_at(&app.node, &request.parameter("room")?, user)?;
    let named = match request_id_of(request.fields())? {
        Some(id) => Some(id),
        None => sent.request_id.as_deref().map(|form| of_form(form, &sent.text)),
    };
    let zone = query.text("tz").map_or(Ok(Zone::UTC), |name| Zone::named(&name))?;
    let medium = Medium::of(request.fields(), user.is_some());
    let view = View { room: room.slug.clone(), medium, zone };
    let asked = Asked {
        request: named.map(|id| Saying::request(id, &room, (&sent.text, format), (None, &[]))),
        room,
        writing,
        address: Address(request.address()),
        answers: Told { view, latest: app.node.latest(), session: None },
    };
    if let Some(user) = user {
        let (answered, writing) = asked.of(user);
        return answered.decide(app, writing);
    }
    let name = sent.name.or_else(|| query.text("as").map(String::from));
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.map(|name| UserName::parse(&name)).transpose()?;
    let token = sent.request_id.and_then(|form| newcomers.token(&form));
    let (app, headers) = (app.clone(), head_of(request));
    Err(Undecided::Task(Box::pin(async move { asked.come_in(&app, &headers, name, token).await })))
}

/// Returns the head of a request, for a task that outlives it.
fn head_of(request: &Request<'_>) -> HeaderMap {
    let fields = request.fields().headers().filter_map(|(name, value)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    fields.collect()
}

/// Returns the name of a form's request. A form says one thing once: another text,
/// from the page to which somebody has gone back, is another request.
///
/// Everybody who reads the message sees the name, and nobody may learn the form's id from
/// it ([`Newcomers`]).
fn of_form(form: &str, text: &str) -> RequestId {
    let digest = Sha256::new().chain_update(form).chain_update("\n").chain_update(text.trim());
    let name = format!("form-{}", const_hex::encode(&digest.finalize()[..16]));
    RequestId::parse(&name).expect("it has letters, digits and a hyphen")
}

impl Sent {
    /// Errors: it is neither a text nor a form.
    fn parse(fields: &impl Fields, body: &[u8]) -> Result<Sent, Failure> {
        let content_type = fields.text("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is = |other: &str| media_type.eq_ignore_ascii_case(other);
        if is("application/json") {
            let detail = "this address takes a text as it is, or a form with the field 'text': send it as text/plain or application/x-www-form-urlencoded; JSON goes to /api/v1";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Failure::new(status, "unsupported_media_type", detail));
        }
        if is("multipart/form-data") {
            let form = Multipart::parse(content_type, body)?;
            let no_text =
                || Failure::malformed("the form has no field 'text'; send one: curl -F text=hello");
            let text = form.find("text")?.ok_or_else(no_text)?;
            let (name, request_id) = (form.find("as")?, form.find("request_id")?);
            return Ok(Sent { text, name, request_id, format: form.find("format")? });
        }
        let form = Form::new(body);
        // `curl -d` sends any text under the type of forms.
        if is("application/x-www-form-urlencoded")
            && let Some(text) = form.find("text")?
        {
            let (name, request_id) = (form.find("as")?, form.find("request_id")?);
            return Ok(Sent { text, name, request_id, format: form.find("format")? });
        }
        let text = str::from_utf8(body)
            .map_err(|_| Failure::malformed("the text is not UTF-8; send it as UTF-8"))?;
        Ok(Sent { text: text.to_owned(), name: None, request_id: None, format: None })
    }
}

impl Asked {
    /// Makes the speaker a guest, who then speaks: a form of ours has their token.
    async fn come_in(
        mut self,
        app: &App,
        headers: &HeaderMap,
        name: Option<UserName>,
        token: Option<String>,
    ) -> Result<Decision, Failure> {
        let (user, token) = match token {
            Some(token) => (guest_of(app, self.address, headers, name, &token).await?, token),
            None => {
                let guest = make_guest(app, self.address, headers, name, None).await?;
                (guest.user.id, guest.token)
            }
        };
        // A page of another origin keeps its token itself.
        let is_ours = refuse_other_origins(app, headers).is_ok();
        let cookie = is_ours.then(|| app.session_cookie.set(&token, headers));
        let token = HeaderValue::try_from(token).expect("a token is ASCII");
        self.answers.session = Some(Session { token, cookie });
        let (answered, writing) = self.of(user);
        answered.decide_naming(&app.node, writing).await
    }

    /// Returns it as that of this user.
    fn of(self, user: UserId) -> (Answered<Told>, Writing) {
        let Asked { room, writing, request, address, answers } = self;
        let nothing_yet = Saying::plain(user, room, MessageText::empty());
        let saying = Saying { request, ..nothing_yet };
        (Answered { saying, address: address.0, answers }, writing)
    }
}

/// Answers with the line that was said; a browser goes back to the room.
#[derive(Debug)]
struct Told {
    view: View,
    /// A cursor from when the request came: its log and its epoch are those of the answer.
    latest: Cursor,
    session: Option<Session>,
}

/// The session of a new guest.
#[derive(Debug)]
struct Session {
    token: HeaderValue,
    cookie: Option<HeaderValue>,
}

impl Answers for Told {
    fn said(&self, receipt: &Receipt) -> WholeResponse {
        let cursor = Cursor { position: receipt.position, ..self.latest };
        let at_message = format!("{}/{}", self.view.path(), message_of(receipt).number);
        let (status, location, body) = match self.view.medium {
            Medium::Html { .. } => (StatusCode::SEE_OTHER, self.view.address(), String::new()),
            Medium::Plain => {
                let done = if receipt.is_repeat { StatusCode::OK } else { StatusCode::CREATED };
                let news: Vec<_> = receipt.news.as_deref().into_iter().collect();
                (done, at_message, self.view.lines(&news))
            }
        };
        let mut answer = self.view.medium.whole(body);
        self.view.lead_on(&mut answer, cursor);
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        let location = HeaderValue::try_from(location).expect("what is encoded is ASCII");
        headers.insert(header::LOCATION, location);
        self.greet(headers);
        answer
    }

    fn failed(&self, failure: &Failure) -> WholeResponse {
        let mut failed = self.view.medium.failed(failure);
        self.greet(failed.headers_mut());
        failed
    }
}

impl Told {
    /// Gives a new guest their session.
    fn greet(&self, headers: &mut HeaderMap) {
        let Some(Session { token, cookie }) = &self.session else { return };
        headers.insert(TOKEN, token.clone());
        if let Some(cookie) = cookie {
            headers.insert(header::SET_COOKIE, cookie.clone());
        }
    }
}
