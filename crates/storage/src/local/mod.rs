//! Artifacts as files of the local file system.

mod file;
mod objects;
mod segments;
mod shards;
mod writer;

pub use objects::{LocalObjects, ObjectsConfig};
