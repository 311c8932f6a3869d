//! Rules and counters on a stream of events.

use palisade_model::UnixMillis;
use palisade_model::event::{Cause, ContainerId, Event, IncidentSeverity, Technique};
use palisade_rules::{
    Limits, Options, Priority, Problem, RuleId, Ruleset, Scratch, Selection, Source, Target,
};
use serde::Deserialize;

use super::counters::{CounterSettings, Counters};
use super::fields::{self, EventFields, NoNames, Texts, UserNames};
use super::severity;
use crate::Finding;

/// Settings of detection.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectSettings {
    /// The mildest priority of rules that run, by Falco's names.
    pub minimum_priority: String,
    /// Rules that do not run: names, in which `*` stands for any text, or `tag:` and a tag.
    pub disable: Vec<String>,
    /// Rules that run although their file or [`DetectSettings::disable`] says no.
    pub enable: Vec<String>,
    /// Findings of rules that one event can have; what is beyond is counted.
    pub findings_per_event: usize,
    /// Bytes of a finding's detail; a longer one is cut.
    pub detail_bytes: usize,
    /// The counters.
    pub counters: CounterSettings,
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self {
            minimum_priority: "debug".to_owned(),
            disable: Vec::new(),
            enable: Vec::new(),
            findings_per_event: 16,
            detail_bytes: 2_048,
            counters: CounterSettings::default(),
        }
    }
}

impl DetectSettings {
    fn options(&self) -> Options {
        let minimum = Priority::from_name(&self.minimum_priority).unwrap_or_default();
        let mut selection = Selection::new().minimum(minimum);
        for name in &self.disable {
            selection = selection.disable(target(name));
        }
        for name in &self.enable {
            selection = selection.enable(target(name));
        }
        Options { selection, limits: Limits::default() }
    }

    /// What is wrong with the settings, in words.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if Priority::from_name(&self.minimum_priority).is_none() {
            faults.push(format!("`{}` is no priority", self.minimum_priority));
        }
        if self.findings_per_event == 0 {
            faults.push("findings_per_event is at least 1".to_owned());
        }
        faults
    }
}

fn target(name: &str) -> Target {
    match name.strip_prefix("tag:") {
        Some(tag) => Target::Tag(tag.to_owned()),
        None => Target::Name(name.to_owned()),
    }
}

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
        let detector = Self {
            settings,
            rules,
            faces,
            counters,
            names: Box::new(NoNames),
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

    /// Goes on where another one stops: with its counts and names, and these rules and settings.
    pub fn take_over(&mut self, before: Self) {
        self.counters.take_over(before.counters);
        self.names = before.names;
        self.left_out = self.left_out.saturating_add(before.left_out);
    }

    /// Appends what an event shows: rules in the order of their definition, then counters. `now` is the
    /// time by which windows are counted.
    pub fn look(&mut self, event: &Event, now: UnixMillis, found: &mut Vec<Finding>) {
        self.texts.clear();
        self.matched.clear();
        if let Some(fields) = EventFields::new(event, &self.texts, &*self.names) {
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
