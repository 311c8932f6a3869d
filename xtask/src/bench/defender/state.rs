//! Without anything, with an empty program, with the Defender, with auditd instead.

use std::fs;

use super::Bench;
use super::act::Empty;
use super::agent::{Defender, Settings};
use super::audit::Auditing;

/// What watches while something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Off,
    /// An empty program at the end of every system call: the least that any sensor there takes.
    Empty,
    Palisade,
    Auditd,
}

/// What watches now. Dropped, nothing does.
pub(super) enum Watching<'a> {
    Nothing,
    Empty(#[expect(dead_code, reason = "held while something is measured")] Empty),
    Palisade(Box<Defender>),
    Auditd(Auditing<'a>),
}

impl Bench {
    /// Those that can be compared here, in the order of a round.
    pub(super) fn states(&self) -> Vec<State> {
        let mut states = vec![State::Off, State::Empty, State::Palisade];
        states.extend(self.audit.as_ref().map(|_| State::Auditd));
        states
    }

    /// What is measured in a state has to be started in it: auditd sees processes that began under it only.
    pub(super) fn enter(&self, state: State) -> anyhow::Result<Watching<'_>> {
        Ok(match (state, &self.audit) {
            (State::Palisade, _) => {
                Watching::Palisade(Box::new(Defender::start(self, &Settings::default())?))
            }
            (State::Empty, _) => Watching::Empty(self.act.empty()?),
            (State::Auditd, Some(audit)) => Watching::Auditd(audit.start()?),
            _ => Watching::Nothing,
        })
    }
}

/// Processes of other Defenders: what they see twice would be measured twice.
pub(super) fn other_defenders() -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default();
        if program.ends_with(b"palisade") && words.next() == Some(b"defend") {
            found.push(pid);
        }
    }
    found
}
