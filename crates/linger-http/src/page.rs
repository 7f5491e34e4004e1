//! The page's own screens and files, and the answer for addresses that do not exist.
//!
//! The files are linger-web's; here they get the headers that keep a page safe:
//! no script but our own files, no frames, nothing from elsewhere.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    middleware,
    response::{IntoResponse, Response},
};
use linger_serve::{Failure, Routes};
use tokio::{sync::OnceCell, task::spawn_blocking};
use tower::ServiceExt;

use crate::{policy::protect, text};

/// The files, once somebody has asked for one. Compressing them takes longer than all else that
/// a start does, and those who come back after it mostly have them.
static FILES: OnceCell<Router> = OnceCell::const_new();

/// Returns the routes of the page, and the answer to everything else.
pub(crate) fn routes() -> Routes {
    Routes::new().on_hyper(|router| router.fallback(serve))
}

async fn serve(request: Request) -> Response {
    let files = async || spawn_blocking(files).await.expect("it does not panic");
    let Ok(response) = FILES.get_or_init(files).await.clone().oneshot(request).await;
    response
}

#[cfg(feature = "page")]
fn files() -> Router {
    layered(linger_web::router())
}

#[cfg(not(feature = "page"))]
fn files() -> Router {
    layered(Router::new())
}

fn layered(files: Router) -> Router {
    files
        .layer(middleware::map_response(safely))
        .fallback(nothing_here)
        .method_not_allowed_fallback(no_such_method)
}

async fn safely(mut response: Response) -> Response {
    protect(response.headers_mut());
    response
}

async fn nothing_here(headers: HeaderMap) -> Response {
    let detail = "there is nothing here; the page is at / and the API at /api/v1/openapi.json";
    let failure = Failure::new(StatusCode::NOT_FOUND, "nothing_here", detail);
    match text::failed_page(&headers, &failure) {
        Some(page) => page.map(Body::from),
        None => failure.into_response(),
    }
}

/// Answers to a method that an address does not take.
pub(crate) async fn no_such_method() -> Response {
    let detail = "this address takes other methods: see the header Allow";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", detail).into_response()
}
