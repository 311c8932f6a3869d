//! Installers that keep their files behind the program in forms of their own.

use flate2::read::ZlibDecoder;

use crate::bytes::{Cursor, find, u16_le, u32_le};
use crate::filetype;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

/// Files of one installer.
const MAX_FILES: u32 = 10_000;
/// Bytes of an overlay in which an installer's mark stands.
const MARK_WITHIN: usize = 64 << 10;

const AUTOIT: &[u8; 16] = b"\xa3\x48\x4b\xbe\x98\x6c\x4a\xa9\x99\x4c\x53\x0a\x86\xd6\x48\x7d";
const INSTALLSHIELD: &[u8; 14] = b"InstallShield\0";

/// True when the overlay is an installer's: its files are handed out, or its name is stated.
pub(super) fn unpack(overlay: &[u8], unpacking: &mut Unpacking<'_>) -> Result<bool, Stop> {
    let head = &overlay[..overlay.len().min(MARK_WITHIN)];
    if find(head, b"\xef\xbe\xad\xdeNullsoftInst", 0).is_some() {
        unpacking.problem(None, Problem::Unsupported, "an NSIS installer");
        return Ok(true);
    }
    if find(head, AUTOIT, 0).is_some() {
        unpacking.problem(None, Problem::Unsupported, "a compiled AutoIt script");
        return Ok(true);
    }
    if find(head, b"Inno Setup Setup Data", 0).is_some() || head.starts_with(b"zlb\x1a") {
        unpacking.problem(None, Problem::Unsupported, "an Inno Setup installer");
        return Ok(true);
    }
    if find(head, b"ISSetupStream", 0).is_some() {
        unpacking.problem(None, Problem::Unsupported, "an InstallShield installer (stream form)");
        return Ok(true);
    }
    if let Some(at) = find(&head[..head.len().min(4096)], INSTALLSHIELD, 0)
        && scrambled(&overlay[at..], unpacking)?
    {
        return Ok(true);
    }
    listed(overlay, unpacking)
}

/// States that the files in an InstallShield cabinet are not read.
pub(super) fn cabinet(_: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    unpacking.problem(None, Problem::Unsupported, "an InstallShield cabinet");
    Ok(())
}

/// InstallShield: for each file its name, its path on the disk, a version and the size in digits,
/// each ended by NUL, then the bytes.
fn listed(overlay: &[u8], unpacking: &mut Unpacking<'_>) -> Result<bool, Stop> {
    let mut cursor = Cursor::new(overlay);
    let mut files = 0;
    while files < MAX_FILES {
        let Some((name, bytes, whole)) = listed_file(&mut cursor) else { break };
        files += 1;
        let child = Child::new(ChildKind::Overlay, name).packed(bytes.len() as u64);
        unpacking.child_bytes(&child, bytes)?;
        if !whole {
            unpacking.problem(Some(&child.name), Problem::Truncated, "shorter than it says");
        }
    }
    Ok(files > 0)
}

fn listed_file<'a>(cursor: &mut Cursor<'a>) -> Option<(String, &'a [u8], bool)> {
    let name = cursor.c_string(260)?;
    let path = cursor.c_string(520)?;
    let version = cursor.c_string(64)?;
    let size = cursor.c_string(12)?;
    let dotted = version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let printable = !name.is_empty() && name.iter().all(|byte| *byte >= b' ');
    if !(printable && path.ends_with(name) && dotted && !size.is_empty()) {
        return None;
    }
    let size: usize = std::str::from_utf8(size).ok()?.parse().ok()?;
    let rest = cursor.rest();
    let bytes = cursor.take(size.min(rest.len()))?;
    Some((String::from_utf8_lossy(path).replace('\\', "/"), bytes, bytes.len() == size))
}

/// InstallShield for Windows Installer: a table of files, each scrambled with its own name.
fn scrambled(table: &[u8], unpacking: &mut Unpacking<'_>) -> Result<bool, Stop> {
    const HEADER: usize = 46;
    const ENTRY: usize = 312;
    let Some(count) = u16_le(table, 14) else { return Ok(false) };
    let mut at = HEADER;
    let mut files = 0;
    for _ in 0..u32::from(count).min(MAX_FILES) {
        let Some(entry) = table.get(at..at + ENTRY) else { break };
        let Some(name) = Cursor::new(&entry[..260]).c_string(259).filter(|name| !name.is_empty())
        else {
            break;
        };
        let flags = u32_le(entry, 260).unwrap_or(0);
        let size = u32_le(entry, 268).unwrap_or(0) as usize;
        let rest = table.get(at + ENTRY..).unwrap_or_default();
        let raw = &rest[..size.min(rest.len())];
        files += 1;
        let bytes = unscramble(raw, name, flags);
        let child =
            Child::new(ChildKind::Overlay, String::from_utf8_lossy(name)).packed(raw.len() as u64);
        // Newer ones also deflate each file.
        if filetype::detect(&bytes).ty.id == "zlib" {
            unpacking.child(&child, &mut ZlibDecoder::new(bytes.as_slice()))?;
        } else {
            unpacking.child_bytes(&child, &bytes)?;
        }
        if raw.len() < size {
            unpacking.problem(Some(&child.name), Problem::Truncated, "shorter than it says");
            break;
        }
        at += ENTRY + size;
    }
    Ok(files > 0)
}

/// The nibbles of each byte are swapped, then it is mixed with the name; flag 4 begins the name
/// again every 1,024 bytes.
fn unscramble(raw: &[u8], name: &[u8], flags: u32) -> Vec<u8> {
    const MIX: [u8; 4] = [0x13, 0x35, 0x86, 0x07];
    if flags & 6 == 0 {
        return raw.to_vec();
    }
    let key: Vec<u8> = name.iter().zip(MIX.iter().cycle()).map(|(byte, mix)| byte ^ mix).collect();
    raw.iter()
        .enumerate()
        .map(|(at, byte)| {
            let place = if flags & 4 != 0 { at % 1024 } else { at };
            !(byte.rotate_left(4) ^ key[place % key.len()])
        })
        .collect()
}
