//! Decoders of single compressed streams that several containers share. Third-party ones are
//! wrapped here once, with the memory bound in front and [`Guarded`] around.

pub(crate) mod bits;
pub(crate) mod pump;
pub(crate) mod window;

use std::io::{self, BufReader, Read};

use super::reading::{Body, Guarded, corrupt, guard, too_much_memory, truncated, unsupported};
use crate::unpack::Limits;

/// Raw deflate (RFC 1951).
pub(crate) fn deflate<'a>(input: impl Read + 'a) -> Body<'a> {
    Box::new(pump::Pump::new(BufReader::new(input), pump::Inflate::new()))
}

/// Deflate64 ("enhanced deflate").
pub(crate) fn deflate64<'a>(input: impl Read + 'a) -> Body<'a> {
    Box::new(pump::Pump::new(BufReader::new(input), pump::Inflate64::new()))
}

/// One bzip2 stream; what follows it is ignored.
pub(crate) fn bzip2<'a>(input: impl Read + 'a) -> Body<'a> {
    Box::new(pump::Pump::new(BufReader::new(input), pump::Bunzip2::new()))
}

/// Raw LZMA with properties and dictionary size stored by the container. `size` is the unpacked
/// size, or `None` when an end marker ends the stream.
pub(crate) fn lzma<'a>(
    input: impl Read + 'a,
    size: Option<u64>,
    props: u8,
    dictionary: u32,
    limits: &Limits,
) -> io::Result<Body<'a>> {
    Ok(Box::new(Guarded::new(lzma_reader(input, size, props, dictionary, limits)?)))
}

/// As [`lzma`], as the decoder itself: the caller guards it.
pub(crate) fn lzma_reader<R: Read>(
    input: R,
    size: Option<u64>,
    props: u8,
    dictionary: u32,
    limits: &Limits,
) -> io::Result<lzma_rust2::LzmaReader<R>> {
    // A dictionary never needs to be larger than what is unpacked.
    let needed = u64::from(dictionary).min(size.unwrap_or(u64::MAX));
    if needed > limits.max_memory_bytes {
        return Err(too_much_memory());
    }
    if props >= 9 * 5 * 5 {
        return Err(corrupt("invalid LZMA properties"));
    }
    let mut decoder = guard(|| {
        let size = size.unwrap_or(u64::MAX);
        lzma_rust2::LzmaReader::new_with_props(input, size, props, dictionary, None)
    })?;
    // What was decoded before an error is worth scanning.
    decoder.set_defer_errors(true);
    Ok(decoder)
}

/// Raw LZMA2 with the dictionary size stored by the container.
pub(crate) fn lzma2<'a>(
    input: impl Read + 'a,
    dictionary: u32,
    limits: &Limits,
) -> io::Result<Body<'a>> {
    if u64::from(dictionary) > limits.max_memory_bytes {
        return Err(too_much_memory());
    }
    Ok(Box::new(Guarded::new(guard(|| Ok(lzma_rust2::Lzma2Reader::new(input, dictionary, None)))?)))
}

/// The dictionary size that LZMA2's property byte stands for (xz specification, section 5.3.1).
pub(crate) fn lzma2_dictionary(property: u8) -> io::Result<u32> {
    match property {
        0..40 => Ok((2 | u32::from(property & 1)) << (property / 2 + 11)),
        40 => Ok(u32::MAX),
        _ => Err(corrupt("invalid LZMA2 dictionary size")),
    }
}

/// Whole xz streams, one after the other.
pub(crate) fn xz<'a>(input: impl Read + 'a, limits: &Limits) -> Body<'a> {
    let kib = u32::try_from(limits.max_memory_bytes / 1024).unwrap_or(u32::MAX - 1);
    Box::new(Guarded::new(lzma_rust2::XzReader::new_mem_limit(input, true, kib)))
}

/// One zstd frame.
pub(crate) fn zstd<'a>(input: impl Read + 'a, limits: &Limits) -> io::Result<Body<'a>> {
    let decoder = guard(|| zstd_frame(input, limits))?;
    Ok(Box::new(Guarded::new(decoder)))
}

