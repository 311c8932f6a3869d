//! Dev only: what the tests of the laws stand on.
//!
//! A [`Cluster`] is the whole platform in one process: the real stages over the real embedded
//! storage, with [`ScriptedEngine`]s that do what a test tells them to, a [`ManualClock`] that moves
//! when a test moves it, and [`Faults`] between every stage and every port, so that a stage can be
//! made to fail, to hang or to die at any one of its steps.

pub mod clock;
pub mod cluster;
pub mod engine;
pub mod faults;
pub mod packing;
pub mod scripts;

pub use clock::ManualClock;
pub use cluster::{Cluster, Config, Stage, comparable};
pub use engine::{Act, Scene, ScriptedEngine};
pub use faults::{Death, Faults, Moment, Step};
