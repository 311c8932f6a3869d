//! The steps of a container runtime inside a container that it is setting up.

use palisade_model::event::{Activity, Effect, Event, ProcessKey};
use quick_cache::UnitWeighter;
use quick_cache::unsync::Cache;

/// Processes that are known to have become a container's own program: one for each container and each command
/// that was started in one from outside, as long as they run.
const MOST_ENTERED: usize = 65_536;

/// A runtime is done after so long, nanoseconds: what is older and has its name is not one, even where its exec
/// was not seen (the Defender came later, or was blind).
const LONGEST_NS: u64 = 60_000_000_000;

/// Names of a runtime's processes between the cgroup and the container's own program.
const NAMES: [&str; 10] = [
    "runc",
    "runc:[0:PARENT]",
    "runc:[1:CHILD]",
    "runc:[2:INIT]",
    "crun",
    "crun-init",
    "youki",
    "docker-runc",
    "docker-init",
    "exe",
];

/// Files that a runtime runs as; a sealed copy is a memory file.
const PROGRAMS: [&str; 5] = ["runc", "crun", "youki", "docker-runc", "exe"];

/// Tells a runtime's steps from what a container does itself.
#[derive(Debug)]
pub(crate) struct RuntimeSetup {
    /// Processes with a parent outside that have executed a file of their container. They never are a runtime
    /// again, whatever they call themselves and whatever memory file they become.
    entered: Cache<ProcessKey, ()>,
}

impl Default for RuntimeSetup {
    fn default() -> Self {
        // It grows as it is filled.
        Self { entered: Cache::with_weighter(16, MOST_ENTERED as u64, UnitWeighter) }
    }
}

impl RuntimeSetup {
    /// Whether an event is a step of a runtime that sets a container up. To be asked once for each event, in
    /// their order.
    pub(crate) fn look(&mut self, event: &Event) -> bool {
        let looks = is(event);
        let process = &event.process;
        match event.activity {
            // A file of an overlay is the image's, even if it has a runtime's name.
            Activity::Exec { .. } if event.container.is_some() && parent_is_outside(event) => {
                let of_the_image = process.executable.file.upper.is_some();
                if !looks || (of_the_image && !process.executable.fileless) {
                    self.entered.insert(process.key, ());
                    return false;
                }
            }
            Activity::Exit { .. } => {
                self.entered.remove(&process.key);
            }
            _ => {}
        }
        looks && event.effect == Effect::Seen && self.may_be_runtime(event)
    }

    /// Whether the process that the runtime started outside is one yet.
    fn may_be_runtime(&self, event: &Event) -> bool {
        let process = &event.process;
        let inside = process.ancestors.iter().take_while(|one| one.cgroup == process.cgroup);
        let first = inside.last().map_or(process.key, |one| one.key);
        self.entered.peek(&first).is_none()
            && event.boot_ns.saturating_sub(first.start_ns()) <= LONGEST_NS
    }
}

/// Whether the process looks like a runtime that prepares this container and has not yet become its program:
/// its own file does not come from the container's layers as changed there, and everything between it
/// and the first process outside the container is a runtime too. Inside a container, nobody gets a
/// parent outside; a name alone proves nothing. Neither does this, alone: see [`RuntimeSetup`].
pub(crate) fn is(event: &Event) -> bool {
    if event.container.is_none() {
        return false;
    }
    let process = &event.process;
    let file = &process.executable.file;
    let program = process.executable.fileless
        || file.path.is_empty()
        // A file of a mount that is attached nowhere, as runc's own while it protects it.
        || file.path == "/"
        || PROGRAMS.contains(&file.name())
        || file.path.starts_with("/memfd:runc")
        || file.path.starts_with("/proc/self/fd/");
    if !named(&process.name) || !program || file.upper == Some(true) {
        return false;
    }
    let inside = process.ancestors.iter().take_while(|ancestor| ancestor.cgroup == process.cgroup);
    let mut levels = 0;
    for ancestor in inside {
        if !named(&ancestor.name) {
            return false;
        }
        levels += 1;
    }
    process.ancestors.get(levels).is_some()
}

/// Whether the parent is outside of the process's control group: `docker exec`, a runtime's shim.
pub(crate) fn parent_is_outside(event: &Event) -> bool {
    let process = &event.process;
    process.ancestors.parent().is_none_or(|parent| parent.cgroup != process.cgroup)
}

fn named(name: &str) -> bool {
    // A memory file that is run by its descriptor is called by the number.
    NAMES.contains(&name) || (!name.is_empty() && name.bytes().all(|c| c.is_ascii_digit()))
}
