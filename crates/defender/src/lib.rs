//! The Defender: the agent on a host. It finds containers, learns what their images normally do, raises
//! what departs from it or looks like an attack, and prevents what policy says.
//!
//! ```text
//! sensor ─► observations ─► containers ─► detect ─┐
//!                                       ─► models ─┼─► policy ─► incidents ─► output
//!                                                  │      └────► respond ─► sensor (plans, kills)
//! ```
//!
//! Deciders (`containers::Registry`, [`detect`], [`models`], [`policy`], [`incidents`]) never touch the
//! kernel, do no I/O and know no clock: recorded events can drive them.

pub mod agent;
pub mod containers;
pub mod detect;
pub mod finding;
pub mod hashes;
pub mod incidents;
pub mod manners;
pub mod metrics;
pub mod models;
pub mod output;
pub mod policy;
pub mod recorder;
mod runtime_setup;

pub use finding::Finding;
