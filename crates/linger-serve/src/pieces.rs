//! Bodies that are taken piece by piece: uploads, of any length.
//!
//! A handler that takes [`Pieces`] bounds them itself; here is the time: the next
//! [`PIECE_MIN`] bytes, or the rest, must come in [`PIECE_TIMEOUT`]. The time that the
//! handler takes for a piece does not count. Such a request has no turn: it may last for
//! hours.

use std::{pin::Pin, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::StatusCode,
};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::{
    failure::Failure,
    json::{encoded_body, is_encoded},
    turns::give_back_turn,
};

/// Bytes that must come in [`PIECE_TIMEOUT`]: as many as a reader must take of an answer.
const PIECE_MIN: usize = 16 << 10;
/// Longer than for the beginning of a request: a phone that changes its cell is silent for a
/// while.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// A body, piece by piece.
pub struct Pieces {
    body: Body,
    /// Bytes of the present [`PIECE_MIN`] that have come.
    arrived: usize,
    /// How long the peer may still take for them.
    left: Duration,
}

impl<S: Sync> FromRequest<S> for Pieces {
    type Rejection = Failure;

    /// Errors: 415 for a body that is encoded.
    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        if is_encoded(request.headers()) {
            return Err(encoded_body());
        }
        give_back_turn();
        Ok(Pieces { body: request.into_body(), arrived: 0, left: PIECE_TIMEOUT })
    }
}

impl Pieces {
    /// Returns the next piece; none at the end. Errors: 408 when it is too slow; 400 when it
    /// breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let begun = Instant::now();
            let frame = timeout_at(begun + self.left, Pin::new(&mut self.body).frame()).await;
            let Ok(frame) = frame else {
                let detail =
                    "the body came too slowly; go on from where it stopped, or send it again";
                return Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail));
            };
            self.left = self.left.saturating_sub(begun.elapsed());
            let broken = |_| Failure::malformed("the body broke off; send all of it");
            let Some(frame) = frame.transpose().map_err(broken)? else { return Ok(None) };
            // Fields at the end of a body are of no use here.
            let Ok(piece) = frame.into_data() else { continue };
            self.arrived += piece.len();
            if self.arrived >= PIECE_MIN {
                (self.arrived, self.left) = (0, PIECE_TIMEOUT);
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::time::sleep;

    use super::*;

    /// A body of pieces of so many bytes, each after so many seconds.
    async fn pieces(bytes: usize, seconds: u64, count: usize) -> Pieces {
        let body = stream::unfold(count, move |left| async move {
            let left = left.checked_sub(1)?;
            sleep(Duration::from_secs(seconds)).await;
            Some((Ok::<_, std::io::Error>(vec![0; bytes]), left))
        });
        let request = Request::new(Body::from_stream(body));
        Pieces::from_request(request, &()).await.unwrap()
    }

    async fn read(mut pieces: Pieces) -> Result<usize, StatusCode> {
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await.map_err(|failure| failure.status)? {
            bytes += piece.len();
        }
        Ok(bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_take_hours_but_not_stand_still() {
        for (case, bytes, seconds, count, expected) in [
            ("fast", 100_000, 0, 20, Ok(2_000_000)),
            ("slow, for an hour", PIECE_MIN, 29, 124, Ok(124 * PIECE_MIN)),
            ("silent for too long", PIECE_MIN, 31, 2, Err(StatusCode::REQUEST_TIMEOUT)),
            ("a byte now and then", 1, 10, 100, Err(StatusCode::REQUEST_TIMEOUT)),
            ("a short rest", 10, 20, 1, Ok(10)),
        ] {
            assert_eq!(read(pieces(bytes, seconds, count).await).await, expected, "{case}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_the_handler_takes_is_not_the_peers() {
        let mut pieces = pieces(1, 10, 2).await;
        pieces.next().await.unwrap();
        sleep(Duration::from_secs(100)).await;
        assert!(pieces.next().await.unwrap().is_some());
    }
}
