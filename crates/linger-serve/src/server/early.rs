//! Bodies, read before their request is answered.
//!
//! A body that nobody has read stands between an answer and the next request: the
//! connection would have to be closed. So a short body is read first, without a
//! turn and not for long, and the handler finds it there. The handler decides about a
//! body that is long, late or waits for a "continue".

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::sleep;

use crate::turns::Slot;

/// Bytes that are read early, at most: no handler takes more.
const EARLY_MAX: u64 = 64 << 10;
/// A body comes right behind its head. A later one may never come.
const EARLY: Duration = Duration::from_millis(500);

/// A body of which a part was read.
struct Early {
    read: VecDeque<Result<Frame<Bytes>, axum::Error>>,
    /// Bytes in that part.
    bytes: u64,
    rest: Body,
}

/// Reads a short body as far as it arrives soon. If it is not here yet, the turn in the
/// slot is given back.
pub(super) async fn read(mut rest: Body, slot: &Slot) -> Body {
    if rest.is_end_stream() || rest.size_hint().lower() > EARLY_MAX {
        return rest;
    }
    let mut late = pin!(sleep(EARLY));
    let (mut read, mut bytes) = (VecDeque::new(), 0);
    while bytes <= EARLY_MAX && !rest.is_end_stream() {
        let next = poll_fn(|context| match Pin::new(&mut rest).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(frame),
            Poll::Pending => {
                drop(slot.take());
                late.as_mut().poll(context).map(|()| None)
            }
        });
        let Some(frame) = next.await else { break };
        let has_failed = frame.is_err();
        bytes += length(&frame);
        read.push_back(frame);
        if has_failed {
            break;
        }
    }
    Body::new(Early { read, bytes, rest })
}

fn length(frame: &Result<Frame<Bytes>, axum::Error>) -> u64 {
    let data = frame.as_ref().ok().and_then(|frame| frame.data_ref());
    data.map_or(0, |data| data.len() as u64)
}

impl HttpBody for Early {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(frame) = self.read.pop_front() {
            self.bytes -= length(&frame);
            return Poll::Ready(Some(frame));
        }
        Pin::new(&mut self.rest).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + self.bytes);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + self.bytes);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::turns::Turns;

    type Piece = Result<&'static str, std::io::Error>;

    /// A body that brings these pieces and then nothing more, not even its end.
    fn unfinished(pieces: Vec<Piece>) -> Body {
        Body::from_stream(stream::iter(pieces).chain(stream::pending()))
    }

    #[tokio::test]
    async fn a_body_that_is_here_keeps_the_turn_and_one_that_is_not_gives_it_back() {
        let turns = Turns::new();
        for (case, body, keeps) in [
            ("no body", Body::empty(), true),
            ("a whole one", Body::from("{}"), true),
            ("pieces", Body::from_stream(stream::iter([Piece::Ok("{"), Ok("}")])), true),
            ("a part", unfinished(vec![Ok("{")]), false),
            ("nothing", unfinished(vec![]), false),
        ] {
            let slot = Slot::new(Some(turns.take().await));
            let _body = read(body, &slot).await;
            assert_eq!(slot.take().is_some(), keeps, "{case}");
        }
    }

    #[tokio::test]
    async fn a_body_is_the_same_whether_it_was_read_early_or_not() {
        let slot = Slot::new(None);
        let long = "x".repeat(200_000);
        let body = read(Body::from(long.clone()), &slot).await;
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), long);

        let pieces = ["a", "b", "c"].map(Piece::Ok);
        let body = read(Body::from_stream(stream::iter(pieces)), &slot).await;
        assert_eq!((body.size_hint().lower(), body.is_end_stream()), (3, false));
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), "abc");

        let late = stream::iter([Piece::Ok("a")]).chain(stream::once(async {
            sleep(2 * EARLY).await;
            Piece::Ok("b")
        }));
        let body = read(Body::from_stream(late), &slot).await;
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), "ab");

        let broken = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let pieces = [Piece::Ok("a"), Err(broken), Ok("b")];
        let body = read(Body::from_stream(stream::iter(pieces)), &slot).await;
        assert!(to_bytes(body, usize::MAX).await.is_err());
    }
}
