//! The aggregator: folds the results of a request into one report.
//!
//! Its state is rebuilt by reading again from the oldest request still open: a request's records
//! are acknowledged only when its report is stored, so the group's position never passes it.

pub mod tree;
mod unplanned;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use palisade_model::{
    NodeEvent, Report, ReportNotice, RequestId, RequestSummary, Sha256, UnixMillis, wire,
};
use palisade_ports::PortError;
use palisade_ports::log::{Acknowledge, Append, Durability, Position, Start, Topic};
use palisade_telemetry::metrics::DropReason;
use tokio::task::JoinSet;

use crate::Ports;
use crate::catalog::palisade_error;
use crate::workers::panicked;
use tree::{Tree, report_cache_key};
pub(crate) use unplanned::unplanned;

/// The consumer group.
pub const GROUP: &str = "aggregator";

/// How often deadlines are looked at and progress is written, in milliseconds.
const TICK_MS: u64 = 100;

/// A request younger than this gets no progress written, in milliseconds: most are done before.
const PROGRESS_AFTER_MS: u64 = 400;

/// Between two progress notes of one request, in milliseconds.
const PROGRESS_EVERY_MS: u64 = 500;

/// What waits for a deadline gets this much more, in milliseconds: results of that very moment are
/// on their way.
const GRACE_MS: u64 = 250;

/// How long a tree without its root's plan is kept, in milliseconds: it belongs to a request whose
/// report is stored (repeats after a crash), or whose plan comes late.
const ORPHAN_MS: u64 = 120_000;

/// Reports remembered as done, so that their late results are known as such.
const REMEMBERED: usize = 100_000;

/// Events taken from the log at once.
const BATCH: usize = 512;

/// The stage.
pub struct Aggregator {
    ports: Ports,
}

struct Open {
    tree: Tree,
    positions: Vec<Position>,
    since: UnixMillis,
    noted: UnixMillis,
    changed: bool,
}

impl Aggregator {
    /// An aggregator over these ports.
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// Works for ever; returns only when the log or the records fail.
    ///
    /// # Errors
    /// Theirs.
    pub async fn run(self) -> Result<(), PortError> {
        let mut results = self.ports.log.subscribe(GROUP, &[Topic::Results], Start::Oldest).await?;
        let acknowledger = results.acknowledger();
        let mut state = State {
            ports: self.ports.clone(),
            acknowledger,
            open: HashMap::new(),
            done: Remembered::default(),
            finishing: JoinSet::new(),
        };
        let clock = Arc::clone(&self.ports.clock);
        let mut tick = clock.now().plus(TICK_MS);
        loop {
            tokio::select! {
                events = results.next(BATCH) => {
                    let now = clock.now();
                    let events = events?;
                    state.leave(&results.lost());
                    for delivery in events {
                        match wire::decode::<NodeEvent>(&delivery.payload) {
                            Ok(event) => state.take(event, delivery.position, now),
                            Err(error) => {
                                self.ports.metrics.drop(DropReason::Unreadable, "aggregator");
                                tracing::error!(error = %palisade_error(&error), "unreadable result");
                                state.acknowledger.acknowledge(&delivery.position);
                            }
                        }
                    }
                }
                () = clock.sleep_until(tick) => {}
                Some(ended) = state.finishing.join_next() => {
                    ended.unwrap_or_else(|panic| Err(panicked(panic)))?;
                }
            }
            // Looked at after every batch too: under load the timer would never win.
            let now = clock.now();
            if now >= tick {
                tick = now.plus(TICK_MS);
                state.end_overdue(now).await?;
                state.note_progress(now).await?;
            }
        }
    }
}

struct State {
    ports: Ports,
    acknowledger: Arc<dyn Acknowledge>,
    open: HashMap<RequestId, Open>,
    done: Remembered,
    finishing: JoinSet<Result<(), PortError>>,
}

impl State {
    fn take(&mut self, event: NodeEvent, position: Position, now: UnixMillis) {
        let root = event.node().root;
        // A request that was tried again has a plan with a later acceptance; a repeat has the same one.
        if let (Some(accepted), NodeEvent::Plan(plan)) = (self.done.accepted(root), &event)
            && plan.request.node.is_root()
            && plan.request.accepted > accepted
        {
            self.done.forget(root);
        }
        if self.done.accepted(root).is_some() {
            self.ports.metrics.drop(DropReason::Late, "aggregator");
            self.acknowledger.acknowledge(&position);
            return;
        }
        let open = self.open.entry(root).or_insert_with(|| Open {
            tree: Tree::default(),
            positions: Vec::new(),
            since: now,
            noted: now,
            changed: false,
        });
        open.positions.push(position);
        open.changed |= open.tree.take(event, now);
        if open.tree.is_complete() {
            self.finish(root, now);
        }
        let open = i64::try_from(self.open.len()).unwrap_or(i64::MAX);
        self.ports.metrics.open_trees.set(open);
    }

