//! The steps of a container runtime inside a container that it is setting up.

use palisade_model::event::Event;

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

/// Whether the process is a runtime that prepares this container and has not yet become its program:
/// its own file does not come from the container's layers as changed there, and everything between it
/// and the first process outside the container is a runtime too. Inside a container, nobody gets a
/// parent outside; a name alone proves nothing.
pub(super) fn is(event: &Event) -> bool {
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
pub(super) fn parent_is_outside(event: &Event) -> bool {
    let process = &event.process;
    process.ancestors.parent().is_none_or(|parent| parent.cgroup != process.cgroup)
}

fn named(name: &str) -> bool {
    // A memory file that is run by its descriptor is called by the number.
    NAMES.contains(&name) || (!name.is_empty() && name.bytes().all(|c| c.is_ascii_digit()))
}
