//! Renderers: how a dialect makes answers from news.

use std::{any::Any, fmt::Debug, ops::Deref, ptr, sync::Arc};

use linger_core::Cursor;
use linger_node::Page;

use crate::response::WholeResponse;

/// Makes the answers of one kind of held request.
pub trait Renderer: Any + Debug + Send + Sync {
    /// Renders `page`, which was found after `after`.
    ///
    /// When the wait `is_over` there must be an answer, even without news; only a
    /// request that another one has overtaken waits on. `page` may have events
    /// that are no news in this dialect.
    fn render(&self, after: Cursor, page: &Page, is_over: bool) -> Rendered;

    /// Tells whether pages of the origins that the operator named may read its answers.
    fn is_for_named_origins(&self) -> bool {
        false
    }
}

/// The result of rendering a page.
pub enum Rendered {
    /// The answer.
    Answer(WholeResponse),
    /// The next piece of an answer without end; not empty. The reader goes on at the
    /// page's cursor.
    Piece(String),
    /// The page has nothing for this reader, who waits on from here.
    Nothing(Cursor),
}

/// A renderer, as a ticket has it.
#[derive(Debug, Clone)]
pub enum RendererRef {
    /// Gives all the same: its answers are built once for all who see the same news.
    Shared(&'static dyn Renderer),
    /// The same, of a dialect that has one renderer for each room, say: it hands the
    /// same one to all.
    Common(Arc<dyn Renderer>),
    /// Gives one request an answer of its own.
    Private(Arc<dyn Renderer>),
}

impl Deref for RendererRef {
    type Target = dyn Renderer;

    fn deref(&self) -> &dyn Renderer {
        match self {
            RendererRef::Shared(renderer) => *renderer,
            RendererRef::Common(renderer) | RendererRef::Private(renderer) => &**renderer,
        }
    }
}

impl PartialEq for RendererRef {
    fn eq(&self, other: &RendererRef) -> bool {
        match (self, other) {
            // The type too: values without a size may have the same address.
            (RendererRef::Shared(one), RendererRef::Shared(other)) => {
                ptr::addr_eq(*one, *other) && one.type_id() == other.type_id()
            }
            (RendererRef::Common(one), RendererRef::Common(other))
            | (RendererRef::Private(one), RendererRef::Private(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}
