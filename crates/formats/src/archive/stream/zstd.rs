//! Zstandard (RFC 8878).

use std::io::{self, Read};

use super::super::codec::{self, ZstdFrame};
use super::super::reading::{Guarded, guard, truncated, unsupported};
use super::chain::{self, Frame};
use crate::bytes::Cursor;
use crate::unpack::{Limits, Stop, Unpacking};

const FRAME: u32 = 0xfd2f_b528;
/// The low four bits are free (section 3.1.2).
const SKIPPABLE: u32 = 0x184d_2a50;

/// Unpacks a zstd file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    chain::unpack::<Zstd<'_>>(input, "", unpacking)
}

/// One frame.
pub(super) enum Zstd<'a> {
    Data(Box<Guarded<ZstdFrame<&'a [u8]>>>),
    /// What follows a skippable frame; `None` when it is cut.
    Skipped(Option<&'a [u8]>),
}

impl<'a> Frame<'a> for Zstd<'a> {
    fn open(rest: &'a [u8], limits: &Limits) -> Option<io::Result<Self>> {
        let mut cursor = Cursor::new(rest);
        match cursor.u32_le()? {
            FRAME => Some(
                guard(|| codec::zstd_frame(rest, limits))
                    .map(|frame| Self::Data(Box::new(Guarded::new(frame)))),
            ),
            // The formats before 1.0.
            0xfd2f_b522..=0xfd2f_b527 => Some(Err(unsupported("zstd before version 1.0"))),
            magic if magic & 0xffff_fff0 == SKIPPABLE => {
                let length = cursor.u32_le();
                let skipped = length.and_then(|length| cursor.skip(length as usize));
                Some(Ok(Self::Skipped(skipped.map(|()| cursor.rest()))))
            }
            _ => None,
        }
    }

    fn finish(self) -> (&'a [u8], io::Result<()>) {
        match self {
            Self::Data(frame) => {
                (frame.into_inner().map(ZstdFrame::into_inner).unwrap_or_default(), Ok(()))
            }
            Self::Skipped(Some(rest)) => (rest, Ok(())),
            Self::Skipped(None) => (&[], Err(truncated("ends in a skippable frame"))),
        }
    }
}

impl Read for Zstd<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Data(frame) => frame.read(buffer),
            Self::Skipped(_) => Ok(0),
        }
    }
}
