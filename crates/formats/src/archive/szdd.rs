//! Files of Microsoft's COMPRESS.EXE: SZDD, its QBasic form, and KWAJ.

use std::io::{self, BufReader, Read};

use super::codec::bits::byte;
use super::codec::pump::{Inflate, Pump};
use super::codec::window::Window;
use super::reading::{Body, Checked, corrupt, truncated, unsupported};
use super::text;
use crate::bytes::Cursor;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

const SZDD: &[u8] = b"SZDD\x88\xf0\x27\x33";
const QBASIC: &[u8] = b"SZ \x88\xf0\x27\x33\xd1";
const KWAJ: &[u8] = b"KWAJ\x88\xf0\x27\xd1";

const WINDOW: usize = 4_096;
const LONGEST: usize = 18;

/// Unpacks one file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut cursor = Cursor::new(input);
    let cursor = &mut cursor;
    let magic = cursor.take(8).unwrap_or_default();
    let opened = match magic {
        SZDD => szdd(cursor),
        QBASIC => qbasic(cursor),
        KWAJ => kwaj(input, cursor),
        _ => return unpacking.stop(Problem::Corrupt, "no SZDD or KWAJ header"),
    };
    let Some((name, size, body)) = opened else {
        return unpacking.stop(Problem::Truncated, "ends in the header");
    };
    let child = Child::new(ChildKind::Stream, name).packed(input.len() as u64);
    unpacking.child(&child, &mut Checked::new(body, size, None))
}

/// Name, stated size, content.
type Opened<'a> = (String, Option<u64>, Body<'a>);

fn szdd<'a>(cursor: &mut Cursor<'a>) -> Option<Opened<'a>> {
    // Mode 'A', and the last letter of the original name, which alone names nothing.
    cursor.skip(2)?;
    let size = u64::from(cursor.u32_le()?);
    Some((String::new(), Some(size), Box::new(Lzss::new(cursor.rest(), WINDOW - 16, Some(size)))))
}

fn qbasic<'a>(cursor: &mut Cursor<'a>) -> Option<Opened<'a>> {
    let size = u64::from(cursor.u32_le()?);
    Some((String::new(), Some(size), Box::new(Lzss::new(cursor.rest(), WINDOW - 18, Some(size)))))
}

/// The optional fields stand in the order of their flags.
fn kwaj<'a>(input: &'a [u8], cursor: &mut Cursor<'a>) -> Option<Opened<'a>> {
    let method = cursor.u16_le()?;
    let offset = usize::from(cursor.u16_le()?);
    let flags = cursor.u16_le()?;
    let mut size = None;
    if flags & 1 != 0 {
        size = Some(u64::from(cursor.u32_le()?));
    }
    if flags & 2 != 0 {
        cursor.skip(2)?;
    }
    if flags & 4 != 0 {
        let length = usize::from(cursor.u16_le()?);
        cursor.skip(length)?;
    }
    let mut name = String::new();
    if flags & 8 != 0 {
        name = text::dos(cursor.c_string(9)?);
    }
    if flags & 16 != 0 {
        name = format!("{name}.{}", text::dos(cursor.c_string(4)?));
    }
    // From the offset, wherever the fields end.
    let data = input.get(offset..)?;
    let body: Body<'a> = match method {
        0 => Box::new(data),
        1 => Box::new(Inverted(data)),
        2 => Box::new(Lzss::new(data, WINDOW - 18, size)),
        4 => Box::new(MsZip::new(data)),
        other => super::reading::Failed::body(unsupported(format!("KWAJ method {other}"))),
    };
    Some((name, size, body))
}

/// Every byte inverted.
struct Inverted<'a>(&'a [u8]);

impl Read for Inverted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        buffer.iter_mut().take(count).for_each(|byte| *byte = !*byte);
        Ok(count)
    }
}

/// LZSS with a window of 4 KiB that starts full of blanks.
struct Lzss<'a> {
    source: BufReader<&'a [u8]>,
    window: Window,
    /// Where in the original's window the first byte went: matches state places there.
    start: usize,
    flags: u16,
    size: Option<u64>,
}

impl<'a> Lzss<'a> {
    fn new(data: &'a [u8], start: usize, size: Option<u64>) -> Self {
        let window = Window::new(WINDOW, b' ');
        Self { source: BufReader::new(data), window, start, flags: 1, size }
    }
}

