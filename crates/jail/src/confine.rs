//! What the template takes from itself before it loads anything: privileges, network, file system.
//! Its workers inherit it.

use std::fmt;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

/// One wall of the jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Only the system calls of [`crate::filter`].
    Seccomp,
    /// No file system, no TCP, no abstract sockets or signals to others (Landlock).
    Landlock,
    /// A network namespace with nothing in it.
    Network,
    /// A process namespace: nothing that is started in it outlives it.
    Processes,
    /// A mount namespace: all read-only, people's data hidden, one private directory of bounded size.
    Mounts,
    /// No privileges: not root, no capabilities, none to be gained by execution.
    Unprivileged,
    /// Bounded memory, processor time and processes.
    Limits,
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Seccomp => "seccomp",
            Self::Landlock => "landlock",
            Self::Network => "network",
            Self::Processes => "processes",
            Self::Mounts => "mounts",
            Self::Unprivileged => "unprivileged",
            Self::Limits => "limits",
        })
    }
}

/// Whether a wall stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "detail")]
pub enum LayerState {
    /// It stands.
    Active,
    /// It stands in part, because the kernel is older than what we ask for.
    Partial(String),
    /// The kernel, or this process's own confinement, does not allow it.
    Missing(String),
}

/// Every wall and whether it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layers(pub Vec<(Layer, LayerState)>);

impl Layers {
    /// The walls that do not stand, for people; empty when all do. A wall that stands in part
    /// counts as standing.
    pub fn missing(&self) -> Vec<String> {
        self.0
            .iter()
            .filter_map(|(layer, state)| match state {
                LayerState::Missing(detail) => Some(format!("{layer} ({detail})")),
                LayerState::Active | LayerState::Partial(_) => None,
            })
            .collect()
    }

    pub(crate) fn push(&mut self, layer: Layer, result: Result<LayerState, String>) {
        self.0.push((layer, result.unwrap_or_else(LayerState::Missing)));
    }
}

/// The user and group id of nobody and nogroup.
const NOBODY: u32 = 65_534;

/// Confines this process, in the order in which each step still has what it needs.
pub(crate) fn confine() -> Layers {
    let mut layers = Layers::default();
    layers.push(Layer::Network, leave_network());
    layers.push(Layer::Unprivileged, drop_privileges());
    layers.push(Layer::Landlock, forbid_files());
    layers
}

fn leave_network() -> Result<LayerState, String> {
    let own = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // SAFETY: this process has one thread, and no file descriptor table is unshared.
    let as_root = unsafe { rustix::thread::unshare_unsafe(own) };
    if as_root.is_ok() {
        return Ok(LayerState::Active);
    }
    // Without privileges, a user namespace of our own gives them for this one purpose.
    // SAFETY: as above.
    let in_user_namespace = unsafe { rustix::thread::unshare_unsafe(own | UnshareFlags::NEWUSER) };
    match in_user_namespace {
        Ok(()) => Ok(LayerState::Active),
        Err(error) => Err(format!("no namespaces: {error}")),
    }
}

fn drop_privileges() -> Result<LayerState, String> {
    rustix::thread::set_no_new_privs(true).map_err(|error| format!("no_new_privs: {error}"))?;
    if rustix::process::geteuid().is_root() {
        // SAFETY: no pointer is dereferenced for a count of 0.
        let groups = unsafe { libc::setgroups(0, std::ptr::null()) };
        if groups != 0 {
            // A user namespace without mapped groups forbids it; there is nothing to drop then.
            let error = std::io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EPERM) {
                return Err(format!("setgroups: {error}"));
            }
        }
        // SAFETY: plain integers; this process has one thread, so libc has no other to tell.
        if unsafe { libc::setresgid(NOBODY, NOBODY, NOBODY) } != 0 {
            return Err(format!("setresgid: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: as above.
        if unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) } != 0 {
            return Err(format!("setresuid: {}", std::io::Error::last_os_error()));
        }
    }
    give_up_capabilities()
}

/// Leaving root drops the capabilities; an unprivileged user with a user namespace of its own still has
/// them inside it.
pub(crate) fn give_up_capabilities() -> Result<LayerState, String> {
    let none = rustix::thread::CapabilitySets {
        effective: rustix::thread::CapabilitySet::empty(),
        permitted: rustix::thread::CapabilitySet::empty(),
        inheritable: rustix::thread::CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none).map_err(|error| format!("capset: {error}"))?;
    // No debugger of the same user, no core dump.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|error| format!("dumpable: {error}"))?;
    Ok(LayerState::Active)
}

fn forbid_files() -> Result<LayerState, String> {
    let abi = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(LayerState::Active),
        RulesetStatus::PartiallyEnforced => {
            Ok(LayerState::Partial("this kernel knows only older Landlock rules".to_owned()))
        }
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock, or it is off".to_owned()),
    }
}
