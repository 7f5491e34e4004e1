//! What all edges share: the node, the rates, and how the operator set them up.

use std::{
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use linger_node::Node;
use prometheus_client::registry::Registry;

use crate::{
    edges::names::Visitors, hosts::Hosts, origins::Origins, rates::Rates, seldom::Seldom,
    session_cookie::SessionCookie,
};

/// How the operator set the edges up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether those without a session may read open rooms.
    pub visitors_may_read: bool,
    /// Whether rates are limited; off for benchmarks.
    pub rate_limits: bool,
    /// Whether a reverse proxy in front tells the caller's address in
    /// `X-Forwarded-For` or `Forwarded`. Off, they are not believed.
    pub behind_proxy: bool,
    /// Whose pages may call the native API, beside our own.
    pub origins: Origins,
    /// The names by which the server may be asked.
    pub hosts: Hosts,
    /// Whether the seed protocols are served, some of which answer every origin.
    pub seed_protocols: bool,
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
            origins: Origins::None,
            hosts: Hosts::Any,
            seed_protocols: true,
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
    pub(crate) session_cookie: SessionCookie,
    /// Of pages that are taken for another server's.
    pub(crate) origin_warning: Seldom,
    /// Of callers whose address the proxy does not say.
    pub(crate) has_warned_of_addresses: AtomicBool,
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
            session_cookie: SessionCookie::of(node.log_id()),
            origin_warning: Seldom::default(),
            has_warned_of_addresses: AtomicBool::new(false),
            node,
            settings,
            registry: Mutex::new(registry),
        }
    }
}
