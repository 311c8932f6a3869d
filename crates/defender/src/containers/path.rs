use palisade_model::event::{ContainerId, Runtime};

use crate::containers::Settings;

/// No cgroup path is longer: the kernel's `PATH_MAX`.
const MAX_PATH: usize = 4_096;
/// Components looked at; the kernel has no bound unless `cgroup.max.depth` is set.
const MAX_COMPONENTS: usize = 128;

/// What a cgroup's path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CgroupPath {
    /// It is a container's, or lies below one.
    Container(PathMatch),
    /// A runtime's own process for a container (conmon): not the container.
    Monitor,
    /// Neither.
    Other,
}

/// A container as its cgroup's path tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMatch {
    /// Its id.
    pub id: ContainerId,
    /// What runs it, as far as the path's form tells.
    pub runtime: Runtime,
    /// UID of the Kubernetes pod that it is in.
    pub pod_uid: Option<String>,
    /// The user whose session it is in (rootless).
    pub user: Option<u32>,
    /// Whether the path is the container's own cgroup, not one below it.
    pub own: bool,
}

/// How paths are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRules {
    namespaces: Vec<String>,
    nested: bool,
}

/// What one component says.
enum Component {
    Container(ContainerId, Runtime),
    Monitor,
    Other,
}

/// `<prefix><64 hexadecimal digits>`, with or without `.scope`. Longer prefixes first.
const PREFIXES: [(&str, Option<Runtime>); 8] = [
    ("libpod-conmon-", None),
    ("crio-conmon-", None),
    ("libpod-payload-", Some(Runtime::Podman)),
    ("libpod-", Some(Runtime::Podman)),
    ("crio-", Some(Runtime::CriO)),
    ("cri-containerd-", Some(Runtime::Containerd)),
    ("nerdctl-", Some(Runtime::Containerd)),
    ("docker-", Some(Runtime::Docker)),
];

impl PathRules {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Self {
        Self { namespaces: settings.containerd_namespaces.clone(), nested: settings.nested }
    }

    /// Reads a path from its hierarchy's root. Never fails: what fits no form is
    /// [`CgroupPath::Other`].
    ///
    /// The outermost container counts, the innermost where containers in containers are told apart.
    pub fn parse(&self, path: &str) -> CgroupPath {
        if path.len() > MAX_PATH {
            return CgroupPath::Other;
        }
        let components: Vec<&str> =
            path.split('/').filter(|name| !name.is_empty()).take(MAX_COMPONENTS).collect();
        let mut found = CgroupPath::Other;
        let mut user = None;
        let mut pod_uid = None;
        for (place, name) in components.iter().enumerate() {
            user = user_of(name).or(user);
            pod_uid = pod_of(name).or(pod_uid);
            match self.component(&components[..place], name) {
                Component::Container(id, runtime) => {
                    found = CgroupPath::Container(PathMatch {
                        id,
                        runtime,
                        pod_uid: pod_uid.clone(),
                        user,
                        own: place + 1 == components.len(),
                    });
                }
                Component::Monitor => found = CgroupPath::Monitor,
                Component::Other => continue,
            }
            if !self.nested {
                break;
            }
        }
        found
    }

    fn component(&self, above: &[&str], name: &str) -> Component {
        let scope = name.strip_suffix(".scope");
        let bare = scope.unwrap_or(name);
        // systemd's notation given to a runtime that manages cgroups itself: slice:prefix:name.
        if let Some((_, rest)) = bare.split_once(':') {
            let runtime = match rest.split_once(':') {
                Some(("cri-containerd", id)) => Some((id, Runtime::Containerd)),
                Some(("docker", id)) => Some((id, Runtime::Docker)),
                Some(("crio", id)) => Some((id, Runtime::CriO)),
                Some(("libpod", id)) => Some((id, Runtime::Podman)),
                _ => None,
            };
            return match runtime {
                Some((id, runtime)) => hexadecimal(id, runtime),
                None => Component::Other,
            };
        }
        for (prefix, runtime) in PREFIXES {
            if let Some(id) = bare.strip_prefix(prefix) {
                return match (hexadecimal(id, runtime.unwrap_or_default()), runtime) {
                    (Component::Container(..), None) => Component::Monitor,
                    (component, _) => component,
                };
            }
        }
        // runc's default prefix; its user chooses the id.
        if let Some(id) = scope.and_then(|name| name.strip_prefix("runc-")) {
            return any(id, Runtime::Unknown);
        }
        if scope.is_some() {
            return Component::Other;
        }
        self.by_place(above, name)
    }

    /// Forms without a prefix: what is above tells the runtime.
    fn by_place(&self, above: &[&str], name: &str) -> Component {
        let parent = above.last().copied().unwrap_or_default();
        let namespace = self.namespaces.iter().any(|one| one == parent);
        let runtime = match parent {
            "docker" | "moby" => Runtime::Docker,
            "libpod_parent" => Runtime::Podman,
            _ if namespace => Runtime::Containerd,
            _ => Runtime::Unknown,
        };
        let component = hexadecimal(name, runtime);
        if matches!(component, Component::Container(..)) {
            return component;
        }
        match above {
            // A step of an image's build: an identifier of 25 digits and small letters.
            ["docker", "buildkit"] if name.len() == 25 && name.bytes().all(small) => {
                any(name, Runtime::Docker)
            }
            [_] if namespace && !is_unit(name) => any(name, runtime),
            _ => Component::Other,
        }
    }
}

fn hexadecimal(id: &str, runtime: Runtime) -> Component {
    let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if id.len() == 64 && id.bytes().all(digit) { any(id, runtime) } else { Component::Other }
}

fn any(id: &str, runtime: Runtime) -> Component {
    id.parse().map_or(Component::Other, |id| Component::Container(id, runtime))
}

fn small(c: u8) -> bool {
    c.is_ascii_digit() || c.is_ascii_lowercase()
}

fn is_unit(name: &str) -> bool {
    [".slice", ".service", ".mount", ".socket", ".swap"].iter().any(|end| name.ends_with(end))
}

fn user_of(name: &str) -> Option<u32> {
    name.strip_prefix("user-")?.strip_suffix(".slice")?.parse().ok()
}

/// `pod<uid>`, or `kubepods-…-pod<uid with underscores>.slice`: a slice's name cannot hold a dash of its
/// own.
fn pod_of(name: &str) -> Option<String> {
    let uid = match name.strip_suffix(".slice") {
        Some(slice) if slice.starts_with("kubepods") => {
            slice.rsplit_once("-pod")?.1.replace('_', "-")
        }
        Some(_) => return None,
        None => name.strip_prefix("pod")?.to_owned(),
    };
    let fit = |c: u8| c.is_ascii_hexdigit() || c == b'-';
    // A UUID, or a static pod's 32 digits.
    (matches!(uid.len(), 32 | 36) && uid.bytes().all(fit)).then_some(uid)
}
