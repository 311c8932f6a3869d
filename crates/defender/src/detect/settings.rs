//! Settings of detection.

use palisade_rules::{Limits, Options, Priority, Selection, Target};
use serde::Deserialize;

use super::counters::CounterSettings;

/// Settings of detection.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectSettings {
    /// The mildest priority of rules that run, by Falco's names.
    pub minimum_priority: String,
    /// Which rules run, over what their files say, as the `rules` of `falco.yaml`. Of several choices for
    /// one rule the last counts. One that fits no rule is a warning of the load.
    pub rules: Vec<Choice>,
    /// Findings of rules that one event can have; what is beyond is counted.
    pub findings_per_event: usize,
    /// Bytes of a finding's detail; a longer one is cut.
    pub detail_bytes: usize,
    /// Addresses of one container whose names are kept, from the answers of name servers, for `fd.sip.name`
    /// and its kin. 0: none has a name. As many containers have such as have counts.
    pub resolved_addresses: usize,
    /// The counters.
    pub counters: CounterSettings,
}

/// Whether rules run: `{ disable = { rule = "*" } }`, `{ enable = { tag = "network" } }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// They do, although their file or an earlier choice says no.
    Enable(Chosen),
    /// They do not.
    Disable(Chosen),
}

/// Which rules are meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chosen {
    /// Those whose name this is; `*` stands for any text.
    Rule(String),
    /// Those with this tag.
    Tag(String),
}

impl Chosen {
    fn target(&self) -> Target {
        match self {
            Self::Rule(name) => Target::Name(name.clone()),
            Self::Tag(tag) => Target::Tag(tag.clone()),
        }
    }
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self {
            minimum_priority: "debug".to_owned(),
            rules: Vec::new(),
            findings_per_event: 16,
            detail_bytes: 2_048,
            resolved_addresses: 128,
            counters: CounterSettings::default(),
        }
    }
}

impl DetectSettings {
    pub(super) fn options(&self) -> Options {
        let minimum = Priority::from_name(&self.minimum_priority).unwrap_or_default();
        let selection =
            self.rules.iter().fold(Selection::new().minimum(minimum), |selection, choice| {
                match choice {
                    Choice::Enable(chosen) => selection.enable(chosen.target()),
                    Choice::Disable(chosen) => selection.disable(chosen.target()),
                }
            });
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
        for choice in &self.rules {
            let (Choice::Enable(chosen) | Choice::Disable(chosen)) = choice;
            let (Chosen::Rule(text) | Chosen::Tag(text)) = chosen;
            if text.is_empty() {
                faults.push("a choice of rules has an empty name or tag".to_owned());
            }
        }
        faults
    }
}
