//! The host's side of the jail.

mod frames;
mod job;
mod pool;
mod process;

pub use pool::{EngineSpec, Job, JobOutcome, Pool, PoolConfig, PoolError, PoolHealth};
