//! The event itself: `evt.*`.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use palisade_model::event::{Activity, OpenFlags};
use palisade_rules::{Argument, FieldId, Value};

use super::{EventFields, Slot, argument, path, symbols};

pub(super) const FILLED: &[FieldId] = &[
    FieldId::EvtNum,
    FieldId::EvtTime,
    FieldId::EvtTimeS,
    FieldId::EvtTimeIso8601,
    FieldId::EvtDatetime,
    FieldId::EvtDatetimeS,
    FieldId::EvtSource,
    FieldId::EvtHostname,
    FieldId::EvtRawtime,
    FieldId::EvtRawtimeS,
    FieldId::EvtRawtimeNs,
    FieldId::SyscallType,
    FieldId::EvtCategory,
    FieldId::EvtArgs,
    FieldId::EvtInfo,
    FieldId::EvtRes,
    FieldId::EvtCpu,
    FieldId::EvtRawres,
    FieldId::EvtFailed,
    FieldId::EvtIoDir,
    FieldId::EvtIsIo,
    FieldId::EvtIsIoRead,
    FieldId::EvtIsIoWrite,
    FieldId::EvtCount,
    FieldId::EvtAbspath,
    FieldId::EvtIsOpenRead,
    FieldId::EvtIsOpenWrite,
    FieldId::EvtIsOpenExec,
    FieldId::EvtIsOpenCreate,
];

/// What is not the kernel's own call.
const NO_CALLS: [&str; 1] = ["procexit"];

/// The categories of calls that move data, by their beginning and whole.
const IO: &str = "IO ";
const IO_READ: &str = "IO read";
const IO_WRITE: &str = "IO write";

pub(super) fn get<'v>(
    view: &'v EventFields<'_>,
    field: FieldId,
    argument: Argument<'_>,
) -> Value<'v> {
    let event = view.event;
    let (seconds, within) = (event.time.0 / 1_000, event.time.0 % 1_000);
    match field {
        // From 1: 0 is what rule files compare with to mean never.
        FieldId::EvtNum => Value::Unsigned(event.source.sequence.saturating_add(1)),
        FieldId::EvtTime => stamp(view, Slot::Time, "%H:%M:%S%.9f"),
        FieldId::EvtTimeS => stamp(view, Slot::TimeSeconds, "%H:%M:%S"),
        FieldId::EvtTimeIso8601 => stamp(view, Slot::Iso8601, "%Y-%m-%dT%H:%M:%S%.9f+0000"),
        FieldId::EvtDatetime => stamp(view, Slot::Datetime, "%Y-%m-%d %H:%M:%S%.9f"),
        FieldId::EvtDatetimeS => stamp(view, Slot::DatetimeSeconds, "%Y-%m-%d %H:%M:%S"),
        FieldId::EvtSource => Value::from("syscall"),
        FieldId::EvtHostname if view.hostname.is_empty() => Value::Absent,
        FieldId::EvtHostname => Value::from(view.hostname),
        FieldId::EvtRawtime => Value::Unsigned(event.time.0.saturating_mul(1_000_000)),
        FieldId::EvtRawtimeS => Value::Unsigned(seconds),
        FieldId::EvtRawtimeNs => Value::Unsigned(within * 1_000_000),
        FieldId::SyscallType if NO_CALLS.contains(&view.kind.name()) => Value::Absent,
        FieldId::SyscallType => Value::from(view.kind.name()),
        FieldId::EvtCategory => Value::from(category(&event.activity)),
        FieldId::EvtArgs => view.text(Slot::EventArguments, |out| argument::write_all(view, out)),
        FieldId::EvtInfo => view.text(Slot::EventInfo, |out| argument::write_all(view, out)),
        FieldId::EvtRes if event.error == 0 => Value::from("SUCCESS"),
        FieldId::EvtRes => Value::from(symbols::error(event.error)),
        FieldId::EvtCpu => Value::Signed(event.source.cpu.into()),
        FieldId::EvtRawres => Value::Signed(result(&event.activity, event.error)),
        FieldId::EvtFailed => Value::Boolean(event.error != 0),
        FieldId::EvtIsIo => Value::Boolean(category(&event.activity).starts_with(IO)),
        FieldId::EvtIsIoRead => Value::Boolean(category(&event.activity) == IO_READ),
        FieldId::EvtIsIoWrite => Value::Boolean(category(&event.activity) == IO_WRITE),
        FieldId::EvtIoDir => match category(&event.activity) {
            IO_READ => Value::from("read"),
            IO_WRITE => Value::from("write"),
            _ => Value::Absent,
        },
        FieldId::EvtCount => Value::Unsigned(1),
        FieldId::EvtArg => argument::get(view, argument),
        FieldId::EvtRawarg => argument::number(view, argument),
        FieldId::EvtAbspath => {
            path::name(event).filter(|path| !path.is_empty()).map_or(Value::Absent, Value::from)
        }
        FieldId::EvtIsOpenRead => opened(view, |flags| flags.reads()),
        FieldId::EvtIsOpenWrite => opened(view, |flags| flags.writes()),
        FieldId::EvtIsOpenExec => {
            let executable = matches!(&event.activity, Activity::Create { file, .. }
                if file.mode.is_some_and(|mode| mode & 0o111 != 0));
            opened(view, |_| executable)
        }
        FieldId::EvtIsOpenCreate => {
            let created = matches!(event.activity, Activity::Create { .. }) && event.error == 0;
            opened(view, |_| created)
        }
        _ => Value::Absent,
    }
}

