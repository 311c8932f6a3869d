//! A folder's blocks and their decoders.

use std::io::{self, Read};

use lzxd::{Lzxd, WindowSize};

use super::super::codec::pump::{Inflate, Pump};
use super::super::reading::{corrupt, guard, truncated, unsupported};
use super::Folder;
use crate::bytes::Cursor;

/// A block unpacks to at most this.
const MAX_BLOCK: usize = 32_768;

/// How a folder is packed.
#[derive(Clone, Copy)]
pub(super) enum Method {
    Stored,
    MsZip,
    Lzx(WindowSize),
}

impl Method {
    pub(super) fn of(code: u16) -> io::Result<Self> {
        Ok(match code & 15 {
            0 => Self::Stored,
            1 => Self::MsZip,
            2 => return Err(unsupported("Quantum compression")),
            3 => Self::Lzx(match code >> 8 & 31 {
                15 => WindowSize::KB32,
                16 => WindowSize::KB64,
                17 => WindowSize::KB128,
                18 => WindowSize::KB256,
                19 => WindowSize::KB512,
                20 => WindowSize::MB1,
                21 => WindowSize::MB2,
                other => return Err(unsupported(format!("LZX window of 2^{other} bytes"))),
            }),
            other => return Err(unsupported(format!("compression method {other}"))),
        })
    }
}

enum Decoder {
    Stored,
    MsZip(Box<Inflate>),
    Lzx(Box<Lzxd>),
}

/// The unpacked bytes of a folder.
pub(super) struct Blocks<'a> {
    cursor: Option<Cursor<'a>>,
    left: u16,
    reserved: usize,
    decoder: Decoder,
    block: Vec<u8>,
    position: usize,
    failed: Option<io::ErrorKind>,
    checksum_failed: bool,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(input: &'a [u8], folder: &Folder, reserved: usize, method: Method) -> Self {
        let decoder = match method {
            Method::Stored => Decoder::Stored,
            Method::MsZip => Decoder::MsZip(Box::new(Inflate::new())),
            Method::Lzx(window) => Decoder::Lzx(Box::new(Lzxd::new(window))),
        };
        Self {
            cursor: Cursor::at(input, folder.offset),
            left: folder.blocks,
            reserved,
            decoder,
            block: Vec::new(),
            position: 0,
            failed: None,
            checksum_failed: false,
        }
    }

    /// Whether a block that was read did not have its stated checksum.
    pub(super) fn checksum_failed(&self) -> bool {
        self.checksum_failed
    }

    fn next_block(&mut self) -> io::Result<()> {
        let early = || truncated("ends inside a block");
        let cursor = self.cursor.as_mut().ok_or_else(early)?;
        let stated = cursor.u32_le().ok_or_else(early)?;
        let header = cursor.rest();
        let packed = usize::from(cursor.u16_le().ok_or_else(early)?);
        let size = usize::from(cursor.u16_le().ok_or_else(early)?);
        cursor.skip(self.reserved).ok_or_else(early)?;
        let whole = cursor.take(packed);
        let data = whole.unwrap_or_else(|| cursor.rest());
        if whole.is_none() {
            self.left = 0;
        } else if stated != 0 {
            let sizes = header.get(..4 + self.reserved).unwrap_or_default();
            self.checksum_failed |= checksum(sizes, checksum(data, 0)) != stated;
        }
        if size > MAX_BLOCK {
            return Err(corrupt("a block of more than 32 KiB"));
        }
        if size == 0 && packed > 0 {
            return Err(unsupported("a block that continues in another cabinet"));
        }
        self.block.clear();
        self.position = 0;
        match &mut self.decoder {
            Decoder::Stored => self.block.extend_from_slice(data),
            Decoder::MsZip(inflate) => {
                let data = data.strip_prefix(b"CK").ok_or_else(|| corrupt("no MSZIP block"))?;
                inflate.restart();
                let pump = Pump::new(data, &mut **inflate);
                let result = pump.take(size as u64).read_to_end(&mut self.block);
                if self.block.is_empty() {
                    result?;
                }
            }
            Decoder::Lzx(lzx) => {
                let block = guard(|| {
                    lzx.decompress_next(data, size)
                        .map(<[u8]>::to_vec)
                        .map_err(|_| corrupt("broken LZX data"))
                })?;
                self.block = block;
            }
        }
        if whole.is_none() && self.block.is_empty() {
            return Err(early());
        }
        Ok(())
    }
}

impl Read for Blocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position >= self.block.len() {
            if let Some(kind) = self.failed {
                return Err(io::Error::new(kind, "the folder's data is broken"));
            }
            if self.left == 0 {
                return Ok(0);
            }
            self.left -= 1;
            if let Err(error) = self.next_block() {
                self.failed = Some(error.kind());
                return Err(error);
            }
        }
        let count = self.block.get(self.position..).unwrap_or_default().read(buffer)?;
        self.position += count;
        Ok(count)
    }
}

/// [MS-CAB] 3.1: 32-bit words, exclusive or; the last up to three bytes count from the highest.
fn checksum(data: &[u8], seed: u32) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, &word| sum ^ u32::from_le_bytes(word));
    sum ^ rest.iter().fold(0, |last, &byte| last << 8 | u32::from(byte))
}
