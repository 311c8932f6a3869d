//! Files that are packed into documents.

use super::kinds;
use crate::{Examination, packed_file};

/// Judges a packed file by its name and its bytes.
pub(super) fn judge(examination: &mut Examination<'_>, place: &str, name: &str, bytes: &[u8]) {
    let file = packed_file::judge(name, bytes);
    if file.runs {
        let shown = if file.name.is_empty() { "without a name" } else { &file.name };
        examination
            .find(
                &kinds::EMBEDDED_EXECUTABLE,
                format!("{place} holds the file {shown}, {}", file.description),
            )
            .quoting(place, name.as_bytes());
    }
    if file.disguised {
        examination
            .find(
                &kinds::EMBEDDED_DISGUISED,
                format!("{place} holds a file that is named {:?}", file.name),
            )
            .quoting(place, name.as_bytes());
    }
}
