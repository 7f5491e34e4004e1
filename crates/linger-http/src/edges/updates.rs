//! The first seed protocol: `POST /new` and `POST /update`.
use std::sync::Arc;

use axum::Router;

use crate::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}
