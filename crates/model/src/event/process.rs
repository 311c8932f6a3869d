use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{ContainerId, FileRef};
use crate::{IdError, Sha256, UnixMillis};

/// Ancestors kept of a process: deep enough for a shell in a supervisor in a runtime, bounded so that a
/// chain of forks cannot grow every event.
pub const MAX_ANCESTORS: usize = 16;

/// A process for as long as the machine runs: process numbers come again, a number with its start does
/// not. Written `1234@567890`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessKey {
    start_ns: u64,
    tgid: u32,
}

impl ProcessKey {
    /// From the thread group's number on the host and the leader's start, nanoseconds since boot
    /// (`task_struct::start_boottime`).
    pub fn new(tgid: u32, start_ns: u64) -> Self {
        Self { start_ns, tgid }
    }

    /// Thread group number on the host: what `ps` calls the PID.
    pub fn tgid(&self) -> u32 {
        self.tgid
    }

    /// Start of the group's leader, nanoseconds since boot.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }
}

impl fmt::Display for ProcessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.tgid, self.start_ns)
    }
}

impl fmt::Debug for ProcessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ProcessKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (tgid, start_ns) = text.split_once('@').ok_or(IdError)?;
        Ok(Self {
            start_ns: start_ns.parse().map_err(|_| IdError)?,
            tgid: tgid.parse().map_err(|_| IdError)?,
        })
    }
}

impl Serialize for ProcessKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProcessKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Users and groups of a process, as numbers of the initial user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Credentials {
    /// Real user.
    pub uid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective user: what permissions go by.
    pub euid: u32,
    /// Effective group.
    pub egid: u32,
    /// Saved user.
    pub suid: u32,
    /// Saved group.
    pub sgid: u32,
    /// The user that logged in (`loginuid`); `None` when nobody did (4294967295 in the kernel).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_uid: Option<u32>,
}

/// Capability sets as bit masks; bit numbers as in `linux/capability.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// In force now.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept over an exec of a file that has them inheritable.
    pub inheritable: u64,
    /// The ceiling of what an exec can give.
    pub bounding: u64,
    /// Kept over an exec of an ordinary file.
    pub ambient: u64,
}

impl Capabilities {
    /// Whether capability number `bit` is in force.
    pub fn has(&self, bit: u8) -> bool {
        self.effective.checked_shr(u32::from(bit)).is_some_and(|rest| rest & 1 == 1)
    }

    /// What is in force or permitted now and was not in `before`.
    pub fn gained(&self, before: &Self) -> u64 {
        (self.effective | self.permitted) & !(before.effective | before.permitted)
    }
}

/// Inode numbers of the namespaces of a process, as `readlink /proc/PID/ns/*` shows them. 0 is not
/// known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Namespaces {
    /// Mount.
    pub mnt: u32,
    /// Process numbers.
    pub pid: u32,
    /// Network.
    pub net: u32,
    /// Users.
    pub user: u32,
    /// Host name.
    #[serde(default)]
    pub uts: u32,
    /// System V and POSIX queues.
    #[serde(default)]
    pub ipc: u32,
    /// Control groups.
    #[serde(default)]
    pub cgroup: u32,
}

/// What a process runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Executable {
    /// The file, with whether it came with the image ([`FileRef::upper`]) and still has a name.
    pub file: FileRef,
    /// Of its bytes, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Sha256>,
    /// It is a memory file (memfd) or was run from a file system in memory without a name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fileless: bool,
}

/// What is kept of a process's parent, its parent, and so on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ancestor {
    /// Which process.
    pub key: ProcessKey,
    /// The thread's name (`comm`), at most 15 bytes.
    pub name: String,
    /// Path of what it ran when its child was born.
    pub path: String,
    /// Its arguments, from the program's own name on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The control group that it was in, to tell a parent outside the container (the runtime's shim,
    /// `docker exec`) from one inside it.
    pub cgroup: u64,
}

/// The line of a process's ancestors, parent first, at most [`MAX_ANCESTORS`]. Shared in memory:
/// brothers have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ancestors(Vec<Arc<Ancestor>>);

impl Ancestors {
    /// The line of a child of `parent`.
    pub fn below(parent: Arc<Ancestor>, grandparents: &Self) -> Self {
        let further = grandparents.0.iter().take(MAX_ANCESTORS - 1).cloned();
        Self(std::iter::once(parent).chain(further).collect())
    }

    /// The parent.
    pub fn parent(&self) -> Option<&Ancestor> {
        self.0.first().map(AsRef::as_ref)
    }

    /// The `level`th ancestor; 0 is the parent.
    pub fn get(&self, level: usize) -> Option<&Ancestor> {
        self.0.get(level).map(AsRef::as_ref)
    }

    /// All of them, parent first.
    pub fn iter(&self) -> impl Iterator<Item = &Ancestor> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether there is none: the first process, or one whose parent was never seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Ancestor> for Ancestors {
    fn from_iter<I: IntoIterator<Item = Ancestor>>(line: I) -> Self {
        Self(line.into_iter().take(MAX_ANCESTORS).map(Arc::new).collect())
    }
}

impl Serialize for Ancestors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Ancestors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Ancestor>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// A process as it was at the time of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Which.
    pub key: ProcessKey,
    /// Its number in its own process namespace: what it sees itself as. 0 when not known.
    #[serde(default)]
    pub inner_pid: u32,
    /// The leader's name (`comm`), at most 15 bytes.
    pub name: String,
    /// What it runs.
    pub executable: Executable,
    /// Its arguments as they were at exec, from the program's own name on; bounded by the sensor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Arguments were longer than what is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub args_cut: bool,
    /// Those variables of its environment that rules ask for, `NAME=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// Not every variable could be looked at, or kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub environment_cut: bool,
    /// Working directory at exec.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cwd: String,
    /// Users and groups.
    pub credentials: Credentials,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// Namespaces.
    pub namespaces: Namespaces,
    /// Id of its control group (version 2: the directory's inode number).
    pub cgroup: u64,
    /// Session number in the initial namespace; 0 when not known.
    #[serde(default)]
    pub session: u32,
    /// Device number of its terminal; 0 for none.
    #[serde(default)]
    pub terminal: u32,
    /// When it started, by the wall clock.
    pub started: UnixMillis,
    /// Parent, its parent, …
    #[serde(default, skip_serializing_if = "Ancestors::is_empty")]
    pub ancestors: Ancestors,
}

impl Process {
    /// Its path.
    pub fn path(&self) -> &str {
        &self.executable.file.path
    }

    /// The parent's key.
    pub fn parent(&self) -> Option<ProcessKey> {
        self.ancestors.parent().map(|parent| parent.key)
    }

    /// What its children keep of it.
    pub fn as_ancestor(&self) -> Ancestor {
        Ancestor {
            key: self.key,
            name: self.name.clone(),
            path: self.path().to_owned(),
            args: self.args.clone(),
            cgroup: self.cgroup,
        }
    }
}

/// Another process that something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Which.
    pub key: ProcessKey,
    /// What it runs; empty when not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The container that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
}
