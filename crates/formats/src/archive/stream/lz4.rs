//! LZ4 frames (LZ4 Frame Format 1.6.4), skippable and legacy ones.

use std::io::{self, Read};

use super::super::reading::{Guarded, corrupt, too_much_memory, truncated};
use super::chain::{self, Frame};
use crate::bytes::Cursor;
use crate::unpack::{Limits, Stop, Unpacking};

const FRAME: u32 = 0x184d_2204;
const LEGACY: u32 = 0x184c_2102;
/// The low four bits are free.
const SKIPPABLE: u32 = 0x184d_2a50;
/// The longest a legacy block of 8 MiB can be when it does not compress.
const MAX_LEGACY_BLOCK: u32 = (8 << 20) + (8 << 20) / 255 + 16;

/// Unpacks an lz4 file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Lz4<'_>>(input, "", unpacking)
}

/// One frame. Its blocks state their length, so where it ends, and whether it is whole, is known
/// without decoding; the decoder itself takes a missing end for the end.
pub(super) struct Lz4<'a> {
    decoder: Option<Guarded<lz4_flex::frame::FrameDecoder<&'a [u8]>>>,
    rest: &'a [u8],
    result: io::Result<()>,
}

impl<'a> Frame<'a> for Lz4<'a> {
    fn open(rest: &'a [u8], limits: &Limits) -> Option<io::Result<Self>> {
        let mut cursor = Cursor::new(rest);
        let magic = cursor.u32_le()?;
        if memory(magic, &cursor) > limits.max_memory_bytes {
            return Some(Err(too_much_memory()));
        }
        let walked = match magic {
            FRAME => walk(&mut cursor),
            LEGACY => walk_legacy(&mut cursor),
            magic if magic & 0xffff_fff0 == SKIPPABLE => {
                cursor.u32_le().and_then(|length| cursor.skip(length as usize))
            }
            _ => return None,
        };
        let (frame, rest, result) = match walked {
            Some(()) => (rest.get(..cursor.position()).unwrap_or(rest), cursor.rest(), Ok(())),
            None => (rest, &[][..], Err(truncated("ends inside an lz4 frame"))),
        };
        let decoder = matches!(magic, FRAME | LEGACY)
            .then(|| Guarded::new(lz4_flex::frame::FrameDecoder::new(frame)));
        Some(Ok(Self { decoder, rest, result }))
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        (self.rest, self.result)
    }
}

impl Read for Lz4<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else { return Ok(0) };
        decoder.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Unsupported => error,
            _ => corrupt("broken lz4 block"),
        })
    }
}

/// What the decoder allocates: one packed block, and two unpacked ones with the window.
fn memory(magic: u32, cursor: &Cursor<'_>) -> u64 {
    let block: u64 = match (magic, cursor.rest().get(1)) {
        (LEGACY, _) => 8 << 20,
        // Bits 4 to 6 of the second byte: 64 KiB, 256 KiB, 1 MiB, 4 MiB.
        (FRAME, Some(descriptor)) => 1 << (8 + 2 * u32::from(descriptor >> 4 & 7)),
        _ => 0,
    };
    block * 3
}

/// Steps over header, blocks, end mark and checksum. `None` when cut.
fn walk(cursor: &mut Cursor<'_>) -> Option<()> {
    let flags = cursor.u8()?;
    cursor.skip(1)?;
    let content_size = flags & 8 != 0;
    let dictionary = flags & 1 != 0;
    cursor.skip(if content_size { 8 } else { 0 } + if dictionary { 4 } else { 0 } + 1)?;
    loop {
        // The highest bit marks a block that is not compressed.
        let length = cursor.u32_le()? & 0x7fff_ffff;
        if length == 0 {
            break;
        }
        cursor.skip(length as usize)?;
        if flags & 16 != 0 {
            cursor.skip(4)?;
        }
    }
    cursor.skip(if flags & 4 != 0 { 4 } else { 0 })
}

/// Blocks up to the end, or up to something that is no block's length: another frame's magic.
fn walk_legacy(cursor: &mut Cursor<'_>) -> Option<()> {
    while !cursor.is_empty() {
        let mut ahead = *cursor;
        let length = ahead.u32_le()?;
        if length > MAX_LEGACY_BLOCK {
            break;
        }
        ahead.skip(length as usize)?;
        *cursor = ahead;
    }
    Some(())
}
