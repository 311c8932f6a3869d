//! The jail: hostile bytes are parsed only in here (law 5).
//!
//! ```text
//! host process ──control──► template (definitions loaded, confined, never sees an artifact)
//!      │                        │ fork
//!      └────── jobs ─────────► worker (template's memory, shared; seccomp; one artifact at a time)
//! ```
//!
//! - A [`Pool`] starts the same binary again as a *template*: it confines itself ([`confine`]), loads
//!   definitions from sealed memory files, and waits. It is single-threaded and meets no hostile
//!   byte, so forking it is safe and what it has loaded is shared by all its workers.
//! - Each *worker* is a fork of the template with the [`filter`] of system calls on top. It gets an
//!   artifact as a sealed memory file descriptor, and answers with opinions and children
//!   ([`protocol`]). What it says is bounded and checked like any other hostile input.
//! - A worker that does not answer in time, or dies, costs the artifact it had; the pool forks
//!   another.

pub mod command;
pub mod confine;
pub mod filter;
mod host;
pub mod limits;
mod mapping;
mod protocol;
mod socket;
mod template;
mod worker;

pub use confine::{Layer, LayerState, Layers};
pub use host::{EngineSpec, Job, JobOutcome, Pool, PoolConfig, PoolError, PoolHealth};
pub use limits::WorkerLimits;
pub use template::{Loaded, Loader, run_template};
