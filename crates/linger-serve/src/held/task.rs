//! Holding a request in a task, for requests that come by the router: HTTP/1.1 that
//! linger-park does not take, and requests without a socket.
//!
//! The same handlers decide as in the park. If they need something that is not known at
//! once, the task waits for it.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{OriginalUri, Request as Incoming},
    http::{HeaderMap, Uri},
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use futures_util::{StreamExt, stream};
use linger_core::{Author, UserId};
use linger_node::{Asker, Refusal, Unavailable};
use linger_park::{Method, request::Field};

use crate::{
    app::App,
    caller::{Address, Peer, address_of},
    failure::Failure,
    json::read,
    rates::Change,
    renderer::Rendered,
    request::{Decision, Undecided},
    response::WholeResponse,
    routes::{Routes, Table},
    submission::Submission,
    ticket::{HEARTBEAT_EVERY, Hold, Ticket},
    turns::give_back_turn,
};

/// Errands for one request, at most: the result of an errand may be forgotten before it
/// is used, but not again and again.
const ERRANDS_MAX: usize = 4;

/// Returns the router of these routes, in which tasks serve the routes that may be held,
/// and the table of those.
pub(crate) fn mount(routes: Routes, app: Arc<App>) -> (Router, Arc<Table>) {
    let (router, table) = routes.mount(app, by_task);
    let table = Arc::new(table);
    (router.layer(Extension(table.clone())), table)
}

fn by_task(method: Method) -> MethodRouter {
    let filter = match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
    };
    on(filter, serve)
}

async fn serve(
    Extension(table): Extension<Arc<Table>>,
    OriginalUri(uri): OriginalUri,
    incoming: Incoming,
) -> Result<Response, Failure> {
    let (headers, peer) = (incoming.headers().clone(), Peer::of(incoming.extensions()));
    let address = Address(address_of(&table.app, &headers, peer.ip()));
    let (method, body) = match incoming.method().as_str() {
        "POST" => (Method::Post, read(incoming).await?),
        "PUT" => (Method::Put, read(incoming).await?),
        // HEAD is answered like GET, without the body.
        _ => (Method::Get, Bytes::new()),
    };
    let mut sessions = Vec::new();
    for _ in 0..ERRANDS_MAX {
        match decide(&table, (method, &uri, &headers, &body, peer), &sessions) {
            Ok(decision) => return finish(&table.app, decision, address).await,
            Err(Undecided::Failure(failure)) => return Err(failure),
            Err(Undecided::Sessions(tokens)) => {
                for token in tokens {
                    let user = table.app.node.authenticate(&token).await?;
                    sessions.push((token, user));
                }
            }
            Err(Undecided::Errand(errand)) => errand.await?,
            Err(Undecided::Task(task)) => return finish(&table.app, task.await?, address).await,
        }
    }
    Err(Unavailable::Overloaded.into())
}

/// Lets the handler decide, and shows it the request in the park's form.
fn decide(
    table: &Table,
    (method, uri, headers, body, peer): (Method, &Uri, &HeaderMap, &[u8], SocketAddr),
    sessions: &[(String, Option<UserId>)],
) -> Result<Decision, Undecided> {
    let fields: Vec<_> = headers
        .iter()
        .map(|(name, value)| Field { name: name.as_str(), value: value.as_bytes() })
        .collect();
    let request = linger_park::Request::new(method, (uri.path(), uri.query()), &fields, body, peer);
    table.decide(&request, sessions).expect("axum found this route by the same pattern")
}

async fn finish(app: &Arc<App>, decision: Decision, address: Address) -> Result<Response, Failure> {
    match decision {
        Decision::Answer(whole) => Ok(whole.map(Body::from)),
        Decision::Hold(hold) => wait(app, hold, address).await,
        Decision::Submit(submission) => submit(app, &*submission).await,
    }
}

async fn submit(app: &Arc<App>, submission: &dyn Submission) -> Result<Response, Failure> {
    let user = submission.author();
    app.rates.count(Change::Message, user, submission.address())?;
    let author = Author::User(user);
    let outcome = app.node.submit(author, submission.request(), submission.command()).await;
    let receipt = match outcome {
        Err(Refusal::Rejected(rejection)) => match submission.go_on(&app.node, rejection) {
            Some(going_on) => going_on.await?,
            None => return Err(rejection.into()),
        },
        outcome => outcome?,
    };
    Ok(submission.render(&receipt).map(Body::from))
}

/// Holds a request until there is an answer.
async fn wait(app: &Arc<App>, hold: Hold, address: Address) -> Result<Response, Failure> {
    let Hold { mut ticket, hold, opening } = hold;
    let asker = address.asker(ticket.reader);
    if let Some(opening) = opening {
        return Ok(stream_from(app.clone(), ticket, asker, opening));
    }
    let deadline = app.node.deadline(hold);
    // This request may wait for long, for news that others bring.
    give_back_turn();
    loop {
        let page = app.node.wait(ticket.wait(asker), deadline).await?;
        // The deadline, a reset, or the server is closing.
        let is_over = page.news.is_empty();
        match ticket.renderer.render(ticket.after, &page, is_over) {
            Rendered::Answer(whole) => return Ok(whole.map(Body::from)),
            Rendered::Piece(_) => unreachable!("a piece follows an opening"),
            Rendered::Nothing(cursor) => ticket = ticket.at(cursor),
        }
    }
}

/// Answers with a stream that ends with the server, or with the reader.
fn stream_from(app: Arc<App>, ticket: Ticket, asker: Asker, opening: WholeResponse) -> Response {
    let (head, first) = opening.into_parts();
    let first = stream::iter([Ok::<_, Infallible>(first)]);
    let rest = stream::unfold(Some((app, ticket)), move |state| async move {
        let (app, mut ticket) = state?;
        let deadline = app.node.deadline(HEARTBEAT_EVERY);
        loop {
            // Overloaded, or closing: the reader comes back with its last id.
            let page = app.node.wait(ticket.wait(asker), deadline).await.ok()?;
            let is_over = page.news.is_empty();
            match ticket.renderer.render(ticket.after, &page, is_over) {
                Rendered::Piece(piece) => {
                    let next = (!app.node.is_closing()).then(|| (app, ticket.at(page.cursor)));
                    return Some((Ok(Bytes::from(piece)), next));
                }
                Rendered::Answer(_) => unreachable!("after an opening come pieces"),
                Rendered::Nothing(cursor) => ticket = ticket.at(cursor),
            }
        }
    });
    Response::from_parts(head, Body::from_stream(first.chain(rest)))
}
