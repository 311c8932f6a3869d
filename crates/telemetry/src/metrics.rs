//! Every metric of Palisade, by name. Exposed at `/metrics` in the OpenMetrics text form.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of latency buckets, in seconds: from a cached look-up to a slow archive.
const LATENCY_BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// `engine="yara"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EngineLabel {
    /// The engine's name.
    pub engine: String,
}

/// `engine="yara", outcome="malicious"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EngineOutcome {
    /// The engine's name.
    pub engine: String,
    /// `no-threat`, `suspicious`, `malicious`, `unknown`, `failed`, `timed-out`, `encrypted`,
    /// `not-scanned`.
    pub outcome: &'static str,
}

/// `method`, `route` (the pattern, not the path), `status`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpLabel {
    /// `GET`, `POST`, …
    pub method: String,
    /// The route's pattern: `/file/{data_id}`.
    pub route: String,
    /// The status code.
    pub status: u16,
}

/// Why something was dropped or refused (law 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum DropReason {
    /// The gateway said 503: too much waits.
    Backlog,
    /// The gateway said 503: no space.
    DiskFull,
    /// The gateway said 429.
    RateLimit,
    /// A message went to the dead letters.
    DeadLetter,
    /// A message that could not be read.
    Unreadable,
    /// A result that came after its report.
    Late,
    /// A child beyond a bound of unpacking.
    UnpackLimit,
    /// A record that the log's retention removed before it was read.
    Retention,
}

/// `kind`, `place`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DropLabel {
    /// Why.
    pub kind: DropReason,
    /// Which stage or engine.
    pub place: String,
}

/// `outcome`: `delivered`, `failed` (to be tried again) or `dead`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeliveryLabel {
    /// How a try of a callback ended.
    pub outcome: &'static str,
}

/// `topic="palisade.requests"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TopicLabel {
    /// The topic.
    pub topic: String,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

/// All metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// HTTP requests answered.
    pub http_requests: Family<HttpLabel, Counter>,
    /// Requests accepted.
    pub accepted: Counter,
    /// Of these, answered from the report cache.
    pub cached: Counter,
    /// Bytes of artifacts accepted.
    pub accepted_bytes: Counter,
    /// Reports made.
    pub reports: Counter,
    /// Of these, partial.
    pub partial_reports: Counter,
    /// Seconds from acceptance to report.
    pub report_seconds: Histogram,
    /// Engine results, by outcome.
    pub results: Family<EngineOutcome, Counter>,
    /// Seconds of each scan.
    pub scan_seconds: Histograms<EngineLabel>,
    /// Seconds from command to scan.
    pub wait_seconds: Histograms<EngineLabel>,
    /// Workers that died or were killed.
    pub worker_deaths: Family<EngineLabel, Counter>,
    /// Live workers.
    pub workers: Family<EngineLabel, Gauge>,
    /// Unacknowledged records, by topic.
    pub backlog: Family<TopicLabel, Gauge>,
    /// Trees that the aggregator holds.
    pub open_trees: Gauge,
    /// Children found by unpacking.
    pub children: Counter,
    /// Tries of callbacks.
    pub deliveries: Family<DeliveryLabel, Counter>,
    /// Everything dropped or refused.
    pub drops: Family<DropLabel, Counter>,
    /// Seconds since the process started to accept requests.
    pub start_time: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Fresh metrics in a registry of their own.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Arc::default(),
            http_requests: Family::default(),
            accepted: Counter::default(),
            cached: Counter::default(),
            accepted_bytes: Counter::default(),
            reports: Counter::default(),
            partial_reports: Counter::default(),
            report_seconds: latency(),
            results: Family::default(),
            scan_seconds: Family::new_with_constructor(latency),
            wait_seconds: Family::new_with_constructor(latency),
            worker_deaths: Family::default(),
            workers: Family::default(),
            backlog: Family::default(),
            open_trees: Gauge::default(),
            children: Counter::default(),
            deliveries: Family::default(),
            drops: Family::default(),
            start_time: Gauge::default(),
        };
        metrics.registry = Arc::new(metrics.register());
        metrics
    }

    fn register(&self) -> Registry {
        let mut registry = Registry::with_prefix("palisade");
        let r = &mut registry;
        r.register("http_requests", "HTTP requests answered", self.http_requests.clone());
        r.register("accepted", "Requests accepted", self.accepted.clone());
        r.register("cached", "Requests answered from the report cache", self.cached.clone());
        r.register_with_unit(
            "accepted",
            "Bytes of artifacts accepted",
            Unit::Bytes,
            self.accepted_bytes.clone(),
        );
        r.register("reports", "Reports made", self.reports.clone());
        r.register("partial_reports", "Partial reports made", self.partial_reports.clone());
        r.register_with_unit(
            "report",
            "From acceptance to report",
            Unit::Seconds,
            self.report_seconds.clone(),
        );
        r.register("engine_results", "Engine results by outcome", self.results.clone());
        r.register_with_unit("scan", "Each scan", Unit::Seconds, self.scan_seconds.clone());
        r.register_with_unit(
            "wait",
            "From command to scan",
            Unit::Seconds,
            self.wait_seconds.clone(),
        );
        r.register("worker_deaths", "Workers that died or were killed", self.worker_deaths.clone());
        r.register("workers", "Live workers", self.workers.clone());
        r.register("backlog", "Unacknowledged records by topic", self.backlog.clone());
        r.register("open_trees", "Requests that the aggregator holds", self.open_trees.clone());
        r.register("children", "Children found by unpacking", self.children.clone());
        r.register("deliveries", "Tries of callbacks, by outcome", self.deliveries.clone());
        r.register("drops", "Everything dropped or refused, by kind and place", self.drops.clone());
        r.register_with_unit(
            "start_time",
            "When the process started, since 1970",
            Unit::Seconds,
            self.start_time.clone(),
        );
        registry
    }

    /// Counts a drop (law 7).
    pub fn drop(&self, kind: DropReason, place: &str) {
        self.drop_many(kind, place, 1);
    }

    /// Counts some at once.
    pub fn drop_many(&self, kind: DropReason, place: &str, count: u64) {
        self.drops.get_or_create(&DropLabel { kind, place: place.to_owned() }).inc_by(count);
    }

    /// The exposition, OpenMetrics text.
    pub fn expose(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_exposed_under_its_name() {
        let metrics = Metrics::new();
        metrics.accepted.inc();
        metrics.drop(DropReason::Backlog, "gateway");
        let text = metrics.expose();
        assert!(text.contains("palisade_accepted_total 1"), "{text}");
        assert!(
            text.contains("palisade_drops_total{kind=\"Backlog\",place=\"gateway\"} 1"),
            "{text}"
        );
    }
}
