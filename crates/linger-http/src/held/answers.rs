//! Answers that were built just now, for the next who is told the same.
//!
//! Who waits for one room holds the same ticket as the others, and the park asks
//! once for all of them. Who waits for all their rooms has a ticket of their own,
//! and so has each shard of the park: but when they see the same news and end at
//! the same cursor, they get the same bytes. So an answer is built once.

use std::{
    array,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use linger_core::{Cursor, News};
use linger_node::Page;

use super::Form;

/// Answers that are kept. A busy room uses one at a time.
const SLOTS: usize = 64;
/// A larger answer is for somebody who was away, not for a crowd.
const BYTES_MAX: usize = 64 << 10;
/// The date in a head is true to a second.
const KEPT: Duration = Duration::from_secs(1);

/// The latest answers.
pub(super) struct Answers {
    slots: [Mutex<Option<Built>>; SLOTS],
}

/// An answer, and what it was built of.
struct Built {
    form: Form,
    news: Vec<Arc<News>>,
    cursor: Cursor,
    bytes: Arc<[u8]>,
    at: Instant,
}

impl Answers {
    /// Begins without any.
    pub(super) fn new() -> Answers {
        Answers { slots: array::from_fn(|_| Mutex::new(None)) }
    }

    /// Returns the answer that was built of this page in this form.
    pub(super) fn find(&self, form: &Form, page: &Page) -> Option<Arc<[u8]>> {
        let slot = self.slot(page)?.lock().expect("no holder of this lock panics");
        let built = slot.as_ref().filter(|built| {
            let is_same = |(one, other): (&Arc<News>, &Arc<News>)| Arc::ptr_eq(one, other);
            built.cursor == page.cursor
                && built.form == *form
                && built.news.len() == page.news.len()
                && built.news.iter().zip(&page.news).all(is_same)
                && built.at.elapsed() < KEPT
        });
        built.map(|built| built.bytes.clone())
    }

    /// Keeps an answer for a while, in the place of another.
    pub(super) fn keep(&self, form: &Form, page: &Page, bytes: &Arc<[u8]>) {
        let Some(slot) = self.slot(page).filter(|_| bytes.len() <= BYTES_MAX) else { return };
        let built = Built {
            form: form.clone(),
            news: page.news.clone(),
            cursor: page.cursor,
            bytes: bytes.clone(),
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
