//! The schema's objects that more than one class has.

use palisade_model::event::{
    Ancestor, ContainerIdentity, FileKind, FileRef, Process, ProcessKey, ProcessRef, Runtime,
    SocketAddress,
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
