//! From a member's stored bytes to its content.

use std::io::{self, BufReader, Read};

use super::super::codec;
use super::super::reading::{Body, Checked, corrupt, or_failed, unsupported};
use super::crypt::{Keys, Opened};
use super::entry::Entry;
use super::{implode, reduce, shrink};
use crate::unpack::{Child, Limits, Problem, Stop, Unpacking};

/// Hands one member to the sink, or says why not.
pub(super) fn deliver(
    entry: &Entry<'_>,
    data: &[u8],
    child: Child,
    keys: &mut Keys<'_>,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    if entry.is_strongly_encrypted() {
        let detail = "encrypted with PKWARE's strong encryption";
        unpacking.problem(Some(&child.name), Problem::Encrypted, detail);
        return Ok(());
    }
    let limits = *unpacking.limits();
    let size = entry.sized.then_some(entry.size);
    let crc32 = entry.sized.then_some(entry.crc32);
    if !entry.is_encrypted() {
        let body = or_failed(decoder(entry, data, size, &limits));
        return unpacking.child(&child, &mut Checked::new(body, size, crc32));
    }
    match keys.open(entry, data, &limits) {
        Opened::NoPassword => {
            unpacking.problem(Some(&child.name), Problem::Encrypted, "encrypted, no password");
        }
        Opened::WrongPassword => {
            let detail = "none of the passwords opens it";
            unpacking.problem(Some(&child.name), Problem::WrongPassword, detail);
        }
        Opened::Plain { body, authentic } => {
            if authentic == Some(false) {
                let detail = "authentication code does not match";
                unpacking.problem(Some(&child.name), Problem::Corrupt, detail);
            }
            // AE-2 leaves the checksum zero on purpose.
            let crc32 = crc32.filter(|_| entry.aes.is_none_or(|aes| aes.version == 1));
            let body = or_failed(decoder(entry, body, size, &limits));
            let body = Checked::new(body, size, crc32);
            let child = child.encrypted();
            if authentic.is_some() {
                return unpacking.child(&child, &mut { body });
            }
            return unpacking.child(&child, &mut Doubtful(body));
        }
    }
    Ok(())
}

/// The decoder of a member's (decrypted) data.
pub(super) fn decoder<'a>(
    entry: &Entry<'_>,
    input: impl Read + 'a,
    size: Option<u64>,
    limits: &Limits,
) -> io::Result<Body<'a>> {
    Ok(match entry.real_method() {
        0 => Box::new(input),
        1 => Box::new(shrink::Unshrink::new(BufReader::new(input), size)),
        factor @ 2..=5 => {
            Box::new(reduce::Expand::new(BufReader::new(input), factor as u8 - 1, size))
        }
        6 => Box::new(implode::Explode::new(BufReader::new(input), entry.method_bits(), size)),
        8 => codec::deflate(input),
        9 => codec::deflate64(input),
        12 => codec::bzip2(input),
        14 => lzma(entry, input, size, limits)?,
        20 | 93 => codec::zstd(input, limits)?,
        95 => codec::xz(input, limits),
        98 => {
            // It has no end of its own.
            let body = codec::ppmd8(input, limits)?;
            Box::new(body.take(size.unwrap_or(u64::MAX)))
        }
        other => return Err(unsupported(format!("compression method {other}"))),
    })
}

/// APPNOTE 5.8.8: version, length of the properties, then those of LZMA.
fn lzma<'a>(
    entry: &Entry<'_>,
    mut input: impl Read + 'a,
    size: Option<u64>,
    limits: &Limits,
) -> io::Result<Body<'a>> {
    let mut header = [0; 9];
    input.read_exact(&mut header)?;
    let [_, _, length_low, length_high, props, dictionary @ ..] = header;
    if [length_low, length_high] != [5, 0] {
        return Err(corrupt("invalid LZMA header"));
    }
    // Bit 1: an end marker ends the data, whatever size is stated.
    let size = size.filter(|_| entry.method_bits() & 1 == 0);
    codec::lzma(input, size, props, u32::from_le_bytes(dictionary), limits)
}

/// ZipCrypto checks a password with one byte only, so what looks corrupt is rather a password that
/// fits by chance.
struct Doubtful<R>(R);

impl<R: Read> Read for Doubtful<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the password fits, the content does not: wrong password or corrupt",
            ),
            _ => error,
        })
    }
}
