//! Detection: which events look like an attack.
//!
//! ```text
//! Event ─► fields (Falco's names) ─► rules (crates/rules) ─┐
//!   └────► counters (how many, how fast) ──────────────────┴─► Finding
//! ```
//!
//! The rules are Falco's language: those in `rules/` come with the agent, an operator's own come on top.
//! Both are described in `docs/detection-rules.md`.

pub mod counters;
pub mod fields;

mod accounts;
mod builtin;
mod detector;
mod resolved;
mod sensitive;
mod settings;
mod severity;

pub use accounts::Accounts;
pub use builtin::builtin_sources;
pub use detector::{DetectCounts, Detector};
pub use resolved::Resolved;
pub use sensitive::SENSITIVE_NAMES;
pub use settings::{Choice, Chosen, DetectSettings};

pub use palisade_rules::{Problem, Source};
