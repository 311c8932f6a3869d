//! Where it happened: `container.*`, `k8s.*`.

use palisade_model::event::{ContainerIdentity, Kubernetes, Runtime};
use palisade_rules::{Argument, FieldId, Value};

use super::{EventFields, Slot};

pub(super) const FILLED: &[FieldId] = &[
    FieldId::ContainerId,
    FieldId::ContainerFullId,
    FieldId::ContainerName,
    FieldId::ContainerImage,
    FieldId::ContainerType,
    FieldId::ContainerImageRepository,
    FieldId::ContainerImageTag,
    FieldId::ContainerImageDigest,
    FieldId::ContainerLabels,
    FieldId::ContainerLabel,
    FieldId::ContainerPrivileged,
    FieldId::ContainerStartTs,
    FieldId::ContainerDuration,
    FieldId::K8sNsName,
    FieldId::K8sPodName,
    FieldId::K8sPodUid,
    FieldId::K8sPodId,
    FieldId::ContainerHostPid,
];

/// What Falco calls everything that is in no container.
const HOST: &str = "host";
const NS_PER_MS: u64 = 1_000_000;
/// Inode of the first process namespace, the same in every kernel (`PROC_PID_INIT_INO`).
const HOST_PID_NAMESPACE: u32 = 0xEFFF_FFFC;

pub(super) fn get<'v>(
    view: &'v EventFields<'_>,
    field: FieldId,
    argument: Argument<'_>,
) -> Value<'v> {
    use FieldId as F;
    let Some(container) = view.event.container.as_deref() else {
        return match field {
            F::ContainerId | F::ContainerName | F::ContainerType => Value::from(HOST),
            _ => Value::Absent,
        };
    };
    let kubernetes = container.kubernetes.as_ref();
    match field {
        F::ContainerId => Value::from(container.id.short()),
        F::ContainerFullId => Value::from(container.id.as_str()),
        F::ContainerName => text(&container.name),
        F::ContainerType => Value::from(runtime(container.runtime)),
        F::ContainerImage => text(&container.image),
        F::ContainerImageRepository => text(image(&container.image).0),
        F::ContainerImageTag => image(&container.image).1.map_or(Value::Absent, text),
        F::ContainerImageDigest => view.text(Slot::Digest, |out| digest(container, out)),
        F::ContainerLabels => view.text(Slot::Labels, |out| labels(container, out)),
        F::ContainerLabel => match argument {
            Argument::Name(name) => {
                container.labels.get(name).map_or(Value::Absent, |value| text(value))
            }
            Argument::None | Argument::Index(_) => Value::Absent,
        },
        F::ContainerPrivileged => container.privileged.map_or(Value::Absent, Value::Boolean),
        F::ContainerStartTs => container
            .started
            .map_or(Value::Absent, |time| Value::Unsigned(time.0.saturating_mul(NS_PER_MS))),
        F::ContainerDuration => container.started.map_or(Value::Absent, |time| {
            Value::Unsigned(view.event.time.since(time).saturating_mul(NS_PER_MS))
        }),
        F::K8sNsName => of(kubernetes, |own| &own.namespace),
        F::K8sPodName => of(kubernetes, |own| &own.pod),
        F::ContainerHostPid => match view.event.process.namespaces.pid {
            0 => Value::Absent,
            own => Value::Boolean(own == HOST_PID_NAMESPACE),
        },
        // The UID, by its old name.
        F::K8sPodUid | F::K8sPodId => of(kubernetes, |own| &own.pod_uid),
        _ => Value::Absent,
    }
}

fn of<'v>(kubernetes: Option<&'v Kubernetes>, what: fn(&Kubernetes) -> &String) -> Value<'v> {
    kubernetes.map_or(Value::Absent, |own| text(what(own)))
}

fn runtime(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Docker => "docker",
        Runtime::Containerd => "containerd",
        Runtime::CriO => "cri-o",
        Runtime::Podman => "podman",
        Runtime::Unknown => "unknown",
    }
}

/// Repository and tag of an image's name. A colon in the first part is the registry's port.
fn image(name: &str) -> (&str, Option<&str>) {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    match name.get(last..).and_then(|part| part.find(':')) {
        Some(colon) => name
            .split_at_checked(last + colon)
            .map_or((name, None), |(repository, tag)| (repository, tag.get(1..))),
        None => (name, None),
    }
}

fn digest(container: &ContainerIdentity, out: &mut String) -> bool {
    use std::fmt::Write as _;
    container.image_digest.is_some_and(|digest| write!(out, "{digest}").is_ok())
}

fn labels(container: &ContainerIdentity, out: &mut String) -> bool {
    for (at, (name, value)) in container.labels.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
        out.push(':');
        out.push_str(value);
    }
    !out.is_empty()
}

fn text(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Absent } else { Value::from(text) }
}
