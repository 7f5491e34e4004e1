//! Answers that were built just now, for the next reader who gets the same.
//!
//! All who wait for one room hold the same ticket, and the park asks once for all of
//! them. Each reader of all their rooms has another ticket, and each shard asks for
//! itself. If they see the same news and end at the same cursor, they get the same
//! bytes. So an answer is built once.

use std::{
    array, ptr,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use linger_core::{Cursor, News};
use linger_node::Page;

use super::bytes::Encoded;
use crate::renderer::RendererRef;

/// Answers that are kept. A busy room uses one at a time.
const SLOTS: usize = 64;
/// A larger answer is for somebody who was away, not for a crowd.
const SHARED_MAX: usize = 64 << 10;
/// The date in a head is true to a second.
const KEPT: Duration = Duration::from_secs(1);

/// The latest answers.
pub(super) struct RecentAnswers {
    slots: [Mutex<Option<Built>>; SLOTS],
}

/// An answer, and the page and renderer that it was built from.
struct Built {
    renderer: RendererRef,
    /// Held by nobody here: memory may forget them meanwhile.
    news: Vec<Weak<News>>,
    cursor: Cursor,
    encoded: Encoded,
    at: Instant,
}

impl RecentAnswers {
    /// Begins without any.
    pub(super) fn new() -> RecentAnswers {
        RecentAnswers { slots: array::from_fn(|_| Mutex::new(None)) }
    }

    /// Returns the answer that was built from this page by this renderer.
    pub(super) fn find(&self, renderer: &RendererRef, page: &Page) -> Option<Encoded> {
        let slot = self.slot(page)?.lock().expect("no holder of this lock panics");
        let built = slot.as_ref().filter(|built| {
            let is_same =
                |(one, other): (&Weak<News>, &Arc<News>)| ptr::eq(one.as_ptr(), Arc::as_ptr(other));
            built.cursor == page.cursor
                && built.renderer == *renderer
                && built.news.len() == page.news.len()
                && built.news.iter().zip(&page.news).all(is_same)
                && built.at.elapsed() < KEPT
        });
        built.map(|built| built.encoded.clone())
    }

    /// Keeps an answer for a while, in the place of another.
    pub(super) fn keep(&self, renderer: &RendererRef, page: &Page, encoded: &Encoded) {
        let Some(slot) = self.slot(page).filter(|_| encoded.bytes.len() <= SHARED_MAX) else {
            return;
        };
        let built = Built {
            renderer: renderer.clone(),
            news: page.news.iter().map(Arc::downgrade).collect(),
            cursor: page.cursor,
            encoded: encoded.clone(),
            at: Instant::now(),
        };
        *slot.lock().expect("no holder of this lock panics") = Some(built);
    }

    /// Returns the place of such an answer; there is none for a page without news.
    fn slot(&self, page: &Page) -> Option<&Mutex<Option<Built>>> {
        let last = page.news.last()?.position().get();
        Some(&self.slots[last as usize % SLOTS])
    }
}
