//! `config.json` of the OCI runtime specification, as far as it tells who a container is.

use std::collections::BTreeMap;

use palisade_model::event::{ContainerId, ImageDigest, Kubernetes, Runtime};
use serde::Deserialize;

use crate::containers::{DigestKind, Facts, Limits, Source};

/// Capabilities that Linux has: from here on, a container holds them all (`CAP_CHECKPOINT_RESTORE` is
/// number 40, since 5.9; older runtimes know 38).
const ALL_CAPABILITIES: usize = 38;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    process: Option<Process>,
    #[serde(default)]
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(default)]
    capabilities: Option<Capabilities>,
}

#[derive(Deserialize)]
struct Capabilities {
    #[serde(default)]
    bounding: Vec<String>,
}

#[derive(Deserialize)]
struct Linux {
    #[serde(default)]
    resources: Option<Resources>,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    devices: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    #[serde(default)]
    allow: bool,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    major: Option<i64>,
    #[serde(default)]
    minor: Option<i64>,
    #[serde(default)]
    access: Option<String>,
}

/// What a bundle says.
pub(super) fn facts(
    bytes: &[u8],
    id: &ContainerId,
    runtime: Runtime,
    limits: Limits,
) -> Result<Facts, serde_json::Error> {
    let config: Config = serde_json::from_slice(bytes)?;
    let annotations = config.annotations.clone().unwrap_or_default();
    let runtime = if runtime == Runtime::Unknown { whose(&annotations) } else { runtime };
    let mut facts = Facts::new(id.clone(), Source::Disk, runtime);
    facts.privileged = privileged(&config);
    annotated(&annotations, limits, &mut facts);
    if facts.name.is_empty() && runtime == Runtime::Unknown {
        // Only a name to be seen by: whoever runs runc by hand gives no other.
        facts.name = limits.text(&config.hostname);
    }
    Ok(facts)
}

/// Every capability and every device. Where the file does not say, nobody knows.
fn privileged(config: &Config) -> Option<bool> {
    let held = config.process.as_ref()?.capabilities.as_ref()?.bounding.len();
    let devices = config.linux.as_ref()?.resources.as_ref().map_or(&[][..], |one| &one.devices);
    let any = |number: Option<i64>| number.is_none_or(|number| number == -1);
    let every = devices.iter().any(|device| {
        device.allow
            && device.kind.as_deref().is_none_or(|kind| matches!(kind, "" | "a"))
            && any(device.major)
            && any(device.minor)
            && device.access.as_deref() == Some("rwm")
    });
    Some(held >= ALL_CAPABILITIES && every)
}

fn whose(annotations: &BTreeMap<String, String>) -> Runtime {
    let manager = annotations.get("io.container.manager").map(String::as_str);
    let has = |prefix: &str| annotations.keys().any(|key| key.starts_with(prefix));
    match manager {
        Some("libpod") => Runtime::Podman,
        Some("cri-o") => Runtime::CriO,
        _ if has("io.kubernetes.cri-o.") => Runtime::CriO,
        _ if has("io.kubernetes.cri.") || has("nerdctl/") => Runtime::Containerd,
        _ => Runtime::Unknown,
    }
}

/// What Kubernetes wrote into annotations or labels, under the keys of containerd's CRI plugin, CRI-O,
/// cri-dockerd and Podman.
pub(in crate::containers) fn kubernetes(
    annotations: &BTreeMap<String, String>,
    limits: Limits,
    facts: &mut Facts,
) {
    let get = |keys: &[&str]| first(annotations, keys, limits);
    let kind = get(&["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"]);
    let docker_kind = get(&["io.kubernetes.docker.type"]);
    facts.sandbox = match (kind.as_deref(), docker_kind.as_deref()) {
        (Some("sandbox"), _) | (_, Some("podsandbox")) => Some(true),
        (Some(_), _) | (_, Some(_)) => Some(false),
        _ => facts.sandbox,
    };
    let sandbox = facts.sandbox == Some(true);
    let pod = get(&["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]);
    let namespace = get(&["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"]);
    if let (Some(pod), Some(namespace)) = (pod, namespace) {
        let container = get(&["io.kubernetes.cri.container-name", "io.kubernetes.container.name"]);
        let container = container.filter(|_| !sandbox).unwrap_or_default();
        let pod_uid = get(&["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"]);
        let pod_uid = pod_uid.unwrap_or_default();
        facts.kubernetes = Some(Kubernetes { namespace, pod, container, pod_uid });
    }
}

/// The same, and the name and image that a runtime without a file of its own leaves in them.
pub(in crate::containers) fn annotated(
    annotations: &BTreeMap<String, String>,
    limits: Limits,
    facts: &mut Facts,
) {
    kubernetes(annotations, limits, facts);
    let get = |keys: &[&str]| first(annotations, keys, limits);
    let name = get(&[
        "io.kubernetes.cri-o.Name",
        "nerdctl/name",
        "io.kubernetes.cri.container-name",
        "io.kubernetes.container.name",
    ]);
    if let Some(name) = name {
        facts.name = name;
    }
    let image = get(&[
        "io.kubernetes.cri.image-name",
        "io.kubernetes.cri-o.ImageName",
        "io.kubernetes.cri-o.SomeNameOfTheImage",
    ]);
    if let Some(image) = image {
        facts.digest = facts.digest.or(in_reference(&image));
        facts.image = image;
    }
    let reference = get(&["io.kubernetes.cri-o.ImageRef", "io.kubernetes.cri-o.Image"]);
    if let Some(reference) = reference {
        facts.digest = facts.digest.or(in_reference(&reference));
    }
    // CRI-O keeps the labels as a JSON object in one annotation.
    let labels = annotations.get("io.kubernetes.cri-o.Labels");
    let labels =
        labels.and_then(|text| serde_json::from_str::<BTreeMap<String, String>>(text).ok());
    if let Some(labels) = labels {
        (facts.labels, facts.labels_left_out) = limits.labels(labels);
    }
}

fn first(annotations: &BTreeMap<String, String>, keys: &[&str], limits: Limits) -> Option<String> {
    let value = keys.iter().find_map(|key| annotations.get(*key).filter(|one| !one.is_empty()));
    value.map(|value| limits.text(value))
}

/// The digest in an image's reference: `name@sha256:…` is a manifest's; `sha256:…` or 64 digits alone are
/// the image's id, its configuration's.
pub(in crate::containers) fn in_reference(reference: &str) -> Option<(DigestKind, ImageDigest)> {
    if let Some((name, digest)) = reference.rsplit_once('@')
        && !name.is_empty()
    {
        return Some((DigestKind::Manifest, digest.parse().ok()?));
    }
    let id = reference.parse().ok().or_else(|| format!("sha256:{reference}").parse().ok())?;
    Some((DigestKind::Config, id))
}
