//! The schema's objects that more than one class has.

use palisade_model::event::{
    Activity, Ancestor, ContainerIdentity, Credentials, Event, FileKind, FileRef, Process,
    ProcessKey, ProcessRef, Runtime, SocketAddress,
};

use super::json::Json;
use crate::output::words;

pub(super) fn actor(json: &mut Json, process: &Process) {
    json.object("actor", |json| json.object("process", |json| whole_process(json, process)));
}

pub(super) fn key(json: &mut Json, key: ProcessKey) {
    json.number("pid", key.tgid());
    json.id("uid", &key.to_string());
}

/// A process with its parents.
pub(super) fn whole_process(json: &mut Json, process: &Process) {
    brief_process(json, process);
    json.text_if_any("working_directory", &process.cwd);
    if process.inner_pid != 0 {
        json.number("namespace_pid", process.inner_pid);
    }
    if let Some(parent) = process.ancestors.parent() {
        json.object("parent_process", |json| {
            ancestor(json, parent);
            if !parent.path.is_empty() {
                json.object("file", |json| path(json, &parent.path, FileKind::Regular));
            }
        });
        // The parent is the first of the line in the schema, too.
        json.objects("ancestry", process.ancestors.iter(), |json, one| {
            ancestor(json, one);
            json.text_if_any("path", &one.path);
        });
    }
}

/// A process by itself.
pub(super) fn brief_process(json: &mut Json, process: &Process) {
    key(json, process.key);
    json.text_if_any("name", &process.name);
    json.text_if_any("cmd_line", &words::command_line(&process.args));
    json.number("created_time", process.started.0);
    json.object("file", |json| {
        file(json, &process.executable.file);
        if let Some(hash) = &process.executable.hash {
            json.objects("hashes", [hash], |json, hash| {
                json.number("algorithm_id", 3_u8);
                json.text("algorithm", "SHA-256");
                json.id("value", &hash.to_string());
            });
        }
    });
    user(json, process.credentials.uid);
}

fn ancestor(json: &mut Json, ancestor: &Ancestor) {
    key(json, ancestor.key);
    json.text_if_any("name", &ancestor.name);
    json.text_if_any("cmd_line", &words::command_line(&ancestor.args));
}

pub(super) fn user(json: &mut Json, uid: u32) {
    json.object("user", |json| json.text("uid", &uid.to_string()));
}

/// Another process, of which little is known.
pub(super) fn other_process(json: &mut Json, other: &ProcessRef) {
    json.object("process", |json| {
        key(json, other.key);
        if !other.path.is_empty() {
            json.object("file", |json| path(json, &other.path, FileKind::Regular));
        }
        if let Some(container) = &other.container {
            json.object("container", |json| json.id("uid", container.as_str()));
        }
    });
}

pub(super) fn file(json: &mut Json, file: &FileRef) {
    path(json, &file.path, file.kind);
    if let Some(identity) = &file.identity {
        json.text("uid", &format!("{}:{}", identity.dev, identity.inode));
        json.number("size", identity.size);
    }
    if let Some(owner) = file.owner {
        json.object("owner", |json| json.text("uid", &owner.to_string()));
    }
}

/// A file of which only the name is known. The schema requires a name.
pub(super) fn path(json: &mut Json, path: &str, kind: FileKind) {
    let named = FileRef::at(path);
    json.text("name", if named.name().is_empty() { path } else { named.name() });
    json.text_if_any("path", path);
    json.text_if_any("parent_folder", named.directory());
    let type_id = match kind {
        FileKind::Regular => 1_u8,
        FileKind::Directory => 2,
        FileKind::CharacterDevice => 3,
        FileKind::BlockDevice => 4,
        FileKind::Socket => 5,
        FileKind::Fifo => 6,
        FileKind::Symlink => 7,
        FileKind::Anonymous => 99,
    };
    json.number("type_id", type_id);
    if kind == FileKind::Anonymous {
        json.text("type", "Anonymous");
    }
}

pub(super) fn endpoint(json: &mut Json, key: &str, address: &SocketAddress) {
    json.object(key, |json| match address {
        SocketAddress::Inet(end) => {
            json.text("ip", &end.ip().to_string());
            json.number("port", end.port());
        }
        other => json.text("name", &words::address(other)),
    });
}

pub(super) fn container(json: &mut Json, container: &ContainerIdentity) {
    json.object("container", |json| {
        json.id("uid", container.id.as_str());
        json.text_if_any("name", &container.name);
        json.object_if_any("image", |json| {
            json.text_if_any("name", &container.image);
            if let Some(digest) = &container.image_digest {
                json.id("uid", &digest.to_string());
            }
        });
        if let Some(runtime) = runtime(container.runtime) {
            json.text("runtime", runtime);
        }
        if let Some(kubernetes) = &container.kubernetes {
            json.text("orchestrator", "kubernetes");
            json.text_if_any("pod_uuid", &kubernetes.pod_uid);
        }
        if !container.labels.is_empty() {
            json.objects("tags", &container.labels, |json, (name, value)| {
                json.text("name", name);
                json.text("value", value);
            });
        }
    });
}

fn runtime(runtime: Runtime) -> Option<&'static str> {
    match runtime {
        Runtime::Docker => Some("docker"),
        Runtime::Containerd => Some("containerd"),
        Runtime::CriO => Some("cri-o"),
        Runtime::Podman => Some("podman"),
        Runtime::Unknown => None,
    }
}

pub(super) fn unmapped_container(json: &mut Json, container: &ContainerIdentity) {
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
pub(super) fn unmapped_process(json: &mut Json, process: &Process) {
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
            unmapped_file(json, &process.executable.file);
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

pub(super) fn unmapped_file(json: &mut Json, file: &FileRef) {
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
pub(super) fn unmapped_activity(json: &mut Json, activity: &Activity) {
    if let Some(file) = activity.file() {
        json.object_if_any("file", |json| unmapped_file(json, file));
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
