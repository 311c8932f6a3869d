//! Every metric of the Defender, by name, and where it is served. What each means to an operator is in
//! `docs/events.md`.
//!
//! Labels are bounded: sets that the program knows, names of the settings, and names of rules up to
//! [`MAX_RULES`].

mod endpoint;
mod labels;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use palisade_model::event::{Blind, BlindCause, Cause, Incident, IncidentSeverity, Kind};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub use endpoint::{Endpoint, EndpointError, EndpointSettings, Health};
pub use labels::{
    BlindLabel, IncidentLabel, KindLabel, LostLabel, OutcomeLabel, PhaseLabel, ReasonLabel,
    SinkDropLabel, SinkLabel,
};

/// Rules that have a label of their own; further ones count as `other`.
pub const MAX_RULES: usize = 256;

/// Upper bounds of the time from an event to its incident, in seconds.
const INCIDENT_BUCKETS: [f64; 12] =
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Upper bounds of the time that one event's rules take, in seconds.
const RULE_BUCKETS: [f64; 12] = [
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.000_01,
    0.000_025,
    0.000_05,
    0.000_1,
    0.000_25,
    0.000_5,
    0.001,
    0.01,
    0.1,
];

/// All metrics of the Defender.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    rules: Mutex<BTreeSet<String>>,
    /// Events seen.
    pub events: Family<KindLabel, Counter>,
    /// Events known to be lost.
    pub lost: Family<LostLabel, Counter>,
    /// Times in which nothing was seen.
    pub blind: Family<BlindLabel, Counter>,
    /// Their length.
    pub blind_seconds: Counter<f64, AtomicU64>,
    /// Incidents begun.
    pub incidents: Family<IncidentLabel, Counter>,
    /// Findings that made no incident: `exception`, `rate`, `dry-run`, `severity`.
    pub suppressed: Family<ReasonLabel, Counter>,
    /// Acts refused or ended: `refused`, `killed`, `container-stopped`, `failed`.
    pub responses: Family<OutcomeLabel, Counter>,
    /// Canaries: `passed` (the kernel side stopped it), `missed` (it ran) or `unproven` (it ended, and the
    /// kernel side did not say so).
    pub canaries: Family<OutcomeLabel, Counter>,
    /// Containers that are watched.
    pub containers: Gauge,
    /// Behaviour models.
    pub models: Family<PhaseLabel, Gauge>,
    /// Processes that are known.
    pub processes: Gauge,
    /// Events that were a runtime's, making a container or entering it: nobody is told of them.
    pub runtime_steps: Gauge,
    /// What could not be read, kept or written since the start: `damaged-records`, `missing-records`,
    /// `processes-unplaced`, `processes-shortened`, `connector-overruns`, `cgroup-changes`,
    /// `audit-entries`, `containers-refused`, `cgroups-refused`, `early-events`.
    pub trouble: Family<ReasonLabel, Gauge>,
    /// Resident memory, in bytes; read when metrics are asked for.
    pub memory: Gauge,
    /// From an event to its incident, in seconds.
    pub incident_seconds: Histogram,
    /// What all rules take for one event, in seconds.
    pub rules_seconds: Histogram,
    /// Answers to the kernel's questions: `allow`, `deny`, `untold` (a refusal that was not told of),
    /// `timed-out` (fanotify was given up).
    pub fanotify: Family<OutcomeLabel, Counter>,
    sink_lines: Family<SinkLabel, Counter>,
    sink_dropped: Family<SinkDropLabel, Counter>,
    sink_failures: Family<SinkLabel, Counter>,
    sink_damaged: Family<SinkLabel, Counter>,
    sink_queue: Family<SinkLabel, Gauge>,
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
            registry: Registry::default(),
            rules: Mutex::default(),
            events: Family::default(),
            lost: Family::default(),
            blind: Family::default(),
            blind_seconds: Counter::default(),
            incidents: Family::default(),
            suppressed: Family::default(),
            responses: Family::default(),
            canaries: Family::default(),
            containers: Gauge::default(),
            models: Family::default(),
            processes: Gauge::default(),
            runtime_steps: Gauge::default(),
            trouble: Family::default(),
            memory: Gauge::default(),
            incident_seconds: Histogram::new(INCIDENT_BUCKETS),
            rules_seconds: Histogram::new(RULE_BUCKETS),
            fanotify: Family::default(),
            sink_lines: Family::default(),
            sink_dropped: Family::default(),
            sink_failures: Family::default(),
            sink_damaged: Family::default(),
            sink_queue: Family::default(),
        };
        metrics.registry = metrics.register();
        metrics
    }

    fn register(&self) -> Registry {
        let mut registry = Registry::with_prefix("palisade_defender");
        let r = &mut registry;
        r.register("events", "Events seen", self.events.clone());
        r.register("lost_events", "Events known to be lost", self.lost.clone());
        r.register("blind_intervals", "Times in which nothing was seen", self.blind.clone());
        let blind = self.blind_seconds.clone();
        r.register_with_unit("blind", "Their length", Unit::Seconds, blind);
        r.register("incidents", "Incidents begun", self.incidents.clone());
        let suppressed = self.suppressed.clone();
        r.register("suppressed_findings", "Findings that made no incident", suppressed);
        r.register("responses", "Acts refused or ended", self.responses.clone());
        r.register("canaries", "Tests whether prevention holds", self.canaries.clone());
        r.register("containers", "Containers that are watched", self.containers.clone());
        r.register("models", "Behaviour models by phase", self.models.clone());
        r.register("processes", "Processes that are known", self.processes.clone());
        let steps = self.runtime_steps.clone();
        r.register("runtime_steps", "Events that were a runtime's own", steps);
        let trouble = self.trouble.clone();
        r.register("trouble", "What could not be read, kept or written", trouble);
        r.register_with_unit("memory", "Resident memory", Unit::Bytes, self.memory.clone());
        let latency = self.incident_seconds.clone();
        r.register_with_unit("incident", "From an event to its incident", Unit::Seconds, latency);
        let rules = self.rules_seconds.clone();
        r.register_with_unit("rules", "All rules, for one event", Unit::Seconds, rules);
        r.register("fanotify", "Answers to the kernel's questions", self.fanotify.clone());
        r.register("sink_lines", "Lines written or sent", self.sink_lines.clone());
        r.register("sink_dropped", "Lines that a sink never got", self.sink_dropped.clone());
        r.register("sink_failures", "Tries that failed", self.sink_failures.clone());
        let damaged = self.sink_damaged.clone();
        r.register_with_unit("sink_damaged", "Unreadable in queues", Unit::Bytes, damaged);
        let queue = self.sink_queue.clone();
        r.register_with_unit("sink_queue", "Waiting for a sink", Unit::Bytes, queue);
        registry
    }

    /// Counts an event.
    pub fn event(&self, kind: Kind) {
        self.events.get_or_create(&KindLabel { kind: kind.as_str() }).inc();
    }

    /// Counts a blind interval and what was lost in it.
    pub fn blind(&self, blind: &Blind) {
        let cause = cause(blind.cause);
        let scope = if blind.container.is_some() { "container" } else { "host" };
        self.blind.get_or_create(&BlindLabel { cause, scope }).inc();
        self.blind_seconds.inc_by(Duration::from_millis(blind.length_ms()).as_secs_f64());
        for (kind, count) in &blind.lost {
            self.lost.get_or_create(&LostLabel { kind: kind.as_str(), cause }).inc_by(*count);
        }
    }

    /// Counts a new incident, and the time from its event to now.
    pub fn incident(&self, incident: &Incident, after: Duration) {
        let rule = self.rule(incident.causes.first());
        let severity = match incident.severity {
            IncidentSeverity::Informational => "informational",
            IncidentSeverity::Low => "low",
            IncidentSeverity::Medium => "medium",
            IncidentSeverity::High => "high",
            IncidentSeverity::Critical => "critical",
        };
        self.incidents.get_or_create(&IncidentLabel { severity, rule }).inc();
        self.incident_seconds.observe(after.as_secs_f64());
    }

    /// Counts a finding that made no incident.
    pub fn suppressed(&self, reason: &'static str) {
        self.suppressed.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Counts what was done: `refused`, `killed`, `container-stopped`, `failed`.
    pub fn response(&self, outcome: &'static str) {
        self.responses.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts a canary: `passed`, `missed`, `unproven`.
    pub fn canary(&self, outcome: &'static str) {
        self.canaries.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts an answer to fanotify: `allow`, `deny`, `untold`, `timed-out`.
    pub fn fanotify(&self, outcome: &'static str) {
        self.fanotify.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Sets the number of models in a phase.
    pub fn models(&self, phase: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.models.get_or_create(&PhaseLabel { phase }).set(count);
    }

    /// Sets how often something could not be read, kept or written.
    pub fn trouble(&self, reason: &'static str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.trouble.get_or_create(&ReasonLabel { reason }).set(count);
    }

    /// Counts lines that a sink got.
    pub fn sink_lines(&self, sink: &str, count: u64) {
        self.sink_lines.get_or_create(&SinkLabel { sink: sink.to_owned() }).inc_by(count);
    }

    /// Counts lines that a sink never gets.
    pub fn sink_dropped(&self, sink: &str, reason: &'static str, count: u64) {
        if count > 0 {
            let label = SinkDropLabel { sink: sink.to_owned(), reason };
            self.sink_dropped.get_or_create(&label).inc_by(count);
        }
    }

    /// Counts a try of a sink that failed.
    pub fn sink_failed(&self, sink: &str) {
        self.sink_failures.get_or_create(&SinkLabel { sink: sink.to_owned() }).inc();
    }

    /// Counts bytes of a queue that could not be read back.
    pub fn sink_damaged(&self, sink: &str, bytes: u64) {
        if bytes > 0 {
            self.sink_damaged.get_or_create(&SinkLabel { sink: sink.to_owned() }).inc_by(bytes);
        }
    }

    /// Sets the bytes that wait for a sink.
    pub fn sink_queue(&self, sink: &str, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.sink_queue.get_or_create(&SinkLabel { sink: sink.to_owned() }).set(bytes);
    }

    /// The exposition, OpenMetrics text.
    pub fn expose(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            self.memory.set(bytes);
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    fn rule(&self, cause: Option<&Cause>) -> String {
        let name = match cause {
            Some(Cause::Rule { name } | Cause::Policy { name }) => name,
            Some(Cause::Deviation { .. }) => return "deviation".to_owned(),
            Some(Cause::Malware { .. }) => return "malware".to_owned(),
            Some(Cause::PreventionLost) => return "prevention-lost".to_owned(),
            Some(Cause::Blind) | None => return "blind".to_owned(),
        };
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if rules.len() >= MAX_RULES && !rules.contains(name) {
            return "other".to_owned();
        }
        rules.insert(name.clone());
        name.clone()
    }
}

/// What `/proc/self/statm` says; `None` where there is none.
fn resident_bytes() -> Option<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(i64::try_from(rustix::param::page_size()).ok()?)
}

fn cause(cause: BlindCause) -> &'static str {
    match cause {
        BlindCause::BufferFull => "buffer-full",
        BlindCause::QueueFull => "queue-full",
        BlindCause::RateLimited => "rate-limited",
        BlindCause::Detached => "detached",
        BlindCause::Stalled => "stalled",
        BlindCause::Unreadable => "unreadable",
    }
}
