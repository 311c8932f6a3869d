//! The nouns of the runtime plane: what a sensor saw, who did it, in which container, and what came
//! of it. Pure data; a sensor fills them, the Defender enriches them, rules and behaviour models read
//! them.
//!
//! Units, everywhere in this module: wall times are [`UnixMillis`](crate::UnixMillis); times of the
//! kernel are nanoseconds since boot with suspended time in it (`CLOCK_BOOTTIME`); process and user
//! numbers are those of the host's initial namespaces unless the name says otherwise; paths are those
//! that the process itself sees (inside its mount namespace), as text made by [`readable`].

mod address;
mod blind;
mod container;
mod file;
mod incident;
mod kind;
mod process;
mod record;
mod sensor;
mod shared;
mod text;

pub use address::{Endpoint, SocketAddress, Transport};
pub use blind::{Blind, BlindCause};
pub use container::{ContainerId, ContainerIdentity, ImageDigest, Kubernetes, Runtime};
pub use file::{FileIdentity, FileKind, FileRef, OpenFlags};
pub use incident::{
    Cause, Incident, IncidentId, IncidentSeverity, MAX_EVIDENCE, MAX_TREE, ModelSection, Response,
    SequenceScore, Technique,
};
pub use kind::{Kind, KindSet};
pub use process::{
    Ancestor, Ancestors, Capabilities, Credentials, Executable, MAX_ANCESTORS, Namespaces, Process,
    ProcessKey, ProcessRef,
};
pub use record::{
    Activity, Effect, Event, MemoryWay, ModuleOperation, MountOperation, NamespaceOperation, Record,
};
pub use sensor::{Rung, Source};
pub use text::readable;

#[cfg(test)]
mod tests;
