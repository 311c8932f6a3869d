//! Rules and counters on a stream of events.

use palisade_model::UnixMillis;
use palisade_model::event::{Cause, ContainerId, Event, IncidentSeverity, Technique};
use palisade_rules::{Problem, RuleId, Ruleset, Scratch, Source};

use super::counters::Counters;
use super::fields::{self, EventFields, NoNames, Texts, UserNames};
use super::resolved::Resolved;
use super::settings::DetectSettings;
use super::severity;
use crate::Finding;
use crate::runtime_setup::RuntimeSetup;

/// What of a rule goes into each of its findings.
#[derive(Debug)]
struct Face {
    severity: IncidentSeverity,
    techniques: Vec<Technique>,
}

/// What the detector has left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DetectCounts {
    /// Findings beyond [`DetectSettings::findings_per_event`].
    pub findings_left_out: u64,
    /// Counts that gave their place to newer ones.
    pub counts_pushed_out: u64,
}

/// Looks at events, one after the other. It does no I/O and knows no clock.
pub struct Detector {
    settings: DetectSettings,
    rules: Ruleset,
    faces: Vec<Face>,
    counters: Counters,
    names: Box<dyn UserNames>,
    hostname: String,
    resolved: Resolved,
    setup: RuntimeSetup,
    scratch: Scratch,
    texts: Texts,
    matched: Vec<RuleId>,
    left_out: u64,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Detector")
            .field("rules", &self.faces.len())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Detector {
    /// Loads rules, later sources over earlier ones ([`super::builtin_sources`] first). There is always
    /// a detector: what could not be loaded is left out and named.
    pub fn load(sources: &[Source], settings: DetectSettings) -> (Self, Vec<Problem>) {
        let (rules, problems) = Ruleset::load(sources, &fields::catalogue(), &settings.options());
        let faces = rules
            .rules()
            .map(|(_, rule)| Face {
                severity: severity::of(rule.priority()),
                techniques: severity::techniques(rule.tags()),
            })
            .collect();
        let counters = Counters::new(settings.counters.clone());
        let resolved = Resolved::new(settings.resolved_addresses, settings.counters.containers);
        let detector = Self {
            settings,
            rules,
            faces,
            counters,
            names: Box::new(NoNames),
            hostname: String::new(),
            resolved,
            setup: RuntimeSetup::default(),
            scratch: Scratch::new(),
            texts: Texts::default(),
            matched: Vec::new(),
            left_out: 0,
        };
        (detector, problems)
    }

    /// Knows what users are called.
    #[must_use]
    pub fn with_names(mut self, names: Box<dyn UserNames>) -> Self {
        self.names = names;
        self
    }

    /// Knows what this host is called.
    #[must_use]
    pub fn on_host(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Goes on where another one stops: with its counts, the addresses that it knows and its host, and with
    /// these rules, settings and names of users.
    pub fn take_over(&mut self, before: Self) {
        self.counters.take_over(before.counters);
        self.resolved.take_over(before.resolved);
        self.hostname = before.hostname;
        self.setup = before.setup;
        self.left_out = self.left_out.saturating_add(before.left_out);
    }

    /// Appends what an event shows: rules in the order of their definition, then counters. `now` is the
    /// time by which windows are counted.
    pub fn look(&mut self, event: &Event, now: UnixMillis, found: &mut Vec<Finding>) {
        self.texts.clear();
        self.matched.clear();
        let in_setup = self.setup.look(event);
        if let Some(fields) = EventFields::new(event, &self.texts, &*self.names) {
            let fields = fields.on_host(&self.hostname).with_resolved(&self.resolved);
            let fields = fields.in_runtime_setup(in_setup);
            let kind = fields.event_type();
            self.rules.evaluate(kind, &fields, &mut self.scratch, &mut self.matched);
            let most = self.settings.findings_per_event;
            for (rule, face) in self
                .matched
                .iter()
                .take(most)
                .filter_map(|id| self.rules.rule(*id).zip(self.faces.get(id.index())))
            {
                found.push(Finding {
                    cause: Cause::Rule { name: rule.name().to_owned() },
                    title: rule.name().to_owned(),
                    detail: cut(rule.output().render(kind, &fields), self.settings.detail_bytes),
                    severity: face.severity,
                    techniques: face.techniques.clone(),
                });
            }
            let beyond = self.matched.len().saturating_sub(most);
            self.left_out = self.left_out.saturating_add(u64::try_from(beyond).unwrap_or(u64::MAX));
        }
        self.resolved.learn(event);
        self.counters.look(event, now, found);
    }

    /// Counts processor time: `busy_ns` of the last `over_ns` nanoseconds of a container, or the host.
    pub fn cpu(
        &mut self,
        container: Option<&ContainerId>,
        busy_ns: u64,
        over_ns: u64,
        now: UnixMillis,
        found: &mut Vec<Finding>,
    ) {
        self.counters.processor(container, busy_ns, over_ns, now, found);
    }

    /// Forgets the counts of a container that is gone.
    pub fn forget(&mut self, container: &ContainerId) {
        self.counters.forget(container);
        self.resolved.forget(container);
    }

    /// The rules, those that do not run too.
    pub fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// What was left out so far.
    pub fn counts(&self) -> DetectCounts {
        DetectCounts {
            findings_left_out: self.left_out,
            counts_pushed_out: self.counters.pushed_out(),
        }
    }
}

fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}
