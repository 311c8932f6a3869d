//! What a runtime's own files say about a container: before its first exec, and without any socket.
//!
//! The cgroup is made by the low-level runtime (runc, crun), which reads a finished `config.json`: what is
//! needed lies on disk already when the sensor reports the cgroup.

mod docker;
mod oci;
mod runc;
mod storage;

use std::path::{Path, PathBuf};

use palisade_model::event::{ContainerId, Runtime};

use crate::containers::{Facts, Host, HostError, Limits, PathMatch, Settings};

pub(super) use oci::{annotated, in_reference, kubernetes};

/// Lines of the host's `/etc/passwd` that are looked at for a home directory.
const MAX_USERS: usize = 65_536;

/// Reads runtimes' files below the host's root. Reads only; blocks for as long as the file system does.
#[derive(Debug)]
pub struct Bundles<'a> {
    host: &'a Host,
    settings: &'a Settings,
    limits: Limits,
}

/// What the files said.
#[derive(Debug, Default)]
pub struct Read {
    /// One for each file that told something, in no order.
    pub facts: Vec<Facts>,
    /// Files that are there and could not be used, and why.
    pub trouble: Vec<String>,
}

impl<'a> Bundles<'a> {
    /// Over the host's files.
    pub fn new(host: &'a Host, settings: &'a Settings) -> Self {
        Self { host, settings, limits: Limits::new(settings) }
    }

    /// Everything that is on disk about one container.
    pub fn read(&self, container: &PathMatch) -> Read {
        let mut read = Read::default();
        let id = &container.id;
        for (path, runtime) in self.places(container) {
            if self.config(&mut read, id, &path, runtime) {
                break;
            }
        }
        if matches!(container.runtime, Runtime::Docker | Runtime::Unknown) {
            self.docker(&mut read, id);
        }
        if !matches!(container.runtime, Runtime::Docker | Runtime::Containerd) {
            self.storage(&mut read, container);
        }
        if read.facts.is_empty() {
            self.runc(&mut read, container);
        }
        read
    }

    /// Where a runtime keeps the `config.json` of a container, and which runtime that shows. Ids are names
    /// of directories: [`ContainerId`] has no slash and does not start with a dot.
    fn places(&self, container: &PathMatch) -> Vec<(PathBuf, Runtime)> {
        let id = container.id.as_str();
        let mut places = Vec::new();
        let storage = |root: &str| {
            PathBuf::from(format!("{root}/overlay-containers/{id}/userdata/config.json"))
        };
        if !matches!(container.runtime, Runtime::Podman | Runtime::CriO) {
            let mut task = |root: &str, namespace: &str| {
                let runtime =
                    if namespace == "moby" { Runtime::Docker } else { Runtime::Containerd };
                places.push((format!("{root}/{namespace}/{id}/config.json").into(), runtime));
            };
            for namespace in &self.settings.containerd_namespaces {
                if namespace.parse::<ContainerId>().is_ok() {
                    task("/run/containerd/io.containerd.runtime.v2.task", namespace);
                    task("/run/k3s/containerd/io.containerd.runtime.v2.task", namespace);
                    task("/run/containerd/io.containerd.runtime.v1.linux", namespace);
                }
            }
            // A containerd that dockerd itself started.
            task("/run/docker/containerd/daemon/io.containerd.runtime.v2.task", "moby");
            task("/var/run/docker/containerd/daemon/io.containerd.runtime.v2.task", "moby");
        }
        if !matches!(container.runtime, Runtime::Docker | Runtime::Containerd) {
            places.push((storage("/run/containers/storage"), Runtime::Unknown));
            let roots = self.storage_roots(container);
            places.extend(roots.map(|root| (storage(&root), Runtime::Unknown)));
            if let Some(user) = container.user.filter(|_| self.settings.rootless) {
                places.push((storage(&format!("/run/user/{user}/containers")), Runtime::Podman));
            }
        }
        places
    }

    /// Where CRI-O and Podman keep containers, both in one place: annotations tell whose one is.
    fn storage_roots(&self, container: &PathMatch) -> impl Iterator<Item = String> + use<> {
        let user = container.user.filter(|_| self.settings.rootless);
        let home = user.and_then(|user| self.home(user));
        let rootless = home.map(|home| format!("{home}/.local/share/containers/storage"));
        rootless.into_iter().chain(["/var/lib/containers/storage".to_owned()])
    }

