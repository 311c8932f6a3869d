//! What an image normally does: its processes, the files they write, the ports they listen on, where
//! they connect to, the names they ask for and the users they are.
//!
//! One [`Model`] belongs to one image digest. It learns while containers of the image run (1 h of
//! container time by default), is then tried for 24 h (dry run), in which whatever is new sends it back
//! to learning, and then compares ([`Phase`]). What departs is a [`Deviation`]; one of low severity is
//! told once and joins the extended model.
//!
//! Invariants:
//! - No I/O and no clock: time is an argument, so that recorded events can be replayed.
//! - What is learned does not depend on the order of the events, as long as no bound of a whole section
//!   is hit; what is written does not depend on it either.
//! - Everything is bounded by a named setting ([`Settings`]). A bound that was hit is stated
//!   ([`Model::bounds`]), and what then cannot be known is [`Outcome::NotComparable`], never a
//!   deviation.
//! - A kind of event that no sensor saw while the model learned is "not learned", never a deviation:
//!   a sensor that comes later must not flood anybody.

mod allowed;
mod compare;
mod document;
mod fact;
mod generalise;
mod learned;
mod life;
mod model;
mod network;
mod phase;
mod prefixes;
mod sequence;
mod settings;

pub use allowed::{Allowed, AllowedExecutables, AllowedOutbound};
pub use document::{ImportError, VERSION};
pub use fact::{Fact, Port, Remote};
pub use model::{Deviation, MergeError, Model, NotComparable, Outcome};
pub use palisade_model::event::ModelSection as Section;
pub use phase::{LearningReason, Phase};
pub use sequence::Frame;
pub use settings::{Bound, Settings};