    /// Drops the requests of partitions that another aggregator has now: it reads them from their
    /// beginning, and a report made here would be made of half of them.
    fn leave(&mut self, lost: &[(Topic, i32)]) {
        if lost.is_empty() {
            return;
        }
        let elsewhere = |open: &Open| {
            open.positions.iter().any(|position| {
                lost.iter().any(|(topic, number)| {
                    *number == position.partition && *topic == position.topic
                })
            })
        };
        let before = self.open.len();
        self.open.retain(|_, open| !elsewhere(open));
        let left = before - self.open.len();
        tracing::info!(partitions = lost.len(), requests = left, "left to another aggregator");
    }

    /// Makes the report and stores it beside the loop: a slow disk does not keep others waiting.
    fn finish(&mut self, root: RequestId, now: UnixMillis) {
        let Some(open) = self.open.remove(&root) else { return };
        self.done.insert(root, open.tree.request().map_or(now, |request| request.accepted));
        let has_children = open.tree.has_children();
        let definitions = open.tree.planned_definitions();
        let Some(report) = open.tree.report(now) else { return };
        let key = report_cache_key(&report, &definitions);
        let ports = self.ports.clone();
        let acknowledger = Arc::clone(&self.acknowledger);
        self.finishing.spawn(async move {
            store(&ports, report, key).await?;
            if has_children {
                ports.records.settle(root).await?;
            }
            for position in &open.positions {
                acknowledger.acknowledge(position);
            }
            Ok(())
        });
    }

    async fn end_overdue(&mut self, now: UnixMillis) -> Result<(), PortError> {
        let mut due = Vec::new();
        let mut orphans = Vec::new();
        for (root, open) in &self.open {
            match open.tree.request() {
                Some(request) if now >= request.deadline.plus(GRACE_MS) => due.push(*root),
                None if now.since(open.since) >= ORPHAN_MS => orphans.push(*root),
                _ => {}
            }
        }
        for root in due {
            self.finish(root, now);
        }
        for root in orphans {
            if let Some(open) = self.open.remove(&root) {
                // No plan of its root came: its report is stored already, or the janitor ends it.
                self.ports.metrics.drop(DropReason::Late, "aggregator");
                open.positions.iter().for_each(|position| self.acknowledger.acknowledge(position));
            }
        }
        Ok(())
    }

    async fn note_progress(&mut self, now: UnixMillis) -> Result<(), PortError> {
        for open in self.open.values_mut() {
            let old = now.since(open.since) >= PROGRESS_AFTER_MS;
            if !old || !open.changed || now.since(open.noted) < PROGRESS_EVERY_MS {
                continue;
            }
            let Some(request) = open.tree.request() else { continue };
            let (summary, progress) = (RequestSummary::of(request), open.tree.progress());
            open.noted = now;
            open.changed = false;
            self.ports.records.open_request(summary, progress).await?;
        }
        Ok(())
    }
}

/// Stores a report and tells of it. A repeat stores nothing and tells again: whoever listens knows
/// repeats by the request's id.
pub(crate) async fn store(
    ports: &Ports,
    report: Report,
    cache_key: Option<Sha256>,
) -> Result<(), PortError> {
    let notice = ReportNotice {
        request: report.request.node.root,
        verdict: report.verdict,
        partial: report.partial,
        finished: report.finished,
    };
    let waited_ms = report.finished.since(report.request.accepted);
    if ports.records.finish(report, cache_key).await? {
        ports.metrics.reports.inc();
        if notice.partial {
            ports.metrics.partial_reports.inc();
        }
        ports.metrics.report_seconds.observe(waited_ms as f64 / 1e3);
    }
    let append = Append {
        topic: Topic::Reports,
        key: Bytes::copy_from_slice(notice.request.as_bytes()),
        payload: wire::encode(&notice).into(),
    };
    ports.log.append(vec![append], Durability::Derived).await
}

/// The last so-many requests that were finished, and which acceptance of each.
#[derive(Default)]
struct Remembered {
    accepted: HashMap<RequestId, UnixMillis>,
    order: VecDeque<RequestId>,
}

impl Remembered {
    fn accepted(&self, id: RequestId) -> Option<UnixMillis> {
        self.accepted.get(&id).copied()
    }

    fn insert(&mut self, id: RequestId, accepted: UnixMillis) {
        if self.accepted.insert(id, accepted).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.accepted.remove(&oldest);
        }
    }

    /// Rare: somebody tries a dead letter again.
    fn forget(&mut self, id: RequestId) {
        self.accepted.remove(&id);
        self.order.retain(|other| *other != id);
    }
}
