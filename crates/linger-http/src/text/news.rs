//! News for those who wait and for those who follow.
//!
//! There is one renderer for each way to read a room ([`View`]), for as long as
//! somebody reads in it: so the same news are written once for all who read alike.
//! Newcomers get copies of one page, each with a form of their own ([`ToNewcomer`]).

use std::{
    collections::HashMap,
    ptr,
    sync::{Arc, Mutex, Weak},
};

use axum::http::{HeaderName, HeaderValue};
use linger_core::{Cursor, News, UserId};
use linger_node::{Page, RoomRef};
use linger_serve::{App, Rendered, Renderer, RendererRef, WholeResponse};

use super::{
    newcomers::Newcomers,
    reading::MESSAGES_DEFAULT,
    view::{Shown, View, Waited},
    windows::Windows,
};

/// Goes to a follower when nothing else has for a while, so that no proxy cuts the
/// connection. A terminal shows nothing of it: it is at the beginning of a line already.
const STILL_HERE: &str = "\r";
/// Below so many renderers nobody looks for those that are not in use.
const KNOWN_MIN: usize = 256;

/// All who wait and follow, by the ways in which they read.
pub(super) struct Readers {
    pub(super) app: Arc<App>,
    pub(super) windows: Arc<Windows>,
    pub(super) newcomers: Arc<Newcomers>,
    known: Mutex<Known>,
    /// The latest page for newcomers: those who wait in one room come one after the other.
    copied: Arc<Mutex<Option<Copied>>>,
}

#[derive(Default)]
struct Known {
    renderers: HashMap<Way, Weak<Told>>,
    /// Above so many, it is time to forget those that nobody uses.
    tidy_at: usize,
}

/// A way to read a room: in this view, by this reader of a closed room, and whether
/// without end.
type Way = (View, Option<UserId>, bool);

impl Readers {
    /// Begins without any.
    pub(super) fn new(app: Arc<App>, newcomers: Arc<Newcomers>) -> Readers {
        Readers {
            app,
            windows: Arc::default(),
            newcomers,
            known: Mutex::default(),
            copied: Arc::default(),
        }
    }

    /// Returns the renderer of a reader who waits in this way, or who follows.
    pub(super) fn renderer(
        &self,
        view: &View,
        room: (&RoomRef, Option<UserId>),
        follows: bool,
    ) -> RendererRef {
        let told = self.common(view, room, follows);
        match view.medium.is_for_newcomers() {
            true => RendererRef::Private(Arc::new(ToNewcomer {
                told,
                newcomers: self.newcomers.clone(),
                copied: self.copied.clone(),
            })),
            false => RendererRef::Common(told),
        }
    }

    /// Returns the renderer of all who read in this way.
    fn common(
        &self,
        view: &View,
        (room, reader): (&RoomRef, Option<UserId>),
        follows: bool,
    ) -> Arc<Told> {
        let mut known = self.known.lock().expect("no holder of this lock panics");
        let way = (view.clone(), reader, follows);
        if let Some(told) = known.renderers.get(&way).and_then(Weak::upgrade) {
            return told;
        }
        if known.renderers.len() > known.tidy_at.max(KNOWN_MIN) {
            known.renderers.retain(|_, told| told.strong_count() > 0);
            known.tidy_at = 2 * known.renderers.len();
        }
        let told = Arc::new(Told {
            app: self.app.clone(),
            windows: self.windows.clone(),
            view: view.clone(),
            room: room.clone(),
            reader,
            follows,
        });
        known.renderers.insert(way, Arc::downgrade(&told));
        told
    }
}

/// Tells news: an answer, or the next piece of one without end.
struct Told {
    app: Arc<App>,
    windows: Arc<Windows>,
    view: View,
    room: RoomRef,
    reader: Option<UserId>,
    follows: bool,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("view", &self.view).finish_non_exhaustive()
    }
}

impl Renderer for Told {
    fn render(&self, _: Cursor, page: &Page, is_over: bool) -> Rendered {
        self.tell(page, is_over, None)
    }
}

