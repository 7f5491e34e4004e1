//! Holding a request in a task, for whatever comes by the router: HTTP/1.1 that
//! linger-park does not take, and requests without a socket.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures_util::{StreamExt, stream};

use super::{Asked, Ticket, Told, Whole};
use crate::{App, edges::stream::COMMENT_EVERY, failure::Failure, server::give_back_turn};

/// Holds a request until there is an answer.
pub(crate) async fn hold(app: Arc<App>, asked: Asked) -> Result<Response, Failure> {
    let Asked { mut ticket, hold, opening } = asked;
    if let Some(opening) = opening {
        return Ok(go_on(app, ticket, opening));
    }
    let deadline = app.node.deadline(hold);
    // It may wait for long, for news that others bring.
    give_back_turn();
    loop {
        let page = app.node.wait(ticket.wait(), deadline).await?;
        // The deadline, a reset, or the server is closing.
        let is_over = page.news.is_empty();
        match ticket.tell(&app, &page, is_over) {
            Told::Whole(whole) => return Ok(whole.map(Body::from)),
            Told::Piece(..) => unreachable!("a piece follows an opening"),
            Told::Nothing(next) => ticket = next,
        }
    }
}

/// Answers with a stream that ends with the server, or with the reader.
fn go_on(app: Arc<App>, ticket: Ticket, opening: Whole) -> Response {
    let (head, first) = opening.into_parts();
    let first = stream::iter([Ok::<_, Infallible>(first)]);
    let rest = stream::unfold(Some((app, ticket)), |state| async {
        let (app, mut ticket) = state?;
        let deadline = app.node.deadline(COMMENT_EVERY);
        loop {
            // Overloaded, or closing: the reader comes back with its last id.
            let page = app.node.wait(ticket.wait(), deadline).await.ok()?;
            let is_over = page.news.is_empty();
            match ticket.tell(&app, &page, is_over) {
                Told::Piece(piece, next) => {
                    let is_last = app.node.is_closing();
                    return Some((Ok(Bytes::from(piece)), (!is_last).then_some((app, next))));
                }
                Told::Whole(_) => unreachable!("after an opening come pieces"),
                Told::Nothing(next) => ticket = next,
            }
        }
    });
    Response::from_parts(head, Body::from_stream(first.chain(rest)))
}
