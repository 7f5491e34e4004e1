//! The built page, embedded: files with their ETags, compressed beforehand.
//!
//! It knows nothing of chat; the page uses the public API only. Without the
//! feature `page` this crate is empty, and nothing is built.

/// The head of the page but for its title: its script and its style, by their hashed names,
/// for pages that come from the server.
#[cfg(feature = "page")]
pub const HEAD: &str = include_str!(concat!(env!("OUT_DIR"), "/head.html"));

/// The value of the header `Link` for pages with that head: a browser loads the style and the
/// script while it still reads the page.
#[cfg(feature = "page")]
pub const EARLY: &str = include_str!(concat!(env!("OUT_DIR"), "/early.txt"));

/// Addresses of the page's own screens, which hold nothing that the server would have to say.
#[cfg(feature = "page")]
const SCREENS: [&str; 2] = ["/how", "/settings"];

/// Returns the routes of the page: its screens, and the files that it loads.
///
/// A file with a hash in its name may be kept for ever; the others are asked for again.
#[cfg(feature = "page")]
pub fn router<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
    use memory_serve::CacheControl;

    let files = SCREENS
        .iter()
        .fold(memory_serve::load!(), |files, screen| files.add_alias(screen, "/index.html"));
    files
        .index_file(None)
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::Long)
        .enable_brotli(true)
        .enable_gzip(true)
        .into_router()
}
