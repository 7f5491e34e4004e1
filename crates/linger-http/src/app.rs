//! What all edges share: the node, the rates, and how the operator set them up.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use linger_node::Node;
use prometheus_client::registry::Registry;

use crate::{edges::names::Visitors, rates::Rates};

/// How the operator set the edges up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether those without a session may read open rooms.
    pub visitors_may_read: bool,
    /// Whether rates are limited; off for benchmarks.
    pub rate_limits: bool,
    /// Whether a reverse proxy in front tells the caller's address in
    /// `X-Forwarded-For`. Off, the header is not believed.
    pub behind_proxy: bool,
    /// How long `/update` is held. The article holds for ever; proxies that cut
    /// earlier only make its client ask again.
    pub update_hold: Duration,
    /// How long `/get_new_message` is held: the article's 30 s.
    pub names_hold: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            visitors_may_read: true,
            rate_limits: true,
            behind_proxy: false,
            update_hold: Duration::from_secs(300),
            names_hold: Duration::from_secs(30),
        }
    }
}

/// The node and what the edges need around it.
pub struct App {
    pub(crate) node: Arc<Node>,
    pub(crate) settings: Settings,
    pub(crate) rates: Rates,
    pub(crate) visitors: Visitors,
    pub(crate) registry: Mutex<Registry>,
}

impl App {
    /// Puts the edges around a node.
    pub fn new(node: Arc<Node>, settings: Settings) -> App {
        let mut registry = Registry::with_prefix("linger");
        node.register_metrics(&mut registry);
        App {
            rates: Rates::new(settings.rate_limits),
            visitors: Visitors::new(node.tail().position),
            node,
            settings,
            registry: Mutex::new(registry),
        }
    }
}
