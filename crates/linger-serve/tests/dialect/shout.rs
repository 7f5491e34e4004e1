//! A dialect for tests: `GET /shout?after=CURSOR` waits for messages in the lobby,
//! and answers them in capitals; `POST /shout` sends its body there.

use std::{net::IpAddr, sync::Arc, time::Duration};

use linger_core::{Command, Cursor, MessageText, Request as Named, Slug, UserId};
use linger_node::{Page, Receipt, RoomRef};
use linger_serve::{
    App, Decision, Failure, Hold, Method, Rendered, Renderer, RendererRef, Request, Routes,
    Submission, Ticket, Undecided, WholeResponse, whole,
};

/// Returns the routes of this dialect.
pub(crate) fn routes(app: &Arc<App>) -> Routes {
    Routes::new()
        .held(Method::Get, "/shout", listen)
        .held(Method::Post, "/shout", say)
        .when_ready(app)
}

fn listen(request: &Request<'_>) -> Result<Decision, Undecided> {
    let node = &request.app().node;
    let after: Option<Cursor> =
        request.query().and_then(|query| query.strip_prefix("after=")?.parse().ok());
    let ticket = Ticket {
        reader: None,
        scope: lobby(request)?.scope(),
        after: after.unwrap_or_else(|| node.latest()),
        limit: 10,
        renderer: RendererRef::Shared(&CAPITALS),
    };
    Ok(Decision::Hold(Hold { ticket, hold: Duration::from_secs(30), opening: None }))
}

fn say(request: &Request<'_>) -> Result<Decision, Undecided> {
    let (user, room) = (request.caller()?.user()?, lobby(request)?);
    let text = String::from_utf8_lossy(request.body());
    let (address, text) = (request.address(), MessageText::parse(&text)?);
    Ok(Decision::Submit(Box::new(Shout { user, address, room, text })))
}

fn lobby(request: &Request<'_>) -> Result<RoomRef, Failure> {
    Ok(request.app().node.room(&Slug::parse("lobby")?, None)?)
}

#[derive(Debug)]
struct Capitals;

static CAPITALS: Capitals = Capitals;

impl Renderer for Capitals {
    fn render(&self, _: Cursor, page: &Page, is_over: bool) -> Rendered {
        let messages = page.news.iter().filter_map(|news| news.message()?.text.as_ref());
        let texts: Vec<_> = messages.map(|text| text.as_str().to_uppercase()).collect();
        match texts.is_empty() && !is_over {
            true => Rendered::Nothing(page.cursor),
            false => Rendered::Answer(whole("text/plain", texts.join("\n"))),
        }
    }
}

#[derive(Debug)]
struct Shout {
    user: UserId,
    address: IpAddr,
    room: RoomRef,
    text: MessageText,
}

impl Submission for Shout {
    fn author(&self) -> UserId {
        self.user
    }

    fn address(&self) -> IpAddr {
        self.address
    }

    fn request(&self) -> Option<Named> {
        None
    }

    fn command(&self) -> Command {
        let (room, text) = (self.room.id, self.text.clone());
        Command::say(room, text)
    }

    fn render(&self, receipt: &Receipt) -> WholeResponse {
        whole("text/plain", format!("shouted at {}", receipt.position.get()))
    }
}
