//! Which containers there are, who they are, and how one is stopped.
//!
//! ```text
//! sensor ── CgroupChange ─┬────────────────────────────► Registry ─► by_cgroup, ContainerChange
//!                         └─► Discovery ── Found ──────►
//!            walk, bundles, sockets ─┘
//! ```
//!
//! [`Registry`] is a decider: no I/O, no clock. [`Discovery`] does the input and output, and its failure
//! stops nothing: without any socket and any file, the cgroup tree alone still tells containers apart.
//!
//! A container's key is the id of its cgroup, in one hierarchy of the host ([`Hierarchy`]).

pub mod bundle;
mod change;
mod discovery;
mod facts;
mod hierarchy;
mod host;
mod path;
mod registry;
mod settings;
pub mod sockets;
mod stop;
mod walk;

pub use change::{Container, ContainerChange, Counters, Found};
pub use discovery::{Discovery, Finder, first_look};
pub use facts::{DigestKind, Facts, Limits, Source};
pub use hierarchy::{CgroupKey, Hierarchy, HierarchyError};
pub use host::{Host, HostError};
pub use path::{CgroupPath, PathMatch, PathRules};
pub use registry::Registry;
pub use settings::{Api, Settings, SocketSettings};
pub use stop::{StopOutcome, StopWay, Stopper};
pub use walk::{Directory, Walk, own_cgroup, processes, strangers, walk};
