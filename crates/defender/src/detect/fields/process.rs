//! The process, its ancestors, its thread: `proc.*`, `thread.*`.

use std::ops::ControlFlow;

use palisade_model::event::{Ancestor, Process};
use palisade_rules::{Argument, FieldId, Value};

use super::{EventFields, Slot, symbols};

pub(super) const FILLED: &[FieldId] = &[
    FieldId::ProcExe,
    FieldId::ProcPexe,
    FieldId::ProcExepath,
    FieldId::ProcPexepath,
    FieldId::ProcName,
    FieldId::ProcPname,
    FieldId::ProcCmdline,
    FieldId::ProcPcmdline,
    FieldId::ProcExeline,
    FieldId::ProcCwd,
    FieldId::ProcSname,
    FieldId::ProcSidExe,
    FieldId::ProcSidExepath,
    FieldId::ProcArgs,
    FieldId::ProcEnv,
    FieldId::ProcAexe,
    FieldId::ProcAexepath,
    FieldId::ProcAname,
    FieldId::ProcAcmdline,
    FieldId::ProcApid,
    FieldId::ProcCmdnargs,
    FieldId::ProcCmdlenargs,
    FieldId::ProcTty,
    FieldId::ProcPid,
    FieldId::ProcPpid,
    FieldId::ProcVpid,
    FieldId::ProcSid,
    FieldId::ProcExeIno,
    FieldId::ProcDuration,
    FieldId::ProcPpidDuration,
    FieldId::ProcPidTs,
    FieldId::ProcPpidTs,
    FieldId::ProcExeInoCtime,
    FieldId::ProcExeInoCtimeDurationProcStart,
    FieldId::ProcIsExeWritable,
    FieldId::ProcIsExeUpperLayer,
    FieldId::ProcIsExeLowerLayer,
    FieldId::ProcIsExeFromMemfd,
    FieldId::ProcIsSidLeader,
    FieldId::ThreadCapPermitted,
    FieldId::ThreadCapInheritable,
    FieldId::ThreadCapEffective,
    FieldId::ThreadNametid,
    FieldId::ThreadTid,
    FieldId::ThreadIsmain,
];

const NS_PER_MS: u64 = 1_000_000;
/// `CAP_DAC_OVERRIDE`: permission bits do not count.
const OVERRIDES_PERMISSIONS: u8 = 1;

