//! Whether a connection on hyper is between two requests.
//!
//! hyper gives a connection back whenever asked, and does not say whether that is
//! a good moment. So the wrappers here tell a [`ConnectionProgress`] about every request and
//! answer, the head guard tells it about every write, and it knows the boundary.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use linger_park::Load;

use super::{outlet::Outlet, requests::Overfull};
use crate::turns::give_back_turn;

/// The minor version of hyper whose source [`ConnectionProgress::is_at_boundary`] relies on.
#[cfg(test)]
const HYPER_READ: &str = "1.12";

/// How far a connection's requests and answers are.
///
/// The connection's task notes and reads everything, so the order of memory does not
/// matter. Only the end of a request's body may be noted elsewhere. It may be seen late,
/// and then the connection stays on hyper a little longer.
pub(super) struct ConnectionProgress {
    /// The part of the answers that is still to be written.
    pub(super) outlet: Outlet,
    /// Requests that hyper has passed on.
    asked: AtomicUsize,
    /// Requests whose answer hyper has taken whole.
    answered: AtomicUsize,
    /// The number of the last request, if its body was not read to its end.
    unread: AtomicUsize,
    /// Whether the last request is whole, and nothing was read after it yet.
    is_new: AtomicBool,
    /// Whether hyper has had nothing left to write since it last had something.
    is_flushed: AtomicBool,
    /// Whether the next request is the park's.
    is_called_back: AtomicBool,
    /// Whether hyper was told that there is nothing to read, without looking.
    is_unwatched: AtomicBool,
}

/// A request that is being answered, until this is dropped.
pub(super) struct Answering(Arc<ConnectionProgress>);

/// The body of a request: notes that it was read to its end.
struct RequestBody {
    incoming: Incoming,
    /// Whether it broke off: hyper then reports an end that is none.
    has_failed: bool,
    progress: Arc<ConnectionProgress>,
    number: usize,
}

/// The body of an answer: its end is the end of the answer.
pub(super) struct AnswerBody {
    body: Body,
    /// Its share of the bound on all answers, if its length is known.
    load: Option<Load>,
    /// Dropped with the body, which hyper drops at its end.
    answering: Answering,
}

impl ConnectionProgress {
    /// Begins before the first request.
    pub(super) fn new(outlet: Outlet) -> ConnectionProgress {
        ConnectionProgress {
            outlet,
            asked: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            unread: AtomicUsize::new(0),
            is_new: AtomicBool::new(false),
            is_flushed: AtomicBool::new(false),
            is_called_back: AtomicBool::new(false),
            is_unwatched: AtomicBool::new(false),
        }
    }

    /// Notes a new request, and returns its body for the handler.
    pub(super) fn ask(self: &Arc<ConnectionProgress>, incoming: Incoming) -> (Answering, Body) {
        let number = self.asked.fetch_add(1, Relaxed) + 1;
        let answering = Answering(self.clone());
        if incoming.is_end_stream() {
            self.unread.store(0, Relaxed);
            self.is_new.store(true, Relaxed);
            return (answering, Body::empty());
        }
        self.unread.store(number, Relaxed);
        let progress = self.clone();
        (answering, Body::new(RequestBody { incoming, has_failed: false, progress, number }))
    }

    /// Tells, once, that a request is whole and hyper is about to call its handler.
    pub(super) fn begins(&self) -> bool {
        self.is_new.swap(false, Relaxed)
    }

    /// Notes that hyper has something to write.
    pub(super) fn write(&self) {
        self.is_flushed.store(false, Relaxed);
    }

    /// Notes that hyper has written everything.
    pub(super) fn flush(&self) {
        self.is_flushed.store(true, Relaxed);
        self.outlet.flush();
    }

