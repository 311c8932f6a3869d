//! What the schema has no place for: the object `unmapped`.

use palisade_model::event::{Activity, ContainerIdentity, Credentials, Event, FileRef, Process};

use super::json::Json;

pub(super) fn container(json: &mut Json, container: &ContainerIdentity) {
    json.object("container", |json| {
        json.number("cgroup", container.cgroup);
        if let Some(privileged) = container.privileged {
            json.flag("privileged", privileged);
        }
        if let Some(started) = container.started {
            json.number("started", started.0);
        }
        if let Some(kubernetes) = &container.kubernetes {
            json.object("kubernetes", |json| {
                json.text("namespace", &kubernetes.namespace);
                json.text("pod", &kubernetes.pod);
                json.text("container", &kubernetes.container);
            });
        }
    });
}

/// Who saw it.
pub(super) fn source(json: &mut Json, event: &Event) {
    json.text("kind", event.kind().as_str());
    json.number("boot_ns", event.boot_ns);
    if event.thread != event.process.key.tgid() {
        json.number("thread", event.thread);
    }
    if let Some(call) = event.call {
        json.number("call", call);
    }
    json.object("source", |json| {
        json.number("rung", event.source.rung.number());
        json.text("hook", &event.source.hook);
        json.number("cpu", event.source.cpu);
    });
}

/// What the schema's process has no place for.
pub(super) fn process(json: &mut Json, process: &Process) {
    json.object("process", |json| {
        credentials(json, "credentials", &process.credentials);
        json.text("capabilities", &format!("{:#x}", process.capabilities.effective));
        json.number("cgroup", process.cgroup);
        for (key, number) in [("session", process.session), ("terminal", process.terminal)] {
            if number != 0 {
                json.number(key, number);
            }
        }
        json.object_if_any("namespaces", |json| {
            let spaces = &process.namespaces;
            for (key, inode) in [
                ("mnt", spaces.mnt),
                ("pid", spaces.pid),
                ("net", spaces.net),
                ("user", spaces.user),
                ("uts", spaces.uts),
                ("ipc", spaces.ipc),
                ("cgroup", spaces.cgroup),
            ] {
                if inode != 0 {
                    json.number(key, inode);
                }
            }
        });
        json.object_if_any("executable", |json| {
            self::file(json, &process.executable.file);
            if process.executable.fileless {
                json.flag("fileless", true);
            }
        });
        if !process.environment.is_empty() {
            json.texts("environment", &process.environment);
        }
        if process.args_cut {
            json.flag("args_cut", true);
        }
    });
}

pub(super) fn credentials(json: &mut Json, key: &str, who: &Credentials) {
    json.object(key, |json| {
        for (key, id) in [
            ("uid", who.uid),
            ("gid", who.gid),
            ("euid", who.euid),
            ("egid", who.egid),
            ("suid", who.suid),
            ("sgid", who.sgid),
        ] {
            json.number(key, id);
        }
        if let Some(login) = who.login_uid {
            json.number("login_uid", login);
        }
    });
}

pub(super) fn file(json: &mut Json, file: &FileRef) {
    if let Some(mode) = file.mode {
        json.text("mode", &format!("{mode:04o}"));
    }
    if let Some(upper) = file.upper {
        json.flag("upper", upper);
    }
    if file.deleted {
        json.flag("deleted", true);
    }
}

/// What the schema has no place for, of each activity.
pub(super) fn activity(json: &mut Json, activity: &Activity) {
    if let Some(file) = activity.file() {
        json.object_if_any("file", |json| self::file(json, file));
    }
    json.object_if_any("activity", |json| match activity {
        Activity::Fork { flags, .. } => json.number("flags", *flags),
        Activity::Exec { script, gained, .. } => {
            if let Some(script) = script {
                json.text("script", &script.path);
            }
            if *gained != 0 {
                json.text("gained", &format!("{gained:#x}"));
            }
        }
        Activity::Exit { signal, .. } if *signal != 0 => json.number("signal", *signal),
        Activity::Open { flags, .. } | Activity::Create { flags, .. } => {
            json.number("flags", flags.0);
        }
        Activity::Rename { replaced: Some(replaced), .. } => {
            json.text("replaced", &format!("{}:{}", replaced.dev, replaced.inode));
        }
        Activity::Link { target, .. } => json.text("target", &target.path),
        Activity::Mode { mode, .. } => json.text("mode", &format!("{mode:04o}")),
        Activity::Owner { uid, gid, .. } => {
            for (key, id) in [("uid", uid), ("gid", gid)] {
                if let Some(id) = id {
                    json.number(key, *id);
                }
            }
        }
        Activity::Times { modified: Some(modified), .. } => json.number("modified", modified.0),
        Activity::Truncate { size, .. } => json.number("size", *size),
        Activity::Mount { source, filesystem, flags, .. } => {
            json.text_if_any("source", source);
            json.text_if_any("filesystem", filesystem);
            json.number("flags", *flags);
        }
        Activity::Ptrace { request, .. } => json.number("request", *request),
        Activity::Memory { writes, .. } => json.flag("writes", *writes),
        Activity::Namespace { flags, target, .. } => {
            json.number("flags", *flags);
            if *target != 0 {
                json.number("target", *target);
            }
        }
        Activity::Identity { before, after } => {
            credentials(json, "before", before);
            credentials(json, "after", after);
        }
        Activity::Capability { before, after } => {
            json.text("gained", &format!("{:#x}", after.gained(before)));
            json.text("effective", &format!("{:#x}", after.effective));
            json.text("permitted", &format!("{:#x}", after.permitted));
        }
        Activity::Bpf { command, program_type, .. } => {
            json.number("command", *command);
            if let Some(program) = program_type {
                json.number("program_type", *program);
            }
        }
        Activity::Memfd { name, flags } => {
            json.text_if_any("name", name);
            json.number("flags", *flags);
        }
        Activity::RawSocket { family, socket_type, protocol } => {
            json.number("family", *family);
            json.number("socket_type", *socket_type);
            json.number("protocol", *protocol);
        }
        Activity::Signal { number, .. } => json.number("number", *number),
        Activity::IoUring { opcode, file } => {
            json.number("opcode", *opcode);
            if let Some(file) = file {
                json.text_if_any("path", &file.path);
            }
        }
        Activity::DnsAnswer { aliases, .. } if !aliases.is_empty() => {
            json.texts("aliases", aliases)
        }
        _ => {}
    });
}
