//! What the kernel is to refuse to a container: pure data, made by policy, applied by the loader.

use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Everything that is refused to the processes of one container. The empty plan refuses nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Executables by their path in the container. Of two that fit, the first holds.
    pub exec: Vec<ExecRule>,
    /// Whatever [`Plan::exec`] does not list is refused.
    pub exec_unlisted: Option<u32>,
    /// Executables that did not come with the image (overlayfs upper layer) are refused.
    pub exec_upper: Option<u32>,
    /// Executables that are no file (memfd) are refused.
    pub exec_memory: Option<u32>,
    /// Destinations and local ports. Of two that fit, the one with the longer prefix holds.
    pub net: Vec<NetRule>,
    /// Destinations that [`Plan::net`] does not list are refused.
    pub net_unlisted: Option<u32>,
    /// Files and directories that may not be written or removed, by path in the container. BPF-LSM only.
    pub write: Vec<WriteRule>,
    /// mount(2) is refused. BPF-LSM only.
    pub mount: Option<u32>,
    /// ptrace(2) and process memory of others. BPF-LSM only.
    pub ptrace: Option<u32>,
    /// bpf(2). BPF-LSM only.
    pub bpf: Option<u32>,
    /// Kernel modules. BPF-LSM only.
    pub module: Option<u32>,
}

impl Plan {
    /// Whether some program may not run.
    pub fn refuses_programs(&self) -> bool {
        self.exec.iter().any(|rule| !rule.allow)
            || [self.exec_unlisted, self.exec_upper, self.exec_memory].iter().any(Option::is_some)
    }
}

/// One executable. Rule numbers, here and below, are policy's own and come back with the refusal
/// ([`crate::Observation`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRule {
    /// Absolute path as the container sees it; at most 512 bytes.
    pub path: String,
    /// It may run.
    pub allow: bool,
    /// Policy's number of the rule.
    pub rule: u32,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetRule {
    /// Which act.
    pub direction: Direction,
    /// Address of the network; for [`Direction::Bind`] the local address.
    pub address: IpAddr,
    /// Bits of it that count.
    pub prefix: u8,
    /// At most eight ranges; none: every port.
    pub ports: Vec<RangeInclusive<u16>>,
    /// It may happen.
    pub allow: bool,
    /// Policy's number of the rule.
    pub rule: u32,
}

/// What the kernel asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// connect(2).
    Connect,
    /// bind(2).
    Bind,
    /// sendto(2) and its kin without a connection.
    Send,
}

/// One file, or a directory with everything directly in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRule {
    /// Absolute path as the container sees it.
    pub path: String,
    /// Policy's number of the rule.
    pub rule: u32,
}
