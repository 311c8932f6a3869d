//! How the Defender behaves as a guest on the host: it keeps to limits, holds no more rights than it needs,
//! and a second process lets go of every hook when it stalls.

pub mod capabilities;
pub mod limits;
pub mod watchdog;
