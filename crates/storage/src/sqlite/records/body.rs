//! How a report lies in its row: one byte for the codec, then the model's wire form in that codec.
//!
//! Measured on reports of 5.6, 63 and 908 KB of JSON (2 cores, November 2026):
//!
//! | codec | packed, KB | packing, µs | unpacking, µs |
//! |---|---|---|---|
//! | LZ4 (lz4_flex, safe) | 1.6, 14.2, 196 | 6, 63, 1211 | 1, 21, 380 |
//! | deflate 1 (miniz_oxide) | 1.2, 10.6, 147 | 26, 242, 3747 | 12, 108, 2235 |
//! | zstd, fastest (ruzstd) | 1.2, 10.5, 150 | 92, 944, 14026 | 23, 162, 2804 |
//!
//! LZ4 costs less than writing the JSON does (14, 101, 4302 µs); the others win a quarter more
//! space for several times its time.

use palisade_model::{Report, wire};

use crate::sqlite::Failure;

/// LZ4 block format, behind the length of the content (4 bytes, little endian).
const LZ4: u8 = 1;

/// The largest report that is read back: a row that claims more is damaged. Above what the largest
/// tree (20,000 files) gives.
const MAX_BYTES: usize = 512 << 20;

/// A report as it is stored, and the length of its JSON.
pub(super) fn encode(report: &Report) -> (Vec<u8>, usize) {
    let json = wire::encode(report);
    let mut body = vec![0; lz4_flex::block::get_maximum_output_size(json.len()).saturating_add(5)];
    let written = match body.split_at_mut_checked(5) {
        // The output is as long as it can be at worst, so this cannot fail.
        Some((_, block)) => lz4_flex::block::compress_into(&json, block).unwrap_or_default(),
        None => 0,
    };
    body.truncate(written.saturating_add(5));
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    if let Some(head) = body.first_chunk_mut::<5>() {
        let [a, b, c, d] = length.to_le_bytes();
        *head = [LZ4, a, b, c, d];
    }
    (body, json.len())
}

/// The report, and the length of its JSON.
pub(super) fn decode(body: &[u8]) -> Result<(Report, usize), Failure> {
    let Some((&[LZ4, a, b, c, d], block)) = body.split_first_chunk() else {
        return Err(Failure::corrupt("a report in a form that this program does not know"));
    };
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_BYTES {
        return Err(Failure::corrupt("a report that claims to be larger than any"));
    }
    let json = lz4_flex::block::decompress(block, length).map_err(Failure::corrupt)?;
    let report = wire::decode(&json).map_err(|error| match error {
        error @ wire::WireError::TooNew(_) => Failure::unavailable(error),
        error @ wire::WireError::Json(_) => Failure::corrupt(error),
    })?;
    Ok((report, length))
}
