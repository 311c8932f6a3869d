//! Process Activity, class 1007.

use palisade_model::event::{Activity, Event, FileKind, NamespaceOperation};

use super::Class;
use super::json::Json;
use super::objects;

/// `PTRACE_*` requests that write into the process: POKETEXT, POKEDATA, POKEUSR, SETREGS, SETFPREGS,
/// SETREGSET (`linux/ptrace.h`).
const WRITING_REQUESTS: [u32; 6] = [4, 5, 6, 13, 15, 0x4205];

const NAME: &str = "Process Activity";

pub(super) fn class(event: &Event) -> Option<Class> {
    let (activity, name) = match &event.activity {
        Activity::Fork { .. } | Activity::Exec { .. } => (1, "Launch"),
        Activity::Exit { .. } => (2, "Terminate"),
        // KILL and TERM.
        Activity::Signal { number: 9 | 15, .. } => (2, "Terminate"),
        Activity::Signal { .. } => (99, "Signal"),
        Activity::Ptrace { request, .. } if WRITING_REQUESTS.contains(request) => (4, "Inject"),
        Activity::Memory { writes: true, .. } => (4, "Inject"),
        Activity::Ptrace { .. } | Activity::Memory { .. } => (3, "Open"),
        Activity::Identity { .. } => (5, "Set User ID"),
        Activity::Capability { .. } => (99, "Set Capabilities"),
        Activity::Namespace { operation, .. } => match operation {
            NamespaceOperation::Enter => (99, "Enter Namespace"),
            NamespaceOperation::Unshare | NamespaceOperation::Clone => (99, "Create Namespace"),
        },
        Activity::Memfd { .. } => (99, "Create Memory File"),
        Activity::IoUring { .. } => (99, "Submit io_uring Request"),
        _ => return None,
    };
    Some(Class::new(1007, NAME, activity, name))
}

pub(super) fn fields(json: &mut Json, event: &Event) {
    let process = &event.process;
    match &event.activity {
        Activity::Fork { child, .. } => {
            json.number("launch_type_id", 2_u8);
            objects::actor(json, process);
            json.object("process", |json| {
                objects::key(json, *child);
                json.object("parent_process", |json| objects::key(json, process.key));
            });
        }
        Activity::Exec { previous, .. } => {
            json.number("launch_type_id", 3_u8);
            // The process itself, as it was before.
            json.object("actor", |json| {
                json.object("process", |json| {
                    objects::key(json, process.key);
                    if !previous.is_empty() {
                        json.object("file", |json| {
                            objects::path(json, previous, FileKind::Regular);
                        });
                    }
                });
            });
            json.object("process", |json| objects::whole_process(json, process));
        }
        Activity::Ptrace { target, .. }
        | Activity::Memory { target, .. }
        | Activity::Signal { target, .. } => {
            objects::actor(json, process);
            objects::other_process(json, target);
        }
        activity => {
            if let Activity::Exit { status, .. } = activity {
                json.number("exit_code", *status);
            }
            // It did it to itself.
            json.object("actor", |json| {
                json.object("process", |json| objects::key(json, process.key));
            });
            json.object("process", |json| objects::whole_process(json, process));
        }
    }
}
