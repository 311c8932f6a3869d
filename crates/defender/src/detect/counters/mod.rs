//! What a rule on one event cannot say: how many, within how long, how different.
//!
//! Each counter belongs to one container (or the host) and some to one process of it. Everything is
//! bounded ([`CounterSettings`]); what gives its place to something newer is counted
//! ([`Counters::pushed_out`]).

mod dns;
mod files;
mod guessing;
mod processor;
mod scan;
mod settings;
mod shell;
mod window;

use std::hash::RandomState;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Cause, ContainerId, Event, IncidentSeverity, Kind, KindSet, Technique,
};

use crate::Finding;

pub use settings::{
    CounterSettings, DeletionSettings, DnsSettings, GuessingSettings, ProcessorSettings,
    RewritingSettings, ScanSettings, ShellSettings,
};

use window::Table;

/// A counter as people know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The name of its findings' cause, and their title.
    pub name: &'static str,
    /// What it counts.
    pub description: &'static str,
    /// How bad it is.
    pub severity: IncidentSeverity,
    /// MITRE ATT&CK.
    pub technique: &'static str,
}

/// Every counter, in the order in which they look.
pub const COUNTERS: [&Counter; 10] = [
    &shell::REVERSE,
    &shell::BIND,
    &scan::PORTS,
    &scan::HOSTS,
    &guessing::OUTBOUND,
    &guessing::INBOUND,
    &dns::TUNNEL,
    &files::DELETION,
    &files::REWRITING,
    &processor::SUSTAINED,
];

/// Whose counts: a container's, or the host's.
type Scope = Option<ContainerId>;

/// The counts of one container.
#[derive(Debug, Clone, Default)]
struct Tally {
    connections: shell::Connections,
    scan: scan::Scans,
    guessing: guessing::Guesses,
    dns: dns::Questions,
    files: files::Files,
    processor: processor::Use,
}

/// All counters with what they have counted.
#[derive(Debug, Clone)]
pub struct Counters {
    settings: CounterSettings,
    tallies: Table<Scope, Tally>,
    pushed_out: u64,
    hasher: RandomState,
}

/// What a counter needs beside its own counts.
struct Look<'a> {
    settings: &'a CounterSettings,
    now: UnixMillis,
    pushed_out: &'a mut u64,
    hasher: &'a RandomState,
    found: &'a mut Vec<Finding>,
}

impl Look<'_> {
    fn find(&mut self, counter: &Counter, detail: String) {
        self.found.push(Finding {
            cause: Cause::Rule { name: counter.name.to_owned() },
            title: counter.name.to_owned(),
            detail,
            severity: counter.severity,
            techniques: counter.technique.parse::<Technique>().into_iter().collect(),
        });
    }
}

impl Counters {
    /// Nothing counted yet.
    pub fn new(settings: CounterSettings) -> Self {
        Self { settings, tallies: Table::default(), pushed_out: 0, hasher: RandomState::new() }
    }

    /// The kinds of events that are counted.
    pub fn kinds() -> KindSet {
        [
            Kind::Exec,
            Kind::Connect,
            Kind::Send,
            Kind::Accept,
            Kind::DnsQuestion,
            Kind::Unlink,
            Kind::Rename,
            Kind::Create,
            Kind::Open,
            Kind::Truncate,
        ]
        .into_iter()
        .collect()
    }

    /// Counts an event. Refused and failed acts count where the trial tells: connections.
    pub fn look(&mut self, event: &Event, now: UnixMillis, found: &mut Vec<Finding>) {
        if !Self::kinds().contains(event.kind()) {
            return;
        }
        let scope = event.container.as_deref().map(|container| container.id.clone());
        let most = self.settings.containers.saturating_add(1);
        let tally = self.tallies.at(&scope, now, most, &mut self.pushed_out);
        let look = &mut Look {
            settings: &self.settings,
            now,
            pushed_out: &mut self.pushed_out,
            hasher: &self.hasher,
            found,
        };
        match event.kind() {
            Kind::Exec => tally.connections.executed(event, look),
            Kind::Connect | Kind::Send => {
                tally.connections.connected(event, look);
                tally.scan.look(event, look);
                tally.guessing.outbound(event, look);
            }
            Kind::Accept => {
                tally.connections.connected(event, look);
                tally.guessing.inbound(event, look);
            }
            Kind::DnsQuestion => tally.dns.look(event, look),
            _ => tally.files.look(event, look),
        }
    }

    /// Time that the processes of a container spent on processors: `busy_ns` of `over_ns` that passed,
    /// both since the last call.
    pub fn processor(
        &mut self,
        container: Option<&ContainerId>,
        busy_ns: u64,
        over_ns: u64,
        now: UnixMillis,
        found: &mut Vec<Finding>,
    ) {
        let most = self.settings.containers.saturating_add(1);
        let tally = self.tallies.at(&container.cloned(), now, most, &mut self.pushed_out);
        let look = &mut Look {
            settings: &self.settings,
            now,
            pushed_out: &mut self.pushed_out,
            hasher: &self.hasher,
            found,
        };
        tally.processor.look(busy_ns, over_ns, look);
    }

    /// Forgets a container that is gone.
    pub fn forget(&mut self, container: &ContainerId) {
        self.tallies.forget(&Some(container.clone()));
    }

    /// Goes on with what others have counted, by these settings.
    pub fn take_over(&mut self, before: Self) {
        self.tallies = before.tallies;
        self.hasher = before.hasher;
        self.pushed_out = self.pushed_out.saturating_add(before.pushed_out);
    }

    /// Containers, processes and peers whose counts gave their place to newer ones.
    pub fn pushed_out(&self) -> u64 {
        self.pushed_out
    }

    /// Containers (with the host) of which counts are kept.
    pub fn scopes(&self) -> usize {
        self.tallies.len()
    }
}
