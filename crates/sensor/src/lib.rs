//! The sensor: turns what the kernel does into records, on the best rung of the capability ladder that
//! this machine allows.
//!
//! ```text
//! rung 3  bpf/sensor.bpf.c ─┐
//! rung 5  bpf/lsm.bpf.c ────┼─ ring ─► [`abi::Record`] ─► [`track`] ─► [`Observation`] ─► Defender
//! rung 2  fanotify ─────────┤
//! rung 1  process connector ┤
//! rung 0  /proc ────────────┘
//! ```
//!
//! - [`ladder`] tries every program by loading and attaching it; a kernel's configuration is never
//!   believed. What is missing is told in words, with what it costs.
//! - [`abi`] is the kernel side's wire form, versioned; malformed bytes give an error, never a panic.
//! - Nothing is pinned: when this process ends, in whatever way, the kernel takes every program and map
//!   away with its descriptors. Workloads run on.
//!
//! What each kind of event means and cannot see is in `docs/sensor.md`.

pub mod abi;
pub mod connector;
pub mod fallback;
pub mod fanotify;
pub mod ladder;
pub mod loader;
pub mod memory;
pub mod procfs;
pub mod ring;
pub mod syscalls;
pub mod track;

mod enforce;
mod error;
mod layout;
mod observation;
mod plan;
mod sensor;

pub use error::{SensorError, SensorErrorKind};
pub use layout::{Settings, Watch};
pub use observation::{CgroupChange, CgroupWhat, Observation};
pub use plan::{Direction, ExecRule, NetRule, Plan, WriteRule};
pub use sensor::{Reader, ReaderCounts, Sensor, SensorConfig};