/// A decoder of one zstd frame, its window checked against the memory limit.
pub(crate) fn zstd_frame<R: Read>(input: R, limits: &Limits) -> io::Result<ZstdFrame<R>> {
    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    let window = limits.max_memory_bytes;
    ruzstd::decoding::StreamingDecoder::new_with_max_window_size(input, window)
        .map(|inner| ZstdFrame { inner, ended: false })
        .map_err(|error| match error {
            FrameDecoderError::WindowSizeTooBig { .. } => too_much_memory(),
            FrameDecoderError::DictNotProvided { .. } => {
                unsupported("needs a zstd dictionary that is not in the file")
            }
            FrameDecoderError::ReadFrameHeaderError(
                ReadFrameHeaderError::MagicNumberReadError(_)
                | ReadFrameHeaderError::FrameDescriptorReadError(_)
                | ReadFrameHeaderError::WindowDescriptorReadError(_)
                | ReadFrameHeaderError::DictionaryIdReadError(_)
                | ReadFrameHeaderError::FrameContentSizeReadError(_),
            ) => truncated("ends in a zstd frame header"),
            _ => corrupt("not a zstd frame header"),
        })
}

/// One zstd frame; says at its end whether the content checksum holds (RFC 8878, section 3.1.1).
pub(crate) struct ZstdFrame<R: Read> {
    inner: ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>,
    ended: bool,
}

impl<R: Read> ZstdFrame<R> {
    /// The source, behind this frame once it has been read to its end.
    pub(crate) fn into_inner(self) -> R {
        self.inner.into_inner()
    }
}

impl<R: Read> Read for ZstdFrame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        let count = self.inner.read(buffer).map_err(|error| {
            self.ended = true;
            if ends_early(&error) {
                truncated("ends inside a zstd frame")
            } else {
                corrupt("broken zstd block")
            }
        })?;
        if count == 0 {
            self.ended = true;
            let stored = self.inner.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.inner.decoder.get_calculated_checksum() {
                return Err(corrupt("checksum does not match"));
            }
        }
        Ok(count)
    }
}

/// Whether an early end stands somewhere in the chain of causes.
fn ends_early(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::UnexpectedEof
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// PPMd version I (zip method 98), after its two-byte header.
pub(crate) fn ppmd8<'a>(mut input: impl Read + 'a, limits: &Limits) -> io::Result<Body<'a>> {
    let mut header = [0; 2];
    input.read_exact(&mut header)?;
    // APPNOTE 5.10.3: order-1 in bits 0-3, memory-1 in MiB in bits 4-11, restoration in 12-15.
    let header = u32::from(u16::from_le_bytes(header));
    let memory = ((header >> 4 & 0xff) + 1) << 20;
    if u64::from(memory) > limits.max_memory_bytes {
        return Err(too_much_memory());
    }
    let restore = match header >> 12 {
        0 => ppmd_rust::RestoreMethod::Restart,
        1 => ppmd_rust::RestoreMethod::CutOff,
        _ => return Err(unsupported("unknown PPMd restoration method")),
    };
    let decoder = guard(|| {
        ppmd_rust::Ppmd8Decoder::new(BufReader::new(input), (header & 15) + 1, memory, restore)
            .map_err(|_| corrupt("invalid PPMd parameters"))
    })?;
    Ok(Box::new(Guarded::new(decoder)))
}

/// PPMd version H (7z).
pub(crate) fn ppmd7<'a>(
    input: impl Read + 'a,
    order: u32,
    memory: u32,
    limits: &Limits,
) -> io::Result<Body<'a>> {
    if u64::from(memory) > limits.max_memory_bytes {
        return Err(too_much_memory());
    }
    let decoder = guard(|| {
        ppmd_rust::Ppmd7Decoder::new(BufReader::new(input), order, memory)
            .map_err(|_| corrupt("invalid PPMd parameters"))
    })?;
    Ok(Box::new(Guarded::new(decoder)))
}
