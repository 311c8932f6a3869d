//! The jail of an outside scanner: a program that is not ours, that meets hostile bytes, and that
//! needs more of the system than a worker does.
//!
//! ```text
//! host ──spawn──► helper (this binary as `jail-command`; leaves privileges; watches the host)
//!                   │ fork, first process of a namespace of its own
//!                   └─► init (mounts; copies the artifact; reaps; tells the host)
//!                         │ fork, Landlock, system call filter, limits
//!                         └─► the scanner
//! ```
//!
//! The scanner reads the system's libraries and what it is given by name, writes to one directory of
//! bounded size that nobody else sees, and has no network unless it is said to need one. When it
//! ends, when its time is over, or when the host ends, the kernel kills whatever it has started: all
//! of it lives in one process namespace. What a kernel does not grant is told with each run
//! ([`crate::Layers`]), as for the other jail.

mod files;
mod helper;
mod host;
mod init;
mod mounts;
mod namespaces;
mod reap;
mod scratch;
mod spec;
mod syscalls;

pub use helper::run_helper;
pub use host::{CommandError, Helper, run};
pub use spec::{ArtifactForm, CommandEnd, CommandLimits, CommandSpec, How, User};

/// The argument that makes the program a helper.
pub const ARGUMENT: &str = "jail-command";
