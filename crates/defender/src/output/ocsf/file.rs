//! File System Activity, class 1001.

use palisade_model::event::{Activity, Event, FileKind, MountOperation};

use super::Class;
use super::json::Json;
use super::objects;

pub(super) fn class(event: &Event) -> Class {
    let (activity, name) = match &event.activity {
        Activity::Open { flags, .. } if flags.writes() || flags.truncates() => (3, "Update"),
        Activity::Open { .. } => (14, "Open"),
        Activity::Create { .. } | Activity::Link { .. } => (1, "Create"),
        Activity::Rename { .. } => (5, "Rename"),
        Activity::Unlink { .. } => (4, "Delete"),
        Activity::Mode { .. } | Activity::Owner { .. } => (7, "Set Security"),
        Activity::Times { .. } => (6, "Set Attributes"),
        Activity::Truncate { .. } => (3, "Update"),
        Activity::Mount { operation: MountOperation::Unmount, .. } => (13, "Unmount"),
        Activity::Mount { .. } => (12, "Mount"),
        _ => (99, "Other"),
    };
    Class::new(1001, "File System Activity", activity, name)
}

pub(super) fn fields(json: &mut Json, event: &Event) {
    objects::actor(json, &event.process);
    match &event.activity {
        Activity::Rename { from, to, .. } => {
            json.object("file", |json| objects::file(json, from));
            json.object("file_result", |json| objects::path(json, to, from.kind));
        }
        Activity::Link { target, link, symbolic } => {
            let kind = if *symbolic { FileKind::Symlink } else { target.kind };
            json.object("file", |json| objects::path(json, link, kind));
        }
        Activity::Mount { target, .. } => {
            json.object("file", |json| objects::path(json, target, FileKind::Directory));
        }
        activity => {
            if let Some(file) = activity.file() {
                json.object("file", |json| objects::file(json, file));
            }
        }
    }
}
