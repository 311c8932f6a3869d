//! What executables are, by their bytes: hashed once for each version of a file, compared with a list of
//! known-bad hashes, and, where told to, submitted to a `palisade serve`.
//!
//! [`Hasher`] has a thread of its own with a rate; [`KnownBad`] answers in a microsecond or two from
//! memory; [`submit::Submitter`] has tasks of its own. None of them is ever waited for by the event loop.

mod hasher;
mod known_bad;
mod source;
pub mod submit;
mod table;

use palisade_model::Sha256;
use palisade_model::event::{Cause, FileRef, IncidentSeverity};

pub use hasher::{Asked, HashCounters, Hashed, Hasher, HasherSettings, NotHashed, Source};
pub use known_bad::{KnownBad, ListError, ListSettings, Loaded};

use crate::Finding;

/// What to say of an executable that is known to be bad.
pub fn malware(hash: Sha256, name: &str, file: &FileRef) -> Finding {
    let name = if name.is_empty() { "unnamed" } else { name };
    // A file that did not come with the image was brought in: ingress tool transfer.
    let brought = if file.upper == Some(true) { "T1105".parse().ok() } else { None };
    Finding {
        cause: Cause::Malware { hash, name: name.to_owned() },
        title: "Known malware was executed".to_owned(),
        detail: format!("{} is {name} ({hash})", file.path),
        severity: IncidentSeverity::Critical,
        techniques: brought.into_iter().collect(),
    }
}

/// What to say of an executable that a scan calls suspicious.
pub fn suspicious(hash: Sha256, name: &str, file: &FileRef) -> Finding {
    let name = if name.is_empty() { "suspicious" } else { name };
    Finding {
        cause: Cause::Malware { hash, name: name.to_owned() },
        title: "A suspicious program was executed".to_owned(),
        detail: format!("{} is {name} ({hash})", file.path),
        severity: IncidentSeverity::Medium,
        techniques: Vec::new(),
    }
}
