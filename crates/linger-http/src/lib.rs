//! The dialects: each protocol translated to the node's `submit`, `wait`, `query`.
//!
//! [`routes`] is the list of dialects, and the only place that names them all. A
//! dialect is one folder: it hands linger-serve its routes, and renderers for the
//! requests that it holds. No dialect knows another; code that several of them share
//! (saying something, the lobby, guests) is below them. This crate knows
//! protocols; its manifest lists no SQL and no sockets, so it cannot reach them.

mod accept;
mod addressed;
mod addresses;
mod behind;
mod form;
mod friendly_names;
mod guests;
mod health;
mod idempotency;
mod inert;
mod lobby;
pub mod markdown;
mod names;
mod native;
mod page;
mod policy;
mod query;
mod say;
mod text;
mod updates;
mod written;

use std::{sync::Arc, time::Duration};

use linger_serve::{App, Routes};

pub use health::only_figures;
pub use native::openapi;

/// How the operator set the dialects up.
#[derive(Debug, Clone)]
pub struct DialectSettings {
    /// Whether `/metrics` is served here; not where it has a listener of its own.
    pub metrics: bool,
    /// Whether the seed protocols are served, some of which answer every origin.
    pub seed_protocols: bool,
    /// How long `/update` is held. The article holds for ever; a proxy that cuts
    /// earlier only makes its client ask again.
    pub update_hold: Duration,
    /// How long `/get_new_message` is held: the article's 30 s.
    pub names_hold: Duration,
}

impl Default for DialectSettings {
    fn default() -> DialectSettings {
        DialectSettings {
            metrics: true,
            seed_protocols: true,
            update_hold: Duration::from_secs(300),
            names_hold: Duration::from_secs(30),
        }
    }
}

/// Returns the routes of all dialects.
pub fn routes(app: &Arc<App>, settings: &DialectSettings) -> Routes {
    let seeds = match settings.seed_protocols {
        true => Routes::new()
            .merge(updates::routes(app, settings.update_hold))
            .merge(names::routes(app, settings.names_hold)),
        false => Routes::new(),
    };
    let figures = match settings.metrics {
        true => health::figures(app),
        false => Routes::new(),
    };
    Routes::new()
        .merge(native::routes(app))
        .merge(text::routes(app))
        .merge(seeds)
        .merge(health::routes(app))
        .merge(figures)
        .merge(page::routes())
        // A dialect may have its own words for this; the others share these.
        .on_hyper(|router| router.method_not_allowed_fallback(page::no_such_method))
}
