//! Compound files and the Office documents in them.

pub(crate) mod compound;
pub(crate) mod native;
