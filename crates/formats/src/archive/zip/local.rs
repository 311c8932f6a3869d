//! Local headers: those that the central directory names, and those that it does not.

use memchr::memmem;

use super::entry::{Entry, Located};
use crate::bytes::{self, Cursor};
use crate::unpack::{Problem, Stop, Unpacking};

/// Local file header (APPNOTE 4.3.7).
const LOCAL: &[u8] = b"PK\x03\x04";
/// Data descriptor (4.3.9).
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

pub(super) struct Local<'a> {
    pub(super) entry: Entry<'a>,
    /// Offset of the data.
    pub(super) data: usize,
}

fn at(input: &[u8], offset: usize) -> Option<Local<'_>> {
    let mut cursor = Cursor::at(input, offset)?;
    if cursor.take(4)? != LOCAL {
        return None;
    }
    let entry = Entry::local(&mut cursor)?;
    Some(Local { entry, data: cursor.position() })
}

/// The local header of a central entry and its offset. `base` is what the offsets do not count; a
/// few writers count it all the same.
pub(super) fn of<'a>(
    input: &'a [u8],
    entry: &Entry<'a>,
    base: usize,
) -> Option<(usize, Local<'a>)> {
    let offset = usize::try_from(entry.offset).ok()?;
    [offset.checked_add(base)?, offset]
        .into_iter()
        .find_map(|offset| Some((offset, at(input, offset)?)))
}

/// Adds every member whose local header stands in a gap between the known members: hidden ones,
/// and all of them when the archive was cut before its directory.
pub(super) fn hidden<'a>(
    input: &'a [u8],
    end: Option<usize>,
    unpacking: &mut Unpacking<'_>,
    members: &mut Vec<Located<'a>>,
) -> Result<(), Stop> {
    let mut known: Vec<(usize, usize)> = members
        .iter()
        .map(|member| (member.header, member.data.saturating_add(member.length)))
        .collect();
    known.sort_unstable();
    let named = !members.is_empty();
    let mut known = known.into_iter().peekable();
    let mut position = 0;
    let bound = (unpacking.limits().max_children as usize).saturating_mul(2);
    let finder = memmem::Finder::new(LOCAL);
    let mut next = finder.find(input);
    while let Some(found) = next {
        // Step over the known members that end before what was found.
        while let Some(&(start, stop)) = known.peek()
            && start <= found
        {
            position = position.max(stop);
            known.next();
        }
        let resume = if found < position {
            position
        } else if members.len() >= bound {
            unpacking.problem(None, Problem::TooManyChildren, "too many members");
            return Ok(());
        } else {
            unpacking.keep_going()?;
            // Data of a hidden member ends at the next known one at the latest.
            let stop = known.peek().map_or(input.len(), |&(start, _)| start);
            match unlisted(input, found, stop) {
                Some(member) => {
                    if named && end.is_some() {
                        let name = member.entry.display_name();
                        let detail = "a member that the central directory does not name";
                        unpacking.problem(Some(&name), Problem::Corrupt, detail);
                    }
                    let end = member.data.saturating_add(member.length).min(input.len());
                    members.push(member);
                    end
                }
                None => found.saturating_add(1),
            }
        };
        next = input
            .get(resume..)
            .and_then(|rest| finder.find(rest))
            .and_then(|offset| offset.checked_add(resume));
    }
    Ok(())
}

/// The member at `header` with the length that it states, or that its descriptor states, or up to
/// the next header. `None` when this cannot be a header (the four bytes stand anywhere by chance).
fn unlisted(input: &[u8], header: usize, stop: usize) -> Option<Located<'_>> {
    let Local { mut entry, data } = at(input, header)?;
    if entry.method > 99 || entry.flags & 0xc000 != 0 || entry.name.contains(&0) {
        return None;
    }
    let mut length = usize::try_from(entry.packed).unwrap_or(usize::MAX);
    if !entry.sized {
        length = unsized_length(input, &mut entry, data, stop.max(data));
    }
    Some(Located { entry, header, data, length })
}

/// Where data of unknown length ends: at a descriptor that states this very length, else at the
/// next header of any kind. Looks no further than that header, so all searches together are linear.
fn unsized_length(input: &[u8], entry: &mut Entry<'_>, data: usize, stop: usize) -> usize {
    let Some(rest) = input.get(data..stop) else { return 0 };
    for at in memmem::find_iter(rest, b"PK") {
        let Some(tail) = rest.get(at..) else { break };
        if tail.starts_with(DESCRIPTOR) {
            let narrow = bytes::u32_le(tail, 8) == u32::try_from(at).ok();
            if narrow || bytes::u64_le(tail, 8) == Some(at as u64) {
                let size = if narrow {
                    bytes::u32_le(tail, 12).map(u64::from)
                } else {
                    bytes::u64_le(tail, 16)
                };
                if let (Some(crc32), Some(size)) = (bytes::u32_le(tail, 4), size) {
                    entry.crc32 = crc32;
                    entry.size = size;
                    entry.packed = at as u64;
                    entry.sized = true;
                }
                return at;
            }
        } else if tail.starts_with(LOCAL) || tail.starts_with(b"PK\x01\x02") {
            return at;
        }
    }
    rest.len()
}
