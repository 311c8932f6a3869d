use std::io;
use std::process::Command;

use serde_json::{Value, json};

use crate::docker::{ContainerNetwork, Mount, Options};
use crate::tool;

/// What Docker gives a container that asks for nothing.
const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The container's `config.json`, with containerd's annotations for Kubernetes: how an agent learns
/// image and name where no runtime answers.
pub(super) fn config(id: &str, options: &Options) -> io::Result<Value> {
    let capabilities: Vec<String> = CAPABILITIES
        .iter()
        .copied()
        .chain(options.capabilities.iter().map(String::as_str))
        .map(|name| format!("CAP_{name}"))
        .collect();
    let name = options.name.clone().unwrap_or_else(|| format!("scenario-{}", &id[..12]));
    let mut namespaces =
        vec![json!({"type": "pid"}), json!({"type": "ipc"}), json!({"type": "uts"})];
    namespaces.extend([json!({"type": "mount"}), json!({"type": "cgroup"})]);
    match options.network {
        ContainerNetwork::None => namespaces.push(json!({"type": "network"})),
        ContainerNetwork::Bridge => {
            namespaces.push(json!({"type": "network", "path": format!("/run/netns/{id}")}));
        }
        ContainerNetwork::Host => {}
    }
    let mut annotations = json!({
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.container-name": name,
        "io.kubernetes.cri.image-name": format!("palisade-test/{}:guest", options.image.name()),
        "io.kubernetes.cri.sandbox-id": id,
        "io.kubernetes.cri.sandbox-name": name,
        "io.kubernetes.cri.sandbox-namespace": "scenarios",
    });
    for (key, value) in &options.labels {
        annotations[key] = json!(value);
    }
    let (uid, gid) = user(options)?;
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": uid, "gid": gid},
            "args": options.command(),
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities,
                "effective": if uid == 0 { &capabilities[..] } else { &[] },
                "permitted": if uid == 0 { &capabilities[..] } else { &[] },
            },
        },
        "root": {"path": "rootfs"},
        "hostname": &id[..12],
        "mounts": mounts(options),
        "annotations": annotations,
        "linux": {
            "cgroupsPath": format!("/k8s.io/{id}"),
            "namespaces": namespaces,
            "resources": {"devices": devices()},
            "maskedPaths": [
                "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
            ],
            "readonlyPaths": [
                "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
            ],
        },
    }))
}

fn mounts(options: &Options) -> Vec<Value> {
    let mount = |kind: &str, from: &str, to: &str, options: &str| {
        let options: Vec<&str> = options.split(',').collect();
        json!({"type": kind, "source": from, "destination": to, "options": options})
    };
    let mut mounts = vec![
        mount("proc", "proc", "/proc", "nosuid,noexec,nodev"),
        mount("tmpfs", "tmpfs", "/dev", "nosuid,strictatime,mode=755,size=65536k"),
        mount(
            "devpts",
            "devpts",
            "/dev/pts",
            "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
        ),
        mount("sysfs", "sysfs", "/sys", "nosuid,noexec,nodev,ro"),
        mount("cgroup", "cgroup", "/sys/fs/cgroup", "nosuid,noexec,nodev,relatime,ro"),
        mount("mqueue", "mqueue", "/dev/mqueue", "nosuid,noexec,nodev"),
        mount("tmpfs", "shm", "/dev/shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
    ];
    mounts.extend(options.mounts.iter().map(|one| match one {
        Mount::Tmpfs(path) => mount("tmpfs", "tmpfs", path, "nosuid,nodev,mode=1777"),
        Mount::Bind(from, to) => mount("bind", from, to, "rbind,rprivate,rw"),
    }));
    mounts
}

/// Docker's: all is denied but making nodes, and the harmless ones.
fn devices() -> Value {
    let mut rules = vec![json!({"allow": false, "access": "rwm"})];
    rules.extend(["c", "b"].map(|kind| json!({"allow": true, "type": kind, "access": "m"})));
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)] {
        let rule =
            json!({"allow": true, "type": "c", "major": major, "minor": minor, "access": "rwm"});
        rules.push(rule);
    }
    rules.push(json!({"allow": true, "type": "c", "major": 136, "access": "rwm"}));
    Value::Array(rules)
}

/// runc knows numbers only: the image's own files have those of a name.
fn user(options: &Options) -> io::Result<(u32, u32)> {
    let Some(user) = options.effective_user() else {
        return Ok((0, 0));
    };
    let (user, group) = user.split_once(':').unwrap_or((user, ""));
    if let Ok(uid) = user.parse() {
        // As Docker: a number that the image does not name is of the group 0.
        return Ok((uid, group.parse().unwrap_or(0)));
    }
    let mut read = Command::new("tar");
    read.args(["--extract", "--to-stdout", "--occurrence=1", "--file"]);
    let passwd = tool::text(read.arg(options.image.archive()?).arg("./etc/passwd"))?;
    passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&user))
        .and_then(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))
        .ok_or_else(|| io::Error::other(format!("the image has no user {user}")))
}
