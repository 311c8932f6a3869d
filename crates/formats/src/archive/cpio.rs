//! cpio: the portable ASCII formats (newc, crc, odc) and the binary one of either byte order
//! (cpio(5)). Read as a stream, because rpm keeps one compressed.

use std::io::{self, Read};

use super::reading::{Checked, read_up_to};
use super::text;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

/// Longest name taken for one.
const MAX_NAME: u64 = 65_536;

/// Bytes that tell the layout.
const MAGIC_LENGTH: usize = 6;

/// File type bits of the mode.
const TYPE: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// The name that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Unpacks a cpio file: one archive or several, as in an initial RAM disk.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut rest = input;
    loop {
        let before = rest.len();
        let end = read_archive(&mut rest, unpacking)?;
        if let End::NoHeader = end {
            // What stands there instead of a header is handed out with its first bytes.
            let start = input.len() - rest.len() - MAGIC_LENGTH;
            let rest = input.get(start..).unwrap_or_default();
            let child = Child::new(ChildKind::Overlay, "").packed(rest.len() as u64);
            return unpacking.child_bytes(&child, rest);
        }
        let zeros = rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len());
        rest = rest.get(zeros..).unwrap_or_default();
        if rest.is_empty() || rest.len() >= before {
            return Ok(());
        }
        if Layout::of(rest).is_none() {
            // An initial RAM disk goes on with a compressed archive.
            let child = Child::new(ChildKind::Overlay, "").packed(rest.len() as u64);
            return unpacking.child_bytes(&child, rest);
        }
    }
}

#[derive(Clone, Copy)]
enum Layout {
    /// Hexadecimal, padded to 4.
    New,
    /// Octal, not padded.
    Old,
    /// 16-bit words, padded to 2; true for big-endian.
    Binary(bool),
}

impl Layout {
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => Some(Self::New),
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => Some(Self::Old),
            [0xc7, 0x71, ..] => Some(Self::Binary(false)),
            [0x71, 0xc7, ..] => Some(Self::Binary(true)),
            _ => None,
        }
    }

    fn header_length(self) -> usize {
        match self {
            Self::New => 110,
            Self::Old => 76,
            Self::Binary(_) => 26,
        }
    }

    fn padding(self) -> u64 {
        match self {
            Self::New => 4,
            Self::Old => 1,
            Self::Binary(_) => 2,
        }
    }

    /// Mode, length of the name with its NUL, size of the file.
    fn parse(self, header: &[u8]) -> Option<(u32, u64, u64)> {
        let ascii = |at: usize, length: usize, radix: u32| {
            let field = std::str::from_utf8(header.get(at..at + length)?).ok()?;
            u64::from_str_radix(field, radix).ok()
        };
        let word = |at: usize| {
            let pair = *header.get(at..)?.first_chunk()?;
            let big = matches!(self, Self::Binary(true));
            Some(u64::from(if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }))
        };
        let (mode, name, size) = match self {
            Self::New => (ascii(14, 8, 16)?, ascii(94, 8, 16)?, ascii(54, 8, 16)?),
            Self::Old => (ascii(18, 6, 8)?, ascii(59, 6, 8)?, ascii(65, 11, 8)?),
            // The higher word of a long stands first in either byte order.
            Self::Binary(_) => (word(6)?, word(20)?, word(22)? << 16 | word(24)?),
        };
        Some((u32::try_from(mode).ok()?, name, size))
    }
}

/// Reads one archive from `source`, up to its trailer.
///
/// # Errors
/// [`Stop`] as ever; anything wrong with the source or the archive is stated as a problem.
pub(crate) fn read(source: &mut dyn Read, unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    read_archive(source, unpacking).map(|_| ())
}

/// Why the reading of an archive ended.
#[derive(Clone, Copy)]
enum End {
    /// There is another member.
    NotYet,
    /// At the trailer, or where nothing more can be read.
    Over,
    /// At something that is no header, of which [`MAGIC_LENGTH`] bytes were read.
    NoHeader,
}

fn read_archive(source: &mut dyn Read, unpacking: &mut Unpacking<'_>) -> Result<End, Stop> {
    loop {
        unpacking.keep_going()?;
        match member(source, unpacking) {
            Ok(End::NotYet) => {}
            Ok(end) => return Ok(end),
            Err(Failure::Stop) => return Err(Stop),
            Err(Failure::Source(error)) => {
                let problem = match error.kind() {
                    io::ErrorKind::UnexpectedEof => Problem::Truncated,
                    io::ErrorKind::Unsupported => Problem::Unsupported,
                    io::ErrorKind::OutOfMemory => Problem::MemoryTooHigh,
                    _ => Problem::Corrupt,
                };
                unpacking.problem(None, problem, &error.to_string());
                return Ok(End::Over);
            }
        }
    }
}

