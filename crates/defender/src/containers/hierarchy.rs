use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::containers::{Host, PathRules, Settings, walk};

/// The inode number of a hierarchy's root (`kernfs`): another one means that only a part is mounted here.
const ROOT_INODE: u64 = 1;
/// Bytes read of `/proc/self/mountinfo` and `/proc/self/cgroup`.
const MAX_PROC: usize = 1 << 20;

/// The hierarchy whose cgroup ids are the keys of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupKey {
    /// cgroup v2.
    Unified,
    /// The memory controller of cgroup v1.
    Memory,
    /// The pids controller of cgroup v1.
    Pids,
}

impl CgroupKey {
    /// As `/proc/PID/cgroup` names its controller; empty for v2.
    pub fn controller(self) -> &'static str {
        match self {
            Self::Unified => "",
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }

    /// The number that the sensor's settings have for it.
    pub fn sensor_number(self) -> u32 {
        match self {
            Self::Unified => 0,
            Self::Memory => 1,
            Self::Pids => 2,
        }
    }
}

impl fmt::Display for CgroupKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unified => out.write_str("v2"),
            key => write!(out, "v1 ({})", key.controller()),
        }
    }
}

/// Why there is no hierarchy to look at.
#[derive(Debug, thiserror::Error)]
pub enum HierarchyError {
    /// None is mounted that fits.
    #[error("no cgroup hierarchy is mounted here: mount the host's /sys/fs/cgroup")]
    None,
    /// `/proc` cannot be read.
    #[error("the mounts cannot be read")]
    Proc(#[from] crate::containers::HostError),
}

/// A hierarchy and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its mount, as we see it.
    pub root: PathBuf,
    /// Which.
    pub key: CgroupKey,
    /// The kernel's number of it, as in `/proc/PID/cgroup`; 0 is v2.
    pub number: u32,
    /// Whether the mount is the whole hierarchy. If not, containers beside our own cgroup are not seen
    /// by walking: our container needs the host's cgroup namespace or the host's `/sys/fs/cgroup`.
    pub whole: bool,
    /// Whether it was decided by seeing containers in it, by a setting, or because there is no other.
    /// If not (a hybrid host without containers), the next walk of the others may show that it was wrong.
    pub certain: bool,
}

/// A mounted hierarchy.
struct Mount {
    key: CgroupKey,
    point: PathBuf,
}

impl Hierarchy {
    /// Finds the key hierarchy of the host.
    ///
    /// # Errors
    /// [`HierarchyError`].
    pub fn find(host: &Host, settings: &Settings) -> Result<Self, HierarchyError> {
        let own = Host::open(Path::new("/"))?;
        let text = |path: &str| -> Result<String, HierarchyError> {
            let bytes = own.read(Path::new(path), MAX_PROC)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        // Numbers of hierarchies are the same in every process.
        let (mounts, cgroups) =
            (text("/proc/thread-self/mountinfo")?, text("/proc/thread-self/cgroup")?);
        Self::from_mounts(&mounts, &cgroups, host, settings)
    }

    /// The same from given text: `mountinfo` as in `proc(5)`, `cgroups` as `/proc/PID/cgroup`.
    ///
    /// # Errors
    /// [`HierarchyError::None`].
    pub fn from_mounts(
        mountinfo: &str,
        cgroups: &str,
        host: &Host,
        settings: &Settings,
    ) -> Result<Self, HierarchyError> {
        let found: Vec<Self> = [CgroupKey::Unified, CgroupKey::Memory, CgroupKey::Pids]
            .into_iter()
            .filter(|key| settings.cgroup.is_none_or(|wanted| wanted == *key))
            .filter_map(|key| {
                let root = best(mounts(mountinfo), key, host)?;
                let number = number(cgroups, key)?;
                let whole = is_whole(&root);
                Some(Self { root, key, number, whole, certain: false })
            })
            .collect();
        let rules = PathRules::new(settings);
        let full = |one: &&Self| !walk(one, &rules, settings).cgroups.is_empty();
        let only = found.len() == 1;
        let chosen = found.iter().find(full).map(|one| Self { certain: true, ..one.clone() });
        match chosen {
            Some(chosen) => Ok(chosen),
            None => found
                .into_iter()
                .next()
                .map(|one| Self { certain: only, ..one })
                .ok_or(HierarchyError::None),
        }
    }

    /// The path of a process's cgroup in this hierarchy, from the text of its `/proc/PID/cgroup`.
    pub fn path_of<'a>(&self, cgroups: &'a str) -> Option<&'a str> {
        line(cgroups, self.key).map(|(_, path)| path)
    }

    /// Where a cgroup's directory is. `None` for a path that leads elsewhere: a process outside our
    /// cgroup namespace is shown with `..`.
    pub fn directory(&self, path: &str) -> Option<PathBuf> {
        let fit = path.starts_with('/') && path.split('/').all(|name| name != "..");
        fit.then(|| self.root.join(path.trim_start_matches('/')))
    }
}

/// The id of a cgroup: its directory's inode number, the same as the kernel's since Linux 5.5 on 64 bits.
pub(super) fn cgroup_id(directory: &Path) -> Option<u64> {
    let data = std::fs::symlink_metadata(directory).ok()?;
    data.is_dir().then(|| data.ino())
}

fn is_whole(root: &Path) -> bool {
    cgroup_id(root) == Some(ROOT_INODE)
}

/// Of several mounts, one below the host's root; of these a whole one; of these the first.
fn best(mounts: impl Iterator<Item = Mount>, key: CgroupKey, host: &Host) -> Option<PathBuf> {
    mounts
        .filter(|mount| mount.key == key)
        .map(|mount| mount.point)
        .min_by_key(|point| (!point.starts_with(host.root()), !is_whole(point)))
}

fn mounts(mountinfo: &str) -> impl Iterator<Item = Mount> {
    mountinfo.lines().flat_map(|line| mount(line).unwrap_or_default())
}

/// One line: `36 35 98:0 /root /point options optional… - type source super-options`. A v1 mount can have
/// several controllers.
fn mount(line: &str) -> Option<Vec<Mount>> {
    let (left, right) = line.split_once(" - ")?;
    let point = PathBuf::from(unescape(left.split(' ').nth(4)?));
    let mut right = right.split(' ');
    let kind = right.next()?;
    let options = right.nth(1).unwrap_or_default();
    let keys: Vec<CgroupKey> = match kind {
        "cgroup2" => vec![CgroupKey::Unified],
        "cgroup" => [CgroupKey::Memory, CgroupKey::Pids]
            .into_iter()
            .filter(|key| options.split(',').any(|option| option == key.controller()))
            .collect(),
        _ => Vec::new(),
    };
    Some(keys.into_iter().map(|key| Mount { key, point: point.clone() }).collect())
}

/// Spaces, tabs, line ends and backslashes are written `\ooo` (proc(5)).
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => {
                plain.push(char::from(code));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn number(cgroups: &str, key: CgroupKey) -> Option<u32> {
    match key {
        CgroupKey::Unified => Some(0),
        _ => line(cgroups, key).map(|(number, _)| number),
    }
}

/// The line of a hierarchy: `N:controllers:/path`, v2 is `0::/path`.
fn line(cgroups: &str, key: CgroupKey) -> Option<(u32, &str)> {
    cgroups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let number = parts.next()?.parse().ok()?;
        let controllers = parts.next()?;
        let path = parts.next()?;
        let fits = match key {
            CgroupKey::Unified => number == 0 && controllers.is_empty(),
            _ => controllers.split(',').any(|name| name == key.controller()),
        };
        fits.then_some((number, path))
    })
}