    /// Tells whether the last request has a body that was not read to its end.
    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Relaxed) != 0
    }

    /// Notes that the park must have the next request, of which hyper has seen
    /// nothing, or not all.
    pub(super) fn call_back(&self) {
        self.is_called_back.store(true, Relaxed);
    }

    /// Tells whether the park must have the next request.
    pub(super) fn is_called_back(&self) -> bool {
        self.is_called_back.load(Relaxed)
    }

    /// Notes that hyper was told that there is nothing to read, without looking.
    pub(super) fn look_away(&self) {
        self.is_unwatched.store(true, Relaxed);
    }

    /// Tells, once, that hyper must be asked to read: nobody will wake it.
    pub(super) fn looked_away(&self) -> bool {
        self.is_unwatched.swap(false, Relaxed)
    }

    /// Returns how many requests hyper has passed on.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }

    /// Tells whether the connection may be taken from hyper, after a poll of it
    /// that is pending: what hyper has read and not served, and what it has not
    /// read, is then the next request from its first byte on.
    ///
    /// This is why (hyper 1.12, `proto/h1`):
    /// - Every request passed on was answered, the body of the answer was dropped,
    ///   and after that all was flushed. So hyper's side of writing is between two
    ///   answers, with an empty buffer: `Buffered::poll_flush` flushes the
    ///   connection below only when its own buffer is empty, and puts nothing
    ///   more there before the next request or an error.
    /// - The last request had no body, or its reader saw the end, which hyper tells
    ///   after its decoder has reached it. So reading is past the last request.
    ///   A body that was left unread may be half here: the rest of it would be
    ///   taken for a request. Then hyper drains it or closes, and we wait for
    ///   another request to be served, or for that.
    /// - The head of a next request is cut off the buffer only as a whole, and in
    ///   the same step passed on; until then `read_buf` has all of it.
    /// - Whenever hyper will not keep the connection, because of a field, a
    ///   version, an error or the peer's end, it closes in the poll that flushes
    ///   the answer (`Conn::poll_flush` calls `try_keep_alive`, or `read_head`
    ///   fails), so that poll is not pending.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.is_between_requests() && self.is_flushed.load(Relaxed)
    }

    /// Tells whether everything is read and answered, and the answer is on its way out.
    pub(super) fn is_leaving(&self) -> bool {
        self.is_between_requests() && !self.is_flushed.load(Relaxed)
    }

    fn is_between_requests(&self) -> bool {
        let answered = self.answered.load(Relaxed);
        answered > 0 && answered == self.asked.load(Relaxed) && !self.has_unread()
    }
}

impl Answering {
    /// Ties this to the body of the answer, with its load. A body of unknown length
    /// counts the bytes that it has brought and that are not written yet.
    pub(super) fn with(self, body: Body, load: Load) -> AnswerBody {
        let load = body.size_hint().exact().map(|_| load);
        AnswerBody { body, load, answering: self }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Relaxed);
        // Its last bytes go out in a flush that comes after this.
        self.0.write();
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            give_back_turn();
            return Poll::Pending;
        };
        self.has_failed |= matches!(frame, Some(Err(_)));
        if !self.has_failed && (frame.is_none() || self.is_end_stream()) {
            // Only for the last request: an earlier body may be read late.
            let _ = self.progress.unread.compare_exchange(self.number, 0, Relaxed, Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // hyper has all of it; the system may not have it yet.
        if let Some(load) = self.load.take() {
            self.answering.0.outlet.keep(load);
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        if let (None, Some(data)) = (&self.load, data) {
            let outlet = &self.answering.0.outlet;
            match outlet.load(data.len()) {
                Some(load) => outlet.keep(load),
                None => return Poll::Ready(Some(Err(axum::Error::new(Overfull)))),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::HYPER_READ;

    #[test]
    fn hyper_is_the_one_whose_source_was_read() {
        let lock = include_str!("../../../../Cargo.lock");
        let (_, after) = lock.split_once("\nname = \"hyper\"\nversion = \"").unwrap();
        let version = after.split('"').next().unwrap();
        assert!(
            version.starts_with(&format!("{HYPER_READ}.")),
            "read hyper {version} for the four claims of `is_at_boundary`, then set HYPER_READ"
        );
    }
}
