//! The paths that an act names: `fs.path.*`, whether the act succeeded or not.

use palisade_model::event::{Activity, Event, MountOperation};
use palisade_rules::{FieldId, Value};

use super::EventFields;

pub(super) const FILLED: &[FieldId] =
    &[FieldId::FsPathName, FieldId::FsPathSource, FieldId::FsPathTarget];

pub(super) fn get<'v>(view: &'v EventFields<'_>, field: FieldId) -> Value<'v> {
    let text = match field {
        FieldId::FsPathName => name(view.event),
        FieldId::FsPathSource => pair(&view.event.activity).map(|(source, _)| source),
        FieldId::FsPathTarget => pair(&view.event.activity).map(|(_, target)| target),
        _ => None,
    };
    text.filter(|text| !text.is_empty()).map_or(Value::Absent, Value::from)
}

/// The path of an act on one.
pub(super) fn name(event: &Event) -> Option<&str> {
    match &event.activity {
        Activity::Open { file, .. }
        | Activity::Create { file, .. }
        | Activity::Unlink { file }
        | Activity::Mode { file, .. }
        | Activity::Owner { file, .. }
        | Activity::Times { file, .. }
        | Activity::Truncate { file, .. } => Some(&file.path),
        Activity::Mount { operation: MountOperation::Unmount, target, .. } => Some(target),
        Activity::Exec { .. } => Some(event.process.path()),
        Activity::IoUring { file, .. } | Activity::Module { file, .. } => {
            file.as_ref().map(|file| file.path.as_str())
        }
        _ => None,
    }
}

/// The paths of an act on two: of a rename the old and the new one, of a link what it leads to and where
/// it is, of a mount what is mounted and where.
fn pair(activity: &Activity) -> Option<(&str, &str)> {
    match activity {
        Activity::Rename { from, to, .. } => Some((&from.path, to)),
        Activity::Link { target, link, .. } => Some((&target.path, link)),
        Activity::Mount { operation, source, target, .. }
            if *operation != MountOperation::Unmount =>
        {
            Some((source, target))
        }
        _ => None,
    }
}