/// What a call gives back: 0 or what it made on success, the negative error number otherwise.
fn result(activity: &Activity, error: u16) -> i64 {
    match activity {
        _ if error != 0 => -i64::from(error),
        Activity::Fork { child, .. } => child.tgid().into(),
        _ => 0,
    }
}

/// A property of an open; absent on everything else.
fn opened(view: &EventFields<'_>, of: impl Fn(OpenFlags) -> bool) -> Value<'static> {
    if !matches!(view.kind.name(), "open" | "openat" | "openat2" | "creat" | "open_by_handle_at") {
        return Value::Absent;
    }
    match &view.event.activity {
        Activity::Open { flags, .. } => Value::Boolean(of(*flags)),
        // creat(2) has no flags of its own: it always writes.
        Activity::Create { flags, .. } if view.kind.name() == "creat" => {
            Value::Boolean(of(OpenFlags(flags.0 | 1)))
        }
        Activity::Create { flags, .. } => Value::Boolean(of(*flags)),
        Activity::Memory { writes, .. } => Value::Boolean(of(OpenFlags(u32::from(*writes)))),
        _ => Value::Absent,
    }
}

/// The time in UTC.
fn stamp<'v>(view: &'v EventFields<'_>, slot: Slot, format: &str) -> Value<'v> {
    view.text(slot, |out| {
        let Some(time) = i64::try_from(view.event.time.0)
            .ok()
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        else {
            return false;
        };
        write!(out, "{}", time.to_zoned(TimeZone::UTC).strftime(format)).is_ok()
    })
}

fn category(activity: &Activity) -> &'static str {
    match activity {
        Activity::Open { .. }
        | Activity::Create { .. }
        | Activity::Rename { .. }
        | Activity::Link { .. }
        | Activity::Unlink { .. }
        | Activity::Mode { .. }
        | Activity::Owner { .. }
        | Activity::Times { .. }
        | Activity::Truncate { .. }
        | Activity::Mount { .. } => "file",
        Activity::Connect { .. }
        | Activity::Accept { .. }
        | Activity::Bind { .. }
        | Activity::Listen { .. }
        | Activity::RawSocket { .. } => "net",
        Activity::Send { .. } | Activity::DnsQuestion { .. } => IO_WRITE,
        Activity::DnsAnswer { .. } => IO_READ,
        Activity::Fork { .. }
        | Activity::Exec { .. }
        | Activity::Exit { .. }
        | Activity::Ptrace { .. }
        | Activity::Namespace { .. } => "process",
        Activity::Identity { .. } => "user",
        Activity::Signal { .. } => "signal",
        Activity::Memory { .. } | Activity::Memfd { .. } => "memory",
        Activity::Capability { .. }
        | Activity::Module { .. }
        | Activity::Bpf { .. }
        | Activity::IoUring { .. } => "system",
    }
}