enum Failure {
    Stop,
    Source(io::Error),
}

impl From<Stop> for Failure {
    fn from(Stop: Stop) -> Self {
        Self::Stop
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}

/// Reads one member.
fn member(source: &mut dyn Read, unpacking: &mut Unpacking<'_>) -> Result<End, Failure> {
    let mut header = [0; 110];
    if read_up_to(source, &mut header[..MAGIC_LENGTH])? < MAGIC_LENGTH {
        unpacking.problem(None, Problem::Truncated, "ends without a trailer");
        return Ok(End::Over);
    }
    let Some(layout) = Layout::of(&header) else {
        unpacking.problem(None, Problem::Corrupt, "no cpio header where one is due");
        return Ok(End::NoHeader);
    };
    let header = &mut header[..layout.header_length()];
    source.read_exact(&mut header[MAGIC_LENGTH..])?;
    let Some((mode, name_length, size)) = layout.parse(header) else {
        unpacking.problem(None, Problem::Corrupt, "invalid number in a cpio header");
        return Ok(End::Over);
    };
    if name_length > MAX_NAME {
        unpacking.problem(None, Problem::Corrupt, "name too long");
        return Ok(End::Over);
    }
    let padding = layout.padding();
    let fill = |length: u64| length.next_multiple_of(padding) - length;
    let mut name = vec![0; name_length as usize];
    source.read_exact(&mut name)?;
    skip(source, fill(header.len() as u64 + name_length), unpacking)?;
    if name.strip_suffix(b"\0") == Some(TRAILER) {
        return Ok(End::Over);
    }
    let mut data = source.take(size);
    // A link's data is its target. A folder has none, unless somebody hides some.
    let kind = mode & TYPE;
    if kind != LINK && (kind != FOLDER || size > 0) {
        let child = Child::new(ChildKind::Member, text::until_nul(&name)).packed(size);
        if kind == 0o100_000 || size > 0 {
            unpacking.child(&child, &mut Checked::new(&mut data, Some(size), None))?;
        }
    }
    let left = data.limit();
    skip(source, left, unpacking)?;
    skip(source, fill(size), unpacking)?;
    Ok(End::NotYet)
}

/// Reads over `length` bytes; the end of the source is met by the next header.
fn skip(
    source: &mut dyn Read,
    mut length: u64,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Failure> {
    let mut buffer = [0; 16_384];
    while length > 0 {
        let want = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
        let count = read_up_to(source, &mut buffer[..want])?;
        if count == 0 {
            return Ok(());
        }
        length -= count as u64;
        unpacking.keep_going()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_survives, collect};
    use super::*;
    use crate::samples::{self, CpioLayout};

    const LAYOUTS: [CpioLayout; 4] =
        [CpioLayout::New, CpioLayout::Old, CpioLayout::LittleEndian, CpioLayout::BigEndian];
    const FILES: &[(&str, &[u8])] = &[("a", b"odd"), ("b/c", b"even"), ("empty", b"")];

    #[test]
    fn every_layout() {
        for layout in LAYOUTS {
            collect(unpack, &samples::cpio(layout, FILES)).assert_clean(FILES);
        }
    }

    #[test]
    fn concatenated_and_followed_by_something_else() {
        let one = samples::cpio(CpioLayout::New, &FILES[..1]);
        let two = samples::cpio(CpioLayout::Old, &FILES[1..2]);
        let all = [&one[..], &[0; 300], &two, b"\x1f\x8b..."].concat();
        collect(unpack, &all).assert_clean(&[
            ("a", b"odd"),
            ("b/c", b"even"),
            ("", b"\x1f\x8b..."),
        ]);
    }

    #[test]
    fn what_is_no_header_comes_out_whole() {
        let one = samples::cpio(CpioLayout::New, &FILES[..1]);
        let end = crate::bytes::find(&one, b"07070100", 10).unwrap();
        let collected = collect(unpack, &[&one[..end], b"MZ and more"].concat());
        assert_eq!(collected.files(), [("a", &b"odd"[..]), ("", b"MZ and more")]);
        assert_eq!(collected.problems(), [(None, Problem::Corrupt)]);
    }

    #[test]
    fn cut_archives_are_told() {
        for layout in LAYOUTS {
            let archive = samples::cpio(layout, &[("a", &[7; 500])]);
            let collected = collect(unpack, &archive[..300]);
            assert_eq!(collected.files().len(), 1);
            assert!(collected.has(Problem::Truncated));
        }
    }

    #[test]
    fn survives_anything() {
        for layout in LAYOUTS {
            assert_survives(&samples::cpio(layout, FILES), unpack);
        }
    }
}
