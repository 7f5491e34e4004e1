//! The bytes that a connection on hyper has still to write: how many, and for how long.
//!
//! hyper writes as fast as the peer reads, and waits for ever. So the head guard
//! tells an [`Outlet`] how much the system takes. [`Patience`] ends a connection whose
//! peer takes too little, as the park does. An answer keeps its share of the bound on
//! all answers until the system has its last byte.

use std::{
    io,
    os::fd::AsFd,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use linger_park::{Load, Outgoing, WRITE_MIN, write_some};
use tokio::time::{Instant, Sleep, sleep};

/// The bytes that one connection has to write. One task does everything with it, so the
/// order of memory does not matter.
pub(super) struct Outlet {
    outgoing: Arc<Outgoing>,
    /// Shares for the bytes that hyper has and the system has not.
    loads: Mutex<Vec<Load>>,
    /// Bytes that the system has taken.
    written: AtomicUsize,
    /// Whether the system takes no more for now.
    is_blocked: AtomicBool,
    /// Whether to ask the socket itself until it takes no more.
    is_pressed: AtomicBool,
}

/// How long a peer may take for a part of an answer.
pub(super) struct Patience {
    timeout: Duration,
    running: Option<Running>,
}

struct Running {
    until: Pin<Box<Sleep>>,
    written_before: usize,
    has_pressed: bool,
}

impl Outlet {
    /// Makes one that shares the bound on all answers.
    pub(super) fn new(outgoing: Arc<Outgoing>) -> Outlet {
        Outlet {
            outgoing,
            loads: Mutex::default(),
            written: AtomicUsize::new(0),
            is_blocked: AtomicBool::new(false),
            is_pressed: AtomicBool::new(false),
        }
    }

    /// Enters an answer, or a piece of one. None: there is no room for it now.
    pub(super) fn load(&self, bytes: usize) -> Option<Load> {
        self.outgoing.load(bytes)
    }

    /// Keeps a load until hyper has written everything.
    pub(super) fn keep(&self, load: Load) {
        self.loads.lock().expect("no holder of this lock panics").push(load);
    }

    /// Notes that everything is written.
    pub(super) fn flush(&self) {
        self.is_blocked.store(false, Relaxed);
        self.loads.lock().expect("no holder of this lock panics").clear();
    }

    /// Notes the result of a write to this socket, and returns it. If the outlet is pressed,
    /// the socket itself is asked before it counts as full.
    pub(super) fn note(
        &self,
        written: Poll<io::Result<usize>>,
        socket: impl AsFd,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match written {
            Poll::Pending if self.is_pressed.load(Relaxed) => match write_some(socket, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_pressed.store(false, Relaxed);
                    Poll::Pending
                }
                written => Poll::Ready(written),
            },
            written => written,
        };
        self.is_blocked.store(written.is_pending(), Relaxed);
        if let Poll::Ready(Ok(count)) = written {
            self.written.fetch_add(count, Relaxed);
        }
        written
    }
}

impl Patience {
    /// Waits so long for [`WRITE_MIN`] bytes, or for the rest of an answer.
    pub(super) fn new(timeout: Duration) -> Patience {
        Patience { timeout, running: None }
    }

    /// Is ready when the peer took too little for too long. Poll it after each poll of
    /// hyper.
    pub(super) fn poll_end(&mut self, outlet: &Outlet, context: &mut Context<'_>) -> Poll<()> {
        if !outlet.is_blocked.load(Relaxed) {
            self.running = None;
            return Poll::Pending;
        }
        let written = outlet.written.load(Relaxed);
        let running = self.running.get_or_insert_with(|| Running {
            until: Box::pin(sleep(self.timeout)),
            written_before: written,
            has_pressed: false,
        });
        loop {
            ready!(running.until.as_mut().poll(context));
            if written - running.written_before >= WRITE_MIN {
                running.written_before = written;
                running.has_pressed = false;
                running.until.as_mut().reset(Instant::now() + self.timeout);
                continue;
            }
            if running.has_pressed {
                return Poll::Ready(());
            }
            // The peer may have taken enough, and the system has not said so: it only does
            // when a third of its own buffer is free. hyper writes once more.
            running.has_pressed = true;
            outlet.is_pressed.store(true, Relaxed);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
    }
}
