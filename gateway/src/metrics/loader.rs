use framegate_replica::frame::LoaderStats;
use metrics::{Counter, Gauge};

use super::{Registry, names};

/// The metrics of the frame loader and its byte budget.
pub struct LoaderMetrics {
    loads: Counter,
    shared: Counter,
    reloads: Counter,
    evictions: Counter,
    pinned: Gauge,
    cached: Gauge,
}

impl LoaderMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Self {
        Self {
            loads: registry.counter(names::FRAME_LOADS, &[("kind", "decoded")]),
            shared: registry.counter(names::FRAME_LOADS, &[("kind", "shared")]),
            reloads: registry.counter(names::FRAME_LOADS, &[("kind", "reloaded")]),
            evictions: registry.counter(names::FRAME_EVICTIONS, &[]),
            pinned: registry.gauge(names::FRAME_BYTES, &[("kind", "pinned")]),
            cached: registry.gauge(names::FRAME_BYTES, &[("kind", "cached")]),
        }
    }

    /// Takes the loader's counts over.
    pub fn set(&self, stats: &LoaderStats) {
        self.loads.absolute(stats.loads);
        self.shared.absolute(stats.shared);
        self.reloads.absolute(stats.reloads);
        self.evictions.absolute(stats.budget.evictions);
        self.pinned.set(stats.budget.pinned as f64);
        self.cached.set(stats.budget.cached as f64);
    }
}
