//! Equations of the old editor (MTEF 3, as documented by Design Science), read as far as the records
//! go whose copies in the editor overflow.

use palisade_formats::bytes::{Cursor, u16_le};

/// Longest font name that Windows knows, with its NUL (`LF_FACESIZE`).
const FACE_BYTES: usize = 32;
/// Bytes of the editor's buffer for a font name (CVE-2017-11882).
const FONT_BUFFER: usize = 36;
/// Records that are walked before the editor would long have copied.
const MAX_RECORDS: usize = 64;

/// What is wrong with an equation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// A font name of this many bytes.
    Font(usize),
    /// A matrix of so many rows and columns that its partition bits do not fit (CVE-2018-0798).
    Matrix(u8, u8),
}

/// Looks at the content of an `Equation Native` stream: a header of 28 bytes, then MTEF.
pub(super) fn in_native(stream: &[u8]) -> Option<Overflow> {
    let header = usize::from(u16_le(stream, 0)?);
    let start = if (0x10..=0x40).contains(&header) { header } else { 0x1c };
    in_mtef(stream.get(start..)?)
}

/// Looks at the content of an `Ole10Native` stream of an equation object: a size, then the same.
pub(super) fn in_ole10native(stream: &[u8]) -> Option<Overflow> {
    let body = stream.get(4..)?;
    in_native(body).or_else(|| in_mtef(body))
}

/// Looks at MTEF: version, platform, product, two version bytes, records.
fn in_mtef(mtef: &[u8]) -> Option<Overflow> {
    let mut cursor = Cursor::new(mtef);
    // The editor checks the version only.
    if !matches!(cursor.u8()?, 1..=3) {
        return None;
    }
    cursor.skip(4)?;
    for _ in 0..MAX_RECORDS {
        let tag = cursor.u8()?;
        let options = tag >> 4;
        match tag & 0x0f {
            // LINE: a nudge and a spacing where the options say so; option 1 is an empty line.
            1 => {
                nudge(&mut cursor, options)?;
                if options & 4 != 0 {
                    cursor.skip(2)?;
                }
                if options & 2 != 0 {
                    return None;
                }
            }
            // PILE
            4 => {
                nudge(&mut cursor, options)?;
                cursor.skip(2)?;
            }
            // MATRIX: alignments, rows, columns, partitions.
            5 => {
                nudge(&mut cursor, options)?;
                cursor.skip(3)?;
                let (rows, columns) = (cursor.u8()?, cursor.u8()?);
                // Two bits for each line and one more, in a buffer of 8 bytes.
                if rows > 31 || columns > 31 {
                    return Some(Overflow::Matrix(rows, columns));
                }
                let bits = |lines: u8| (usize::from(lines) * 2 + 2).div_ceil(8);
                cursor.skip(bits(rows) + bits(columns))?;
            }
            // FONT: typeface, style, name.
            8 => {
                cursor.skip(2)?;
                let name = cursor.rest();
                let end = memchr::memchr(0, name.get(..name.len().min(4096))?)
                    .unwrap_or(name.len().min(4096));
                if end >= FONT_BUFFER.max(FACE_BYTES) {
                    return Some(Overflow::Font(end));
                }
                cursor.skip(end + 1)?;
            }
            // SIZE: explicit, large or small difference.
            9 => match cursor.u8()? {
                101 => cursor.skip(2)?,
                100 => cursor.skip(3)?,
                _ => cursor.skip(1)?,
            },
            10..=14 => {}
            0 => {}
            // Characters and templates: the equation proper, which is not walked.
            _ => return None,
        }
    }
    None
}

fn nudge(cursor: &mut Cursor<'_>, options: u8) -> Option<()> {
    if options & 8 == 0 {
        return Some(());
    }
    // Two bytes, or both 128 and two words.
    let both = (cursor.u8()?, cursor.u8()?);
    if both == (128, 128) { cursor.skip(4) } else { Some(()) }
}
