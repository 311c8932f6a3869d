//! What a container runtime does inside a container before the container's own program runs: some eighty mounts
//! and files, the same each time, which nobody at a terminal reads.

use std::collections::HashMap;

use palisade_model::event::{ContainerId, Event};

use crate::runtime_setup::RuntimeSetup;

/// Containers that are being set up at once; at this many all are forgotten.
const MOST: usize = 1_024;

/// Steps of runtimes that were not told.
#[derive(Debug, Default)]
pub(super) struct SettingUp {
    setup: RuntimeSetup,
    steps: HashMap<ContainerId, u64>,
}

impl SettingUp {
    /// Whether this is a step of a runtime; it is counted.
    pub(super) fn takes(&mut self, event: &Event) -> bool {
        let is = self.setup.look(event);
        let Some(container) = event.container.as_ref().filter(|_| is) else { return false };
        if self.steps.len() >= MOST && !self.steps.contains_key(&container.id) {
            self.steps.clear();
        }
        *self.steps.entry(container.id.clone()).or_default() += 1;
        true
    }

    /// The steps before this act in its container, if there were any since the last one.
    pub(super) fn end(&mut self, event: &Event) -> Option<u64> {
        self.steps.remove(&event.container.as_ref()?.id)
    }
}