impl Told {
    /// Renders a page; in one for newcomers the form has this id.
    fn tell(&self, page: &Page, is_over: bool, form: Option<&str>) -> Rendered {
        let news: Vec<_> = page.news.iter().map(|news| &**news).collect();
        // Only a cluster finds out so late that it does not have a reader's place: they begin
        // afresh.
        let is_reset = page.reset.is_some();
        if !self.ends_a_wait(&news) && !is_over && !is_reset {
            return Rendered::Nothing(page.cursor);
        }
        match (self.follows, self.view.medium.is_html() || is_reset) {
            (true, _) => Rendered::Piece(piece(self.view.lines(&news))),
            (false, true) => {
                let waited = (!is_reset).then(|| waited(news.iter().copied()));
                Rendered::Answer(self.page(news, page.cursor, waited, form))
            }
            (false, false) => {
                Rendered::Answer(self.view.answer_with(&alone(news, page.cursor), None))
            }
        }
    }

    /// Tells whether somebody waits for this: a page is for what is said; somebody who
    /// comes in is no reason to load it again.
    fn ends_a_wait(&self, news: &[&News]) -> bool {
        match self.view.medium.is_html() {
            true => news.iter().any(|news| news.message().is_some()),
            false => super::lines::lines(news.iter().copied()).next().is_some(),
        }
    }

    /// Returns the page with the news and with what was said before them.
    fn page(
        &self,
        news: Vec<&News>,
        cursor: Cursor,
        waited: Option<Waited>,
        form: Option<&str>,
    ) -> WholeResponse {
        match self.windows.now(&self.app.node, &self.room, self.reader) {
            Some(window) => {
                let shown = Shown { waited, ..Shown::of(&window, MESSAGES_DEFAULT) };
                self.view.answer_with(&shown, form)
            }
            None => self.view.answer_with(&Shown { waited, ..alone(news, cursor) }, form),
        }
    }
}

/// Tells news to one newcomer: what others are told, with a form of their own.
struct ToNewcomer {
    told: Arc<Told>,
    newcomers: Arc<Newcomers>,
    copied: Arc<Mutex<Option<Copied>>>,
}

/// A page that is copied for all newcomers who wait alike.
struct Copied {
    told: Weak<Told>,
    cursor: Cursor,
    waited: Waited,
    /// The id of the form in it, which nobody gets.
    form: String,
    answer: WholeResponse,
}

impl std::fmt::Debug for ToNewcomer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToNewcomer").field("told", &self.told).finish_non_exhaustive()
    }
}

impl Renderer for ToNewcomer {
    fn render(&self, _: Cursor, page: &Page, is_over: bool) -> Rendered {
        let waited = waited(page.news.iter().map(|news| &**news));
        let mut copied = self.copied.lock().expect("no holder of this lock panics");
        let known = copied.as_ref().filter(|copied| {
            ptr::eq(copied.told.as_ptr(), Arc::as_ptr(&self.told))
                && (copied.cursor, copied.waited) == (page.cursor, waited)
        });
        if let Some(known) = known {
            return Rendered::Answer(self.copy(known));
        }
        let form = self.newcomers.form();
        let answer = match self.told.tell(page, is_over, Some(&form)) {
            Rendered::Answer(answer) => answer,
            other => return other,
        };
        let (told, cursor) = (Arc::downgrade(&self.told), page.cursor);
        let written = Copied { told, cursor, waited, form, answer };
        Rendered::Answer(self.copy(copied.insert(written)))
    }
}

impl ToNewcomer {
    /// Returns a page with a form of this newcomer's own.
    fn copy(&self, page: &Copied) -> WholeResponse {
        let body = str::from_utf8(page.answer.body()).expect("a page is text");
        let body = body.replace(&page.form, &self.newcomers.form());
        let mut answer = page.answer.clone();
        *answer.body_mut() = body.into();
        answer
    }
}

/// Tells how a wait ended.
fn waited<'n>(mut news: impl Iterator<Item = &'n News>) -> Waited {
    let said = news.find_map(|news| news.message());
    said.map_or(Waited::InVain, |said| Waited::For(said.number))
}

/// Returns news without what was before them.
fn alone(news: Vec<&News>, cursor: Cursor) -> Shown<'_> {
    let first = news.first().and_then(|first| first.event.number);
    let earlier = first.filter(|number| *number > 1);
    Shown { news, cursor, room: None, earlier, has_later: false, target: None, waited: None }
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
