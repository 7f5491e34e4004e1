//! The figures of a node, for Prometheus.
//!
//! The histograms' bounds fit the times: an append takes from a tenth of a
//! millisecond (a disk with a protected cache) to a second (a failing disk).

use prometheus_client::{
    metrics::{
        counter::Counter,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// The figures of one node.
pub(crate) struct Metrics {
    /// Readers that are held now.
    pub(crate) requests_held: Gauge,
    /// Readers that were woken to look again.
    pub(crate) wakes: Counter,
    /// Events that were handed to readers.
    pub(crate) deliveries: Counter,
    /// From the queue to the acknowledgement.
    pub(crate) append_seconds: Histogram,
    /// One group commit: write and fsync.
    pub(crate) fsync_seconds: Histogram,
    /// The last durable entry.
    pub(crate) log_position: Gauge,
    /// The last applied entry.
    pub(crate) projection_position: Gauge,
}

impl Metrics {
    /// Makes the figures, all at zero.
    pub(crate) fn new() -> Metrics {
        Metrics {
            requests_held: Gauge::default(),
            wakes: Counter::default(),
            deliveries: Counter::default(),
            append_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 15)),
            fsync_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 15)),
            log_position: Gauge::default(),
            projection_position: Gauge::default(),
        }
    }

    /// Enters them all in a registry, under names that begin with the registry's prefix.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests_held",
            "Requests that are held now",
            self.requests_held.clone(),
        );
        registry.register(
            "wakes",
            "Held requests that were woken to look again",
            self.wakes.clone(),
        );
        registry.register(
            "deliveries",
            "Events that were handed to readers",
            self.deliveries.clone(),
        );
        registry.register_with_unit(
            "append",
            "Time from queueing an append to its acknowledgement",
            Unit::Seconds,
            self.append_seconds.clone(),
        );
        registry.register_with_unit(
            "fsync",
            "Time of one group commit of the log, write and fsync",
            Unit::Seconds,
            self.fsync_seconds.clone(),
        );
        registry.register(
            "log_position",
            "Position of the last durable entry",
            self.log_position.clone(),
        );
        registry.register(
            "projection_position",
            "Position of the last applied entry",
            self.projection_position.clone(),
        );
    }
}