pub(super) fn get<'v>(
    view: &'v EventFields<'_>,
    field: FieldId,
    argument: Argument<'_>,
) -> Value<'v> {
    use FieldId as F;
    let event = view.event;
    let process = &*event.process;
    let file = &process.executable.file;
    match field {
        F::ProcName => text(&process.name),
        F::ProcExe => process.args.first().map_or(text(file.name()), |own| text(own)),
        F::ProcExepath => text(&file.path),
        F::ProcCmdline => view.text(Slot::CommandLine, |out| line(&process.name, process, out)),
        F::ProcExeline => view.text(Slot::ExeLine, |out| {
            line(process.args.first().map_or("", String::as_str), process, out)
        }),
        F::ProcArgs => match argument {
            // Text even where there are none: `proc.args = ""`.
            Argument::None => view.text(Slot::Arguments, |out| {
                join(arguments(process), out);
                true
            }),
            Argument::Index(at) => {
                arguments(process).get(place(at)).map_or(Value::Absent, |own| text(own))
            }
            Argument::Name(_) => Value::Absent,
        },
        F::ProcEnv => environment(view, argument),
        F::ProcCwd => view.text(Slot::Cwd, |out| {
            out.push_str(&process.cwd);
            // Falco's always ends so.
            if !out.is_empty() && !out.ends_with('/') {
                out.push('/');
            }
            !out.is_empty()
        }),
        F::ProcCmdnargs => count(arguments(process).len()),
        F::ProcCmdlenargs => count(arguments(process).iter().map(String::len).sum()),
        F::ProcPname | F::ProcPexe | F::ProcPexepath | F::ProcPcmdline | F::ProcPpid => {
            let of = match field {
                F::ProcPname => F::ProcAname,
                F::ProcPexe => F::ProcAexe,
                F::ProcPexepath => F::ProcAexepath,
                F::ProcPcmdline => F::ProcAcmdline,
                _ => F::ProcApid,
            };
            ancestor(view, of, 0)
        }
        F::ProcAname | F::ProcAexe | F::ProcAexepath | F::ProcAcmdline | F::ProcApid => {
            match argument {
                // Falco counts the process itself as 0.
                Argument::Index(0) => itself(view, field),
                Argument::Index(level) => ancestor(view, field, place(level) - 1),
                Argument::None | Argument::Name(_) => Value::Absent,
            }
        }
        F::ProcSname | F::ProcSidExe | F::ProcSidExepath => session_leader(view, field),
        F::ProcIsSidLeader if process.session == 0 => Value::Absent,
        F::ProcIsSidLeader => Value::Boolean(process.session == process.key.tgid()),
        F::ProcSid if process.session == 0 => Value::Absent,
        F::ProcSid => Value::Signed(process.session.into()),
        F::ProcTty => Value::Unsigned(process.terminal.into()),
        F::ProcPid => Value::Signed(process.key.tgid().into()),
        F::ProcVpid if process.inner_pid == 0 => Value::Absent,
        F::ProcVpid => Value::Signed(process.inner_pid.into()),
        F::ThreadTid => Value::Signed(event.thread.into()),
        F::ThreadIsmain => Value::Boolean(event.thread == process.key.tgid()),
        F::ThreadNametid => view.text(Slot::ThreadName, |out| {
            out.push_str(&process.name);
            symbols::number(event.thread, out);
            true
        }),
        F::ProcExeIno | F::ProcExeInoCtime | F::ProcExeInoCtimeDurationProcStart => {
            file_of(process, field)
        }
        F::ProcDuration => Value::Unsigned(event.boot_ns.saturating_sub(process.key.start_ns())),
        F::ProcPidTs => Value::Unsigned(process.started.0.saturating_mul(NS_PER_MS)),
        F::ProcPpidDuration | F::ProcPpidTs => {
            let Some(parent) = process.parent() else { return Value::Absent };
            let age = event.boot_ns.saturating_sub(parent.start_ns());
            let now = event.time.0.saturating_mul(NS_PER_MS);
            let since = if field == F::ProcPpidTs { now.saturating_sub(age) } else { age };
            Value::Unsigned(since)
        }
        F::ProcIsExeWritable => writable(process),
        F::ProcIsExeUpperLayer => Value::Boolean(file.upper == Some(true)),
        F::ProcIsExeLowerLayer => Value::Boolean(file.upper == Some(false)),
        F::ProcIsExeFromMemfd => Value::Boolean(process.executable.fileless),
        F::ThreadCapPermitted => {
            capabilities(view, Slot::Permitted, process.capabilities.permitted)
        }
        F::ThreadCapEffective => {
            capabilities(view, Slot::Effective, process.capabilities.effective)
        }
        F::ThreadCapInheritable => {
            capabilities(view, Slot::Inheritable, process.capabilities.inheritable)
        }
        _ => Value::Absent,
    }
}

/// The values of all ancestors, from the parent up.
pub(super) fn each_ancestor(
    view: &EventFields<'_>,
    field: FieldId,
    visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
) {
    for level in 0..palisade_model::event::MAX_ANCESTORS {
        if view.event.process.ancestors.get(level).is_none() {
            return;
        }
        match ancestor(view, field, level) {
            Value::Absent => {}
            value => {
                if visit(value).is_break() {
                    return;
                }
            }
        }
    }
}

fn ancestor<'v>(view: &'v EventFields<'_>, field: FieldId, level: usize) -> Value<'v> {
    let Some(ancestor) = view.event.process.ancestors.get(level) else { return Value::Absent };
    of_ancestor(ancestor, field).unwrap_or_else(|| {
        view.text(Slot::Line(level), |out| {
            out.push_str(&ancestor.name);
            for argument in ancestor.args.iter().skip(1) {
                out.push(' ');
                out.push_str(argument);
            }
            !out.is_empty()
        })
    })
}

