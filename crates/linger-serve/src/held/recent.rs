//! Answers that were built just now, for the next reader who is told the same.
//!
//! All who wait for one room hold the same ticket, and the park asks once for all
//! of them. A reader of all their rooms has a ticket of their own, and so has each
//! shard of the park: but when they see the same news and end at the same cursor,
//! they get the same bytes. So an answer is built once.

use std::{
    array,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use linger_core::{Cursor, News};
use linger_node::Page;

use super::bytes::Encoded;
use crate::renderer::RendererRef;

/// Answers that are kept. A busy room uses one at a time.
const SLOTS: usize = 64;
/// A larger answer is for somebody who was away, not for a crowd.
pub(super) const SHARED_MAX: usize = 64 << 10;
/// The date in a head is true to a second.
const KEPT: Duration = Duration::from_secs(1);

/// The latest answers.
pub(super) struct RecentAnswers {
    slots: [Mutex<Option<Built>>; SLOTS],
}

/// An answer, and what it was built of.
struct Built {
    renderer: RendererRef,
    news: Vec<Arc<News>>,
    cursor: Cursor,
    encoded: Encoded,
    at: Instant,
}

impl RecentAnswers {
    /// Begins without any.
    pub(super) fn new() -> RecentAnswers {
        RecentAnswers { slots: array::from_fn(|_| Mutex::new(None)) }
    }

    /// Returns the answer that was built of this page by this renderer.
    pub(super) fn find(&self, renderer: &RendererRef, page: &Page) -> Option<Encoded> {
        let slot = self.slot(page)?.lock().expect("no holder of this lock panics");
        let built = slot.as_ref().filter(|built| {
            let is_same = |(one, other): (&Arc<News>, &Arc<News>)| Arc::ptr_eq(one, other);
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
            news: page.news.clone(),
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
