//! News for those who wait and for those who follow.
//!
//! There is one renderer for each way to read a room ([`View`]), for as long as
//! somebody reads in it: so the same news are written once for all who read alike.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use axum::http::{HeaderName, HeaderValue};
use linger_core::Cursor;
use linger_node::Page;
use linger_serve::{Rendered, Renderer, RendererRef, WholeResponse};

use super::{lines::lines, view::View};

/// Goes to a follower when nothing else has for a while, so that no proxy cuts the
/// connection. A terminal shows nothing of it: it is at the beginning of a line already.
const STILL_HERE: &str = "\r";

/// The renderers that are in use.
#[derive(Default)]
pub(super) struct Renderers(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_way: HashMap<Way, Weak<News>>,
    /// Above so many, it is time to forget those that nobody uses.
    tidy_at: usize,
}

/// A way to read a room, and whether the reader follows.
type Way = (View, bool);

/// Below so many renderers nobody looks for those that are not in use.
const KNOWN_MIN: usize = 256;

impl Renderers {
    /// Returns the renderer of all who wait like this, or who follow.
    pub(super) fn of(&self, view: View, follows: bool) -> RendererRef {
        let mut known = self.0.lock().expect("no holder of this lock panics");
        let way = (view, follows);
        if let Some(news) = known.by_way.get(&way).and_then(Weak::upgrade) {
            return RendererRef::Common(news);
        }
        if known.by_way.len() > known.tidy_at.max(KNOWN_MIN) {
            known.by_way.retain(|_, news| news.strong_count() > 0);
            known.tidy_at = 2 * known.by_way.len();
        }
        let news = Arc::new(News { view: way.0.clone(), follows });
        known.by_way.insert(way, Arc::downgrade(&news));
        RendererRef::Common(news)
    }
}

/// Renders news as lines: an answer, or the next piece of one without end.
#[derive(Debug)]
struct News {
    view: View,
    follows: bool,
}

impl Renderer for News {
    fn render(&self, _: Cursor, page: &Page, is_over: bool) -> Rendered {
        let news = || lines(page.news.iter().map(|news| &**news));
        if news().next().is_none() && !is_over {
            return Rendered::Nothing(page.cursor);
        }
        match self.follows {
            false => Rendered::Answer(self.view.answer(news(), page.cursor)),
            true => Rendered::Piece(piece(self.view.write(news()))),
        }
    }
}

/// Returns a piece with these lines. It is not empty.
fn piece(lines: String) -> String {
    if lines.is_empty() { STILL_HERE.to_owned() } else { lines }
}

/// Makes an answer the beginning of one without end.
pub(super) fn opening(answer: WholeResponse) -> WholeResponse {
    let (mut head, lines) = answer.into_parts();
    // nginx collects an answer before it passes it on, unless told not to.
    let buffering = HeaderName::from_static("x-accel-buffering");
    head.headers.insert(buffering, HeaderValue::from_static("no"));
    let first = if lines.is_empty() { STILL_HERE.into() } else { lines };
    WholeResponse::from_parts(head, first)
}
