//! What is appended to a program.

use palisade_formats::filetype;

use super::{OVERLAY_ENCRYPTED, entropy};
use crate::Examination;

/// Bits per byte of an overlay that is encrypted.
const ENCRYPTED: f64 = 7.95;
/// Bytes below which its entropy says little.
const MIN_MEASURED: usize = 4_096;

/// Notes an overlay that starts at `start`; what it is.
pub(crate) fn note_overlay(
    examination: &mut Examination<'_>,
    start: usize,
    overlay: &[u8],
) -> &'static str {
    let bits = entropy(overlay);
    let kind = filetype::detect(overlay).ty.id;
    examination.property(
        "overlay",
        format!("{} bytes at {start}, {kind}, {bits:.2} bits a byte", overlay.len()),
    );
    let whole = examination.bytes().len();
    let dominant = overlay.len() > whole / 2 && overlay.len() > MIN_MEASURED;
    if dominant && bits > ENCRYPTED && kind == "binary" {
        examination
            .find(
                &OVERLAY_ENCRYPTED,
                format!("{} bytes that look random are appended to it", overlay.len()),
            )
            .at("overlay", start, 64);
    }
    kind
}
