//! Kernel Extension Activity, class 1002, and Kernel Activity, class 1003.

use palisade_model::event::{Activity, Event, FileKind, ModuleOperation};

use super::Class;
use super::json::Json;
use super::objects;

/// `BPF_PROG_LOAD` of `linux/bpf.h`.
const PROG_LOAD: u32 = 5;

pub(super) fn class(event: &Event) -> Option<Class> {
    const MODULE: &str = "Kernel Extension Activity";
    const KERNEL: &str = "Kernel Activity";
    Some(match &event.activity {
        Activity::Module { operation: ModuleOperation::Load, .. } => {
            Class::new(1002, MODULE, 1, "Load")
        }
        Activity::Module { .. } => Class::new(1002, MODULE, 2, "Unload"),
        Activity::Bpf { command: PROG_LOAD, .. } => Class::new(1003, KERNEL, 1, "Create"),
        Activity::Bpf { .. } => Class::new(1003, KERNEL, 4, "Invoke"),
        _ => return None,
    })
}

pub(super) fn fields(json: &mut Json, event: &Event) {
    objects::actor(json, &event.process);
    match &event.activity {
        Activity::Module { name, file, .. } => json.object("driver", |json| {
            json.object("file", |json| match file {
                Some(file) => objects::file(json, file),
                None => objects::path(json, name, FileKind::Regular),
            });
        }),
        Activity::Bpf { name, .. } => json.object("kernel", |json| {
            json.text("name", if name.is_empty() { "bpf" } else { name });
            json.number("type_id", 2_u8);
            json.text("type", "System Call");
            json.text("system_call", "bpf");
        }),
        _ => {}
    }
}
