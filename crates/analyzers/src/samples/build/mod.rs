//! Builders of the formats that samples are made of.

pub(crate) mod elf;
pub(crate) mod managed;
pub(crate) mod noise;
pub(crate) mod pe;
pub(crate) mod signing;
