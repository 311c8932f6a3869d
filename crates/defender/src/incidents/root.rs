//! Where in a container's process tree a story begins.

use palisade_model::event::{Event, Process, ProcessKey};

/// A process of a line, as far as its descendants know it.
#[derive(Debug, Clone, Copy)]
struct Link<'a> {
    key: ProcessKey,
    path: &'a str,
}

/// The process and its ancestors inside its container, topmost first.
fn line(process: &Process) -> Vec<Link<'_>> {
    let own = Link { key: process.key, path: process.path() };
    let inside = process.ancestors.iter().take_while(|above| above.cgroup == process.cgroup);
    let above = inside.map(|above| Link { key: above.key, path: &above.path });
    let mut line: Vec<_> = std::iter::once(own).chain(above).collect();
    line.reverse();
    line
}

/// The processes that a story which begins with this event has from the start: its root first, then
/// those down to the event's process. Never empty.
///
/// The root is the topmost process inside the container that is not part of its service. The service is
/// what came with the container's start (`service_ms`) and what runs the same program as its first
/// process, for example later workers. Two exceptions: what happens during the start is one story with
/// the container's first process, and a process of the service that does something by itself is its own
/// root. What somebody started from outside (`exec`) after the start is a root.
pub(super) fn story_line(event: &Event, service_ms: u64) -> Vec<ProcessKey> {
    let process = &event.process;
    let line = line(process);
    let keys = |from: usize| line[from..].iter().map(|link| link.key).collect();
    if event.container.is_none() {
        return vec![process.key];
    }
    let Some(first) = line.first() else {
        return vec![process.key];
    };
    let service_ns = service_ms.saturating_mul(1_000_000);
    if from_outside(event, first.key, service_ms) {
        return keys(0);
    }
    let of_service = |link: &Link<'_>| {
        link.key.start_ns() <= first.key.start_ns().saturating_add(service_ns)
            || link.path == first.path
    };
    match line.iter().position(|link| !of_service(link)) {
        Some(place) => keys(place),
        None if event.boot_ns <= first.key.start_ns().saturating_add(service_ns) => keys(0),
        None => vec![process.key],
    }
}

/// Whether the topmost process came to the container after its start. Without a known start it is taken
/// for the container's first process.
fn from_outside(event: &Event, top: ProcessKey, service_ms: u64) -> bool {
    let started = event.container.as_ref().and_then(|container| container.started);
    let Some(container_started) = started else {
        return false;
    };
    let younger_ms = event.process.key.start_ns().saturating_sub(top.start_ns()) / 1_000_000;
    let top_started = event.process.started.minus(younger_ms);
    let is_first = top == event.process.key && event.process.inner_pid == 1;
    !is_first && top_started.since(container_started) > service_ms
}
