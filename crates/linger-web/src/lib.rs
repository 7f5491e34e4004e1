//! The built page, embedded: files with their ETags, compressed beforehand.
//!
//! It knows nothing of chat; the page uses the public API only. Without the
//! feature `page` this crate is empty, and nothing is built.

/// Returns the routes of the page: `/` and the files that it loads.
///
/// A file with a hash in its name may be kept for ever; the others are asked for again.
#[cfg(feature = "page")]
pub fn router<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
    use memory_serve::CacheControl;

    memory_serve::load!()
        .index_file(Some("/index.html"))
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::Long)
        .enable_brotli(true)
        .enable_gzip(true)
        .into_router()
}