    /// The storage's own lists: names and images' digests.
    fn storage(&self, read: &mut Read, container: &PathMatch) {
        for root in self.storage_roots(container) {
            let containers = Path::new(&root).join("overlay-containers/containers.json");
            let Some(bytes) = self.bytes(read, &containers) else { continue };
            let found = match storage::facts(&bytes, &container.id, self.limits) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(error) => {
                    read.trouble.push(format!("{}: {error}", containers.display()));
                    continue;
                }
            };
            let mut facts = found.facts;
            let images = Path::new(&root).join("overlay-images/images.json");
            if let Some(bytes) = self.bytes(read, &images)
                && let Some(digest) = storage::digest(&bytes, &found.image)
            {
                facts.digest = Some(digest);
            }
            read.facts.push(facts);
            return;
        }
    }

    /// Whether this file told something.
    fn config(&self, read: &mut Read, id: &ContainerId, path: &Path, runtime: Runtime) -> bool {
        let Some(bytes) = self.bytes(read, path) else { return false };
        match oci::facts(&bytes, id, runtime, self.limits) {
            Ok(facts) => {
                read.facts.push(facts);
                true
            }
            Err(error) => {
                read.trouble.push(format!("{}: {error}", path.display()));
                false
            }
        }
    }

    fn docker(&self, read: &mut Read, id: &ContainerId) {
        let folder = Path::new("/var/lib/docker/containers").join(id.as_str());
        let path = folder.join("config.v2.json");
        let Some(bytes) = self.bytes(read, &path) else { return };
        let mut facts = match docker::facts(&bytes, id, self.limits) {
            Ok(facts) => facts,
            Err(error) => {
                read.trouble.push(format!("{}: {error}", path.display()));
                return;
            }
        };
        if let Some(bytes) = self.bytes(read, &folder.join("hostconfig.json")) {
            facts.facts.privileged = docker::privileged(&bytes);
        }
        if let (Some(driver), Some((_, image))) = (&facts.driver, facts.facts.digest) {
            let path = Path::new("/var/lib/docker/image").join(driver).join("repositories.json");
            if let Some(bytes) = self.bytes(read, &path)
                && let Some(digest) = docker::repository_digest(&bytes, image, &facts.facts.image)
            {
                facts.facts.digest = Some(digest);
            }
        }
        read.facts.push(facts.facts);
    }

    /// runc's own state, which leads to the bundle: written when the container's first process is there.
    fn runc(&self, read: &mut Read, container: &PathMatch) {
        let id = container.id.as_str();
        let mut roots = vec!["/run/runc".to_owned(), "/run/docker/runtime-runc/moby".to_owned()];
        for namespace in &self.settings.containerd_namespaces {
            if namespace.parse::<ContainerId>().is_ok() {
                roots.push(format!("/run/containerd/runc/{namespace}"));
            }
        }
        for root in roots {
            let path = PathBuf::from(format!("{root}/{id}/state.json"));
            let Some(bytes) = self.bytes(read, &path) else { continue };
            let state = match runc::state(&bytes, &container.id) {
                Ok(state) => state,
                Err(error) => {
                    read.trouble.push(format!("{}: {error}", path.display()));
                    continue;
                }
            };
            if let Some(bundle) = &state.bundle {
                let config = Path::new(bundle).join("config.json");
                self.config(read, &container.id, &config, Runtime::Unknown);
            }
            read.facts.push(state.facts);
            return;
        }
    }

    fn bytes(&self, read: &mut Read, path: &Path) -> Option<Vec<u8>> {
        match self.host.read(path, self.settings.max_file) {
            Ok(bytes) => Some(bytes),
            Err(HostError::Absent(_)) => None,
            Err(error) => {
                read.trouble.push(error.to_string());
                None
            }
        }
    }

    fn home(&self, user: u32) -> Option<String> {
        let bytes = self.host.read(Path::new("/etc/passwd"), self.settings.max_file).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        text.lines().take(MAX_USERS).find_map(|line| {
            let mut fields = line.split(':');
            let number = fields.nth(2)?.parse::<u32>().ok()?;
            let home = fields.nth(2)?;
            (number == user && home.starts_with('/')).then(|| home.to_owned())
        })
    }
}
