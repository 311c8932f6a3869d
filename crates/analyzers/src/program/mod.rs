//! What the analysers of native programs share: entropy, hashes, telling texts, where a program comes
//! from.

mod bundle;
mod embedded;
mod entropy;
mod go;
mod hashes;
mod kinds;
mod marks;
mod overlay;
mod rust;
mod telling;
mod texts;

pub(crate) use bundle::bundler;
pub(crate) use embedded::hidden_executable;
pub(crate) use entropy::entropy;
pub(crate) use go::note_go;
pub(crate) use hashes::{md5_hex, note_similarity, sha256_short, tlsh_of};
pub(crate) use kinds::*;
pub(crate) use marks::{Mark, Marks};
pub(crate) use overlay::note_overlay;
pub(crate) use rust::note_rust;
pub(crate) use telling::{Telling, look_at_marks};
pub(crate) use texts::observe_strings;
