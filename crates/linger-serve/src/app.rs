//! The node, and everything around it that all dialects share.

use std::sync::{Arc, Mutex, atomic::AtomicBool};

use linger_node::Node;
use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::{
    hosts::Hosts, origins::Origins, rates::Rates, seldom::Seldom, session_cookie::SessionCookie,
};

/// The operator's settings about who may do what.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// Whether those without a session may read open rooms.
    pub visitors_may_read: bool,
    /// Whether rates are limited; off for benchmarks.
    pub rate_limits: bool,
    /// Whether a reverse proxy in front gives the caller's address in
    /// `X-Forwarded-For` or `Forwarded`. If off, these headers are ignored.
    pub behind_proxy: bool,
    /// Origins whose pages may call, beside our own, where a dialect allows that.
    pub origins: Origins,
    /// The names by which the server may be asked.
    pub hosts: Hosts,
}

impl Default for AppSettings {
    fn default() -> AppSettings {
        AppSettings {
            visitors_may_read: true,
            rate_limits: true,
            behind_proxy: false,
            origins: Origins::None,
            hosts: Hosts::Any,
        }
    }
}

/// The node, and everything around it that all dialects share.
pub struct App {
    /// The node that is served.
    pub node: Arc<Node>,
    /// The operator's settings about who may do what.
    pub settings: AppSettings,
    /// How often one may change something.
    pub rates: Rates,
    /// The cookie that holds a browser's session.
    pub session_cookie: SessionCookie,
    /// Limits the warnings about pages that are taken for another server's.
    pub(crate) origin_warning: Seldom,
    /// Whether there was a warning about a proxy that gives no caller's address.
    pub(crate) has_warned_of_addresses: AtomicBool,
    registry: Mutex<Registry>,
}

impl App {
    /// Serves this node.
    pub fn new(node: Arc<Node>, settings: AppSettings) -> App {
        let mut registry = Registry::with_prefix("linger");
        node.register_metrics(&mut registry);
        let rates = Rates::new(settings.rate_limits);
        App {
            session_cookie: SessionCookie::of(node.log_id()),
            node,
            settings,
            rates,
            origin_warning: Seldom::default(),
            has_warned_of_addresses: AtomicBool::new(false),
            registry: Mutex::new(registry),
        }
    }

    /// Returns the figures of the node as OpenMetrics text.
    pub fn metrics(&self) -> String {
        self.node.refresh_metrics();
        let mut text = String::new();
        let registry = self.registry.lock().expect("no holder of this lock panics");
        encode(&mut text, &registry).expect("a string takes all that is written to it");
        text
    }
}
