//! The second and third seed protocols.
use std::sync::Arc;

use axum::Router;
use linger_core::Cursor;

use crate::App;

pub(crate) struct Visitors;

impl Visitors {
    pub(crate) fn new(_: Cursor) -> Visitors {
        Visitors
    }
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}
