//! Builders of the formats that samples are made of.

pub(crate) mod elf;
pub(crate) mod noise;
