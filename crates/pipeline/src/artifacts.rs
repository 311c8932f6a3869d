//! Artifacts on their way into the object store (hashed while they are written) and out of it (into
//! sealed memory files).

mod digest;
mod intake;
mod sealed;

pub use digest::{Digests, Wanted};
pub use intake::{Intake, IntakeError};
pub use sealed::{ArtifactCache, ArtifactError, CacheConfig, seal};
