//! tar: v7, ustar (POSIX.1-1988), pax (POSIX.1-2001), GNU.

mod header;
mod pax;
mod sparse;

use std::borrow::Cow;

use super::reading::{Body, Checked};
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};
use header::{BLOCK, Header};
use pax::Attributes;

/// What special records say of the member that follows.
#[derive(Default)]
struct Pending<'a> {
    attributes: Attributes<'a>,
    long_name: Option<&'a [u8]>,
}

/// Unpacks a tar. Reads on behind the end mark (two zero blocks): archives are concatenated, and
/// what one program ignores another extracts.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut position = 0_usize;
    let mut global = Attributes::default();
    let mut pending = Pending::default();
    let mut blocks = 0_u64;
    let mut in_sync = true;
    while let Some(rest) = input.get(position..).filter(|rest| !rest.is_empty()) {
        blocks += 1;
        if blocks.is_multiple_of(4_096) {
            unpacking.keep_going()?;
        }
        let Some(block) = rest.first_chunk::<BLOCK>() else {
            if rest.iter().any(|&byte| byte != 0) {
                unpacking.problem(None, Problem::Truncated, "ends inside a header");
            }
            break;
        };
        position = position.saturating_add(BLOCK);
        if block.iter().all(|&byte| byte == 0) {
            continue;
        }
        let header = Header::new(block);
        if !header.checksum_holds() {
            // A damaged header that is still one is used; anything else is stepped over until the
            // next header.
            if in_sync {
                let detail = "header checksum does not match";
                unpacking.problem(None, Problem::Corrupt, detail);
            }
            in_sync = false;
            if !header.has_magic() {
                continue;
            }
        } else {
            in_sync = true;
        }
        let Some(mut size) = header.size() else {
            unpacking.problem(Some(&header.name()), Problem::Corrupt, "invalid size");
            continue;
        };
        let kind = header.kind();
        if matches!(kind, b'1'..=b'6') {
            // Links, devices, folders and pipes have no data, whatever their size says.
            pending = Pending::default();
            continue;
        }
        let special = matches!(kind, b'x' | b'X' | b'g' | b'L' | b'K' | b'V' | b'D' | b'N');
        if !special {
            size = pending.attributes.size.or(global.size).unwrap_or(size);
        }
        let mut map = None;
        if kind == b'S' {
            let mut cursor = position;
            map = sparse::gnu(input, block, &mut cursor);
            position = cursor;
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let start = position.min(input.len());
        let end = start.saturating_add(length).min(input.len());
        let data = input.get(start..end).unwrap_or_default();
        position = start.saturating_add(length).checked_next_multiple_of(BLOCK).unwrap_or(end);
        match kind {
            b'x' | b'X' => pending.attributes.read(data),
            b'g' => global.read(data),
            b'L' => pending.long_name = Some(data),
            b'K' | b'V' | b'D' | b'N' => {}
            _ => {
                let pending = std::mem::take(&mut pending);
                let name = member_name(&header, &pending, &global);
                member(&name, kind, data, size, map, &pending.attributes, unpacking)?;
            }
        }
    }
    Ok(())
}

fn member_name<'a>(
    header: &Header<'a>,
    pending: &Pending<'a>,
    global: &Attributes<'a>,
) -> Cow<'a, str> {
    let attributes = &pending.attributes;
    let stored = attributes.sparse_name.or(attributes.path).or(pending.long_name).or(global.path);
    match stored {
        Some(name) => {
            let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
            String::from_utf8_lossy(&name[..end])
        }
        None => Cow::Owned(header.name()),
    }
}

fn member(
    name: &str,
    kind: u8,
    data: &[u8],
    size: u64,
    map: Option<sparse::Map>,
    attributes: &Attributes<'_>,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    // Before ustar a folder was a file whose name ends in a slash.
    if name.ends_with('/') && size == 0 {
        return unpacking.keep_going();
    }
    if kind == b'M' {
        let detail = "continues a file of another volume";
        unpacking.problem(Some(name), Problem::Unsupported, detail);
    }
    let child = Child::new(ChildKind::Member, name).packed(data.len() as u64);
    let (map, data) = match map {
        Some(map) => (Some(map), data),
        None => sparse::pax(attributes, data),
    };
    let Some(map) = map else {
        return unpacking.child(&child, &mut Checked::new(data, Some(size), None));
    };
    // Holes cost nothing in the archive; a file that is nearly all holes would only be a bomb.
    let floor = unpacking.limits().ratio_floor_bytes;
    let mut body: Body<'_> = if map.size <= floor.max((data.len() as u64).saturating_mul(16)) {
        Box::new(sparse::Filled::new(map, data))
    } else {
        let detail = "sparse file: its holes are left out";
        unpacking.problem(Some(name), Problem::Unsupported, detail);
        Box::new(data)
    };
    unpacking.child(&child, &mut body)
}

#[cfg(test)]
mod tests;
