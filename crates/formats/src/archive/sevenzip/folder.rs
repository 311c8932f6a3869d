//! A folder: some packed streams, a graph of coders, one unpacked stream.

use std::io::{self, Read};

use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::filter::delta::DeltaReader;

use super::super::codec;
use super::super::reading::{
    Body, Guarded, corrupt, guard, too_much_memory, truncated, unsupported,
};
use super::aes::{AesReader, Properties};
use super::number::{count, number};
use crate::bytes::{Cursor, u32_le};
use crate::unpack::Limits;

/// As in the original program.
const MAX_CODERS: usize = 32;
const AES: u64 = 0x06f1_0701;

/// All folders and the packed streams that they use, one after the other.
#[derive(Default)]
pub(super) struct Streams {
    /// Of the first packed stream, counted from behind the start header.
    pub(super) start: u64,
    /// Sizes of the packed streams.
    pub(super) packed: Vec<u64>,
    pub(super) folders: Vec<Folder>,
}

/// One folder.
pub(super) struct Folder {
    coders: Vec<Coder>,
    /// (input, output) pairs of streams that are connected.
    bonds: Vec<(usize, usize)>,
    /// Inputs that are packed streams, in order.
    pub(super) packed: Vec<usize>,
    first_packed: usize,
    /// Unpacked size of each output.
    pub(super) sizes: Vec<u64>,
    pub(super) crc32: Option<u32>,
    /// Size and checksum of each file.
    pub(super) parts: Vec<(u64, Option<u32>)>,
}

struct Coder {
    id: u64,
    inputs: usize,
    properties: Vec<u8>,
}

impl Folder {
    pub(super) fn parse(cursor: &mut Cursor<'_>, first_packed: usize) -> Option<Self> {
        let number_of_coders = count(cursor).filter(|coders| (1..=MAX_CODERS).contains(coders))?;
        let mut coders = Vec::new();
        for _ in 0..number_of_coders {
            let flags = cursor.u8()?;
            let id = cursor.take(usize::from(flags & 15).min(8))?;
            let id = id.iter().fold(0, |id, &byte| id << 8 | u64::from(byte));
            let mut inputs = 1;
            if flags & 0x10 != 0 {
                inputs = count(cursor).filter(|inputs| (1..=MAX_CODERS).contains(inputs))?;
                // No coder has more than one output.
                if number(cursor)? != 1 {
                    return None;
                }
            }
            let mut properties = Vec::new();
            if flags & 0x20 != 0 {
                let size = usize::try_from(number(cursor)?).ok()?;
                properties = cursor.take(size)?.to_vec();
            }
            if flags & 0x80 != 0 {
                return None;
            }
            coders.push(Coder { id, inputs, properties });
        }
        let inputs: usize = coders.iter().map(|coder| coder.inputs).sum();
        let mut stream = || usize::try_from(number(cursor)?).ok();
        let bonds: Vec<(usize, usize)> =
            (1..coders.len()).map(|_| Some((stream()?, stream()?))).collect::<Option<_>>()?;
        let free = inputs.checked_sub(bonds.len())?;
        let packed = if free == 1 {
            let bound = |input: &usize| bonds.iter().any(|(bonded, _)| bonded == input);
            vec![(0..inputs).find(|input| !bound(input))?]
        } else {
            (0..free).map(|_| stream()).collect::<Option<_>>()?
        };
        Some(Self {
            coders,
            bonds,
            packed,
            first_packed,
            sizes: Vec::new(),
            crc32: None,
            parts: Vec::new(),
        })
    }

    pub(super) fn outputs(&self) -> usize {
        self.coders.len()
    }

    /// The output that no coder takes.
    fn main_output(&self) -> Option<usize> {
        (0..self.coders.len()).find(|output| !self.bonds.iter().any(|(_, bonded)| bonded == output))
    }

    /// Unpacked bytes of the whole folder.
    pub(super) fn size(&self) -> u64 {
        self.main_output().and_then(|output| self.sizes.get(output).copied()).unwrap_or(0)
    }

    /// Packed bytes of the whole folder.
    pub(super) fn packed_size(&self, streams: &Streams) -> u64 {
        let sizes = streams.packed.iter().skip(self.first_packed).take(self.packed.len());
        sizes.fold(0, |sum, &size| sum.saturating_add(size))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.aes().is_some()
    }

    /// The properties of the encryption, if there is one.
    pub(super) fn aes(&self) -> Option<&[u8]> {
        self.coders.iter().find(|coder| coder.id == AES).map(|coder| &*coder.properties)
    }
}

/// The unpacked stream of a folder.
pub(super) fn open<'a>(
    input: &'a [u8],
    streams: &Streams,
    folder: &Folder,
    key: Option<[u8; 32]>,
    limits: &Limits,
) -> io::Result<Body<'a>> {
    let output = folder.main_output().ok_or_else(|| corrupt("coders in a circle"))?;
    let memory_left = limits.max_memory_bytes;
    let mut builder = Builder { input, streams, folder, key, limits, memory_left, used: 0 };
    builder.output(output)
}

struct Builder<'a, 's> {
    input: &'a [u8],
    streams: &'s Streams,
    folder: &'s Folder,
    key: Option<[u8; 32]>,
    limits: &'s Limits,
    memory_left: u64,
    /// Outputs that are already connected, as bits.
    used: u32,
}

