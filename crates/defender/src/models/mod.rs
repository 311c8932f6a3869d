//! One behaviour model for each image digest: fed with events, asked by policy, kept on disk.
//!
//! [`Models`] decides and does no I/O; [`Store`] is the directory; [`Keeper`] is both, as the agent uses
//! them, and takes [`ModelCommand`]s. While the Defender is not running, [`Store`] alone takes the same
//! commands ([`Store::command`]).
//!
//! A container without a digest has no model. Its image's name would be the only key, and a name means
//! other bytes tomorrow: every release would be a row of deviations. Such a container is counted
//! ([`Counters::without_digest`]) and modelled from the moment that its digest is known.

mod command;
mod keeper;
mod set;
mod settings;
mod store;

pub use command::{CommandError, DeviationView, ModelCommand, ModelReply, ModelView, Selector};
pub use keeper::{Keeper, Warning};
pub use set::{Counters, Models, Snapshot, Started, findings};
pub use settings::Settings;
pub use store::{Entry, Store, StoreError};