/// What needs no text of its own.
fn of_ancestor(ancestor: &Ancestor, field: FieldId) -> Option<Value<'_>> {
    Some(match field {
        FieldId::ProcAname | FieldId::ProcSname => text(&ancestor.name),
        FieldId::ProcAexepath | FieldId::ProcSidExepath => text(&ancestor.path),
        FieldId::ProcAexe | FieldId::ProcSidExe => {
            text(ancestor.args.first().unwrap_or(&ancestor.name))
        }
        FieldId::ProcApid => Value::Signed(ancestor.key.tgid().into()),
        _ => return None,
    })
}

fn itself<'v>(view: &'v EventFields<'_>, field: FieldId) -> Value<'v> {
    let own = match field {
        FieldId::ProcAname | FieldId::ProcSname => FieldId::ProcName,
        FieldId::ProcAexe | FieldId::ProcSidExe => FieldId::ProcExe,
        FieldId::ProcAexepath | FieldId::ProcSidExepath => FieldId::ProcExepath,
        FieldId::ProcAcmdline => FieldId::ProcCmdline,
        _ => FieldId::ProcPid,
    };
    get(view, own, Argument::None)
}

/// Of the process that made the session, where it is the process itself or an ancestor.
fn session_leader<'v>(view: &'v EventFields<'_>, field: FieldId) -> Value<'v> {
    let process = &view.event.process;
    if process.session == 0 {
        return Value::Absent;
    }
    if process.session == process.key.tgid() {
        return itself(view, field);
    }
    let leader = process.ancestors.iter().find(|own| own.key.tgid() == process.session);
    leader.and_then(|leader| of_ancestor(leader, field)).unwrap_or(Value::Absent)
}

fn environment<'v>(view: &'v EventFields<'_>, argument: Argument<'_>) -> Value<'v> {
    let variables = &view.event.process.environment;
    match argument {
        Argument::None => view.text(Slot::Environment, |out| join(variables, out)),
        Argument::Index(at) => variables.get(place(at)).map_or(Value::Absent, |own| text(own)),
        Argument::Name(name) => variables
            .iter()
            .find_map(|own| own.strip_prefix(name)?.strip_prefix('='))
            .map_or(Value::Absent, Value::from),
    }
}

fn file_of(process: &Process, field: FieldId) -> Value<'static> {
    let Some(identity) = process.executable.file.identity else { return Value::Absent };
    match field {
        FieldId::ProcExeIno => Value::Signed(i64::try_from(identity.inode).unwrap_or(i64::MAX)),
        FieldId::ProcExeInoCtime => Value::Unsigned(identity.ctime_ns),
        _ => {
            let started = process.started.0.saturating_mul(NS_PER_MS);
            Value::Unsigned(started.saturating_sub(identity.ctime_ns))
        }
    }
}

/// Whether the process could write its own executable: as its owner, as anybody, or because permission
/// bits do not count for it. Its groups are not known.
fn writable(process: &Process) -> Value<'static> {
    let file = &process.executable.file;
    let Some(mode) = file.mode else { return Value::Absent };
    let owns = file.owner == Some(process.credentials.euid) && mode & 0o200 != 0;
    let overrides = process.capabilities.has(OVERRIDES_PERMISSIONS);
    Value::Boolean(owns || overrides || mode & 0o002 != 0)
}

fn capabilities<'v>(view: &'v EventFields<'_>, slot: Slot, mask: u64) -> Value<'v> {
    view.text(slot, |out| {
        symbols::capabilities(mask, out);
        !out.is_empty()
    })
}

/// The arguments behind the program's own name.
fn arguments(process: &Process) -> &[String] {
    process.args.get(1..).unwrap_or_default()
}

fn line(name: &str, process: &Process, out: &mut String) -> bool {
    out.push_str(name);
    for argument in arguments(process) {
        out.push(' ');
        out.push_str(argument);
    }
    !out.is_empty()
}

fn join(parts: &[String], out: &mut String) -> bool {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(part);
    }
    !parts.is_empty()
}

fn text(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Absent } else { Value::from(text) }
}

fn count(count: usize) -> Value<'static> {
    Value::Unsigned(u64::try_from(count).unwrap_or(u64::MAX))
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