impl<'a> Builder<'a, '_> {
    fn output(&mut self, output: usize) -> io::Result<Body<'a>> {
        let broken = || corrupt("coders that are not connected");
        // Each output feeds one input: no circle, no fan-out, and no deeper than there are coders.
        let bit = 1_u32.checked_shl(output as u32).ok_or_else(broken)?;
        if self.used & bit != 0 {
            return Err(corrupt("coders in a circle"));
        }
        self.used |= bit;
        let coder = self.folder.coders.get(output).ok_or_else(broken)?;
        let size = self.folder.sizes.get(output).copied().ok_or_else(broken)?;
        let first: usize = self.folder.coders.iter().take(output).map(|coder| coder.inputs).sum();
        let mut sources = Vec::new();
        for stream in first..first + coder.inputs {
            sources.push(self.stream(stream)?);
        }
        let body = self.coder(coder, sources, size)?;
        Ok(Box::new(body.take(size)))
    }

    fn stream(&mut self, stream: usize) -> io::Result<Body<'a>> {
        if let Some(&(_, output)) = self.folder.bonds.iter().find(|(input, _)| *input == stream) {
            return self.output(output);
        }
        let index = self.folder.packed.iter().position(|&packed| packed == stream);
        let index = index.ok_or_else(|| corrupt("coders that are not connected"))?;
        let index = index.saturating_add(self.folder.first_packed);
        let before = self.streams.packed.get(..index).unwrap_or_default();
        let start = before
            .iter()
            .try_fold(self.streams.start, |sum, &size| sum.checked_add(size))
            .and_then(|start| usize::try_from(start).ok()?.checked_add(super::START))
            .ok_or_else(|| corrupt("data beyond any file"))?;
        let size = self.streams.packed.get(index).copied().unwrap_or(0);
        let rest = self.input.get(start..).ok_or_else(|| truncated("ends before its data"))?;
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        Ok(Box::new(&rest[..size]))
    }

    fn coder(
        &mut self,
        coder: &Coder,
        mut sources: Vec<Body<'a>>,
        size: u64,
    ) -> io::Result<Body<'a>> {
        let properties = &*coder.properties;
        let invalid = || corrupt("invalid coder properties");
        if coder.id == 0x0303_011b {
            if sources.len() != 4 {
                return Err(corrupt("BCJ2 takes four streams"));
            }
            return Ok(Box::new(Guarded::new(guard(|| Bcj2Reader::try_new(sources, size))?)));
        }
        let (Some(source), true) = (sources.pop(), sources.is_empty()) else {
            return Err(corrupt("a coder with too many inputs"));
        };
        // Position from which branch filters count; only the newer ones can state it.
        let start = u32_le(properties, 0).unwrap_or(0) as usize;
        Ok(match coder.id {
            0x00 => source,
            0x21 => {
                let dictionary = codec::lzma2_dictionary(*properties.first().ok_or_else(invalid)?)?;
                self.use_memory(u64::from(dictionary))?;
                codec::lzma2(source, dictionary, self.limits)?
            }
            0x03_0101 => {
                let dictionary = u32_le(properties, 1).ok_or_else(invalid)?;
                let props = *properties.first().ok_or_else(invalid)?;
                self.use_memory(u64::from(dictionary).min(size))?;
                codec::lzma(source, Some(size), props, dictionary, self.limits)?
            }
            0x03_0401 => {
                let order = u32::from(*properties.first().ok_or_else(invalid)?);
                let memory = u32_le(properties, 1).ok_or_else(invalid)?;
                self.use_memory(u64::from(memory))?;
                codec::ppmd7(source, order, memory, self.limits)?
            }
            0x04_0108 => codec::deflate(source),
            0x04_0109 => codec::deflate64(source),
            0x04_0202 => codec::bzip2(source),
            0x04f7_1101 => codec::zstd(source, self.limits)?,
            0x03 => {
                let distance = usize::from(*properties.first().ok_or_else(invalid)?) + 1;
                Box::new(Guarded::new(DeltaReader::new(source, distance)))
            }
            0x04 | 0x0303_0103 => branch(BcjReader::new_x86(source, start)),
            0x05 | 0x0303_0205 => branch(BcjReader::new_ppc(source, start)),
            0x06 | 0x0303_0401 => branch(BcjReader::new_ia64(source, start)),
            0x07 | 0x0303_0501 => branch(BcjReader::new_arm(source, start)),
            0x08 | 0x0303_0701 => branch(BcjReader::new_arm_thumb(source, start)),
            0x09 | 0x0303_0805 => branch(BcjReader::new_sparc(source, start)),
            0x0a => branch(BcjReader::new_arm64(source, start)),
            0x0b => branch(BcjReader::new_riscv(source, start)),
            AES => {
                let properties = Properties::parse(properties).ok_or_else(invalid)?;
                let key = self.key.ok_or_else(|| corrupt("encrypted without a key"))?;
                Box::new(AesReader::new(source, &key, &properties))
            }
            other => return Err(unsupported(format!("7z method {other:x}"))),
        })
    }

    /// Takes `bytes` from the memory that the folder's coders share.
    fn use_memory(&mut self, bytes: u64) -> io::Result<()> {
        self.memory_left = self.memory_left.checked_sub(bytes).ok_or_else(too_much_memory)?;
        Ok(())
    }
}

fn branch<'a>(filter: BcjReader<Body<'a>>) -> Body<'a> {
    Box::new(Guarded::new(filter))
}
