//! Artifacts on their way into the object store (hashed while they are written) and out of it (into
//! sealed memory files).

mod cache;
mod digest;
mod intake;
mod sealed;

pub use cache::{ArtifactCache, CacheConfig};
pub use digest::{Digests, Wanted};
pub use intake::{Intake, IntakeError, Storing};
pub use sealed::{ArtifactError, seal};
