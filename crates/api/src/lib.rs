//! The HTTP face of Palisade: wire-compatible with the MetaDefender v4 API.

pub mod v4;