impl Read for Lzss<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { source, window, start, flags, size } = self;
        window.serve(buffer, LONGEST, |window| {
            let left = size.map_or(u64::MAX, |size| size.saturating_sub(window.produced()));
            if left == 0 {
                return Ok(false);
            }
            if *flags == 1 {
                match byte(source) {
                    // Eight flags and a mark behind them.
                    Ok(next) => *flags = u16::from(next) | 0x100,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Ok(false);
                    }
                    Err(error) => return Err(error),
                }
            }
            let literal = *flags & 1 == 1;
            *flags >>= 1;
            let first = match byte(source) {
                Ok(first) => first,
                // The last flags need not all be used.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            };
            if literal {
                window.literal(first);
                return Ok(true);
            }
            let second = usize::from(byte(source)?);
            let place = usize::from(first) | (second & 0xf0) << 4;
            let length = (second & 15) + 3;
            let here = window.position() + *start;
            let distance = here.wrapping_sub(place) % WINDOW;
            let length = length.min(usize::try_from(left).unwrap_or(usize::MAX));
            window.repeat(if distance == 0 { WINDOW } else { distance }, length);
            Ok(true)
        })
    }
}

/// KWAJ's method 4: MSZIP blocks with their lengths in front.
struct MsZip<'a> {
    cursor: Cursor<'a>,
    inflate: Inflate,
    block: Vec<u8>,
    position: usize,
    ended: bool,
}

impl<'a> MsZip<'a> {
    fn new(data: &'a [u8]) -> Self {
        let cursor = Cursor::new(data);
        Self { cursor, inflate: Inflate::new(), block: Vec::new(), position: 0, ended: false }
    }
}

impl Read for MsZip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position >= self.block.len() && !self.ended {
            self.block.clear();
            self.position = 0;
            let length = self.cursor.u16_le().unwrap_or(0);
            if length == 0 {
                self.ended = true;
                break;
            }
            let data = self.cursor.take(usize::from(length));
            let data = data.ok_or_else(|| truncated("ends inside a block"))?;
            let data = data.strip_prefix(b"CK").ok_or_else(|| corrupt("no MSZIP block"))?;
            self.inflate.restart();
            Pump::new(data, &mut self.inflate).take(32_768).read_to_end(&mut self.block)?;
        }
        let count = self.block.get(self.position..).unwrap_or_default().read(buffer)?;
        self.position += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_survives, collect};
    use super::*;
    use crate::samples::{deflated, szdd, text};

    fn kwaj(method: u16, data: &[u8]) -> Vec<u8> {
        let mut out = [KWAJ, &method.to_le_bytes(), &[14 + 4 + 5, 0, 9, 0], &[6, 0, 0, 0]].concat();
        out.extend_from_slice(b"name\0");
        out.extend_from_slice(data);
        out
    }

    #[test]
    fn szdd_with_matches() {
        let plain = [&b"    abc"[..], &text(9_000), &[b'x'; 100]].concat();
        collect(unpack, &szdd(&plain)).assert_clean(&[("", &plain)]);
    }

    #[test]
    fn kwaj_methods() {
        let inverted: Vec<u8> = b"banana".iter().map(|&byte| !byte).collect();
        let zipped = deflated(b"banana");
        let length = zipped.len() as u16 + 2;
        let zipped = [&length.to_le_bytes()[..], b"CK", &zipped, &[0, 0]].concat();
        // Literals only: eight flags, then bytes.
        let lzss = b"\xffbanana";
        for (method, data) in [(0, &b"banana"[..]), (1, &inverted), (2, lzss), (4, &zipped)] {
            collect(unpack, &kwaj(method, data)).assert_clean(&[("name", b"banana")]);
        }
        assert!(collect(unpack, &kwaj(3, b"")).has(Problem::Unsupported));
    }

    #[test]
    fn cut_files_are_told() {
        let packed = szdd(&text(500));
        assert!(collect(unpack, &packed[..100]).has(Problem::Truncated));
        assert!(collect(unpack, &packed[..10]).has(Problem::Truncated));
    }

    #[test]
    fn survives_anything() {
        assert_survives(&szdd(&text(200)), unpack);
        assert_survives(&kwaj(2, b"\xffbanana"), unpack);
        let zipped = [&b"\x20\0CK"[..], &deflated(&text(40))].concat();
        assert_survives(&kwaj(4, &zipped), unpack);
    }
}
