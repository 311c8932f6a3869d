//! Names of logs and metrics in one place, and their set-up.

mod logs;
pub mod metrics;

pub use logs::{LogFormat, init_logs};
pub use metrics::Metrics;
