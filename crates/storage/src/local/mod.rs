//! Artifacts as files of the local file system.

mod file;
mod objects;
mod shards;
mod writer;

pub use objects::{LocalObjects, ObjectsConfig};
