//! Outlook messages (\[MS-OXMSG\]): a compound file with a folder for each attachment.

mod message;

pub use message::read;

use crate::unpack::{ChildKind, Problem, Stop, Unpacking};

use super::ole::compound::{Compound, EntryKind};
use super::ole::{self, memory};
use super::{mapi, tnef};

/// Messages in messages that are followed.
const MAX_DEPTH: usize = 16;

/// Hands out bodies and attachments, also those of embedded messages.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let Some(compound) = ole::open(input, unpacking) else { return Ok(()) };
    let mut open = vec![(compound.root_number(), String::new(), 0usize)];
    while let Some((folder, prefix, depth)) = open.pop() {
        unpacking.keep_going()?;
        if depth > MAX_DEPTH {
            unpacking.problem(None, Problem::TooManyChildren, "messages nested too deep");
            continue;
        }
        bodies(&compound, folder, &prefix, unpacking)?;
        let mut number = 0;
        for (attachment, entry) in compound.children(folder) {
            let name = entry.name.to_ascii_lowercase();
            if entry.kind != EntryKind::Storage || !name.starts_with("__attach_version1.0_") {
                continue;
            }
            number += 1;
            let name = attachment_name(&compound, attachment)
                .unwrap_or_else(|| format!("attachment-{number}"));
            let full = format!("{prefix}{name}");
            if let Some(inner) = attachment_body(&compound, attachment, &full, unpacking)? {
                open.push((inner, format!("{full}/"), depth + 1));
            }
        }
    }
    Ok(())
}

/// The value of a stream named after its property, with its type.
fn value(
    compound: &Compound<'_>,
    folder: u32,
    id: u16,
    kinds: &[u16],
    limit: u64,
) -> Option<(u16, Vec<u8>)> {
    kinds.iter().find_map(|kind| {
        let entry = compound.stream_in(folder, &format!("__substg1.0_{id:04X}{kind:04X}"))?;
        Some((*kind, compound.read(entry, limit).bytes))
    })
}

fn bodies(
    compound: &Compound<'_>,
    folder: u32,
    prefix: &str,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let limit = memory(unpacking);
    for id in [mapi::BODY, mapi::BODY_HTML, mapi::RTF_COMPRESSED] {
        if let Some((kind, bytes)) = value(compound, folder, id, &[0x1f, 0x1e, 0x102], limit) {
            tnef::body(id, kind, &bytes, prefix, unpacking)?;
        }
    }
    Ok(())
}

fn attachment_name(compound: &Compound<'_>, folder: u32) -> Option<String> {
    [mapi::ATTACH_LONG_FILENAME, mapi::ATTACH_FILENAME, mapi::DISPLAY_NAME]
        .into_iter()
        .filter_map(|id| value(compound, folder, id, &[0x1f, 0x1e], 8192))
        .map(|(kind, bytes)| mapi::text(kind, &bytes))
        .find(|name| !name.is_empty())
}

/// Hands out the attachment's bytes; gives the folder of an embedded message instead.
fn attachment_body(
    compound: &Compound<'_>,
    folder: u32,
    name: &str,
    unpacking: &mut Unpacking<'_>,
) -> Result<Option<u32>, Stop> {
    let limit = memory(unpacking);
    let data = compound.stream_in(folder, &format!("__substg1.0_{:04X}0102", mapi::ATTACH_DATA));
    if let Some(entry) = data {
        ole::hand_out(compound, entry, name.to_owned(), ChildKind::Attachment, limit, unpacking)?;
        return Ok(None);
    }
    let object = format!("__substg1.0_{:04X}000D", mapi::ATTACH_DATA);
    let Some((inner, _)) = compound.children(folder).find(|(_, entry)| {
        entry.kind == EntryKind::Storage && entry.name.eq_ignore_ascii_case(&object)
    }) else {
        // By reference (a link or a cloud file): there are no bytes.
        return Ok(None);
    };
    if compound.stream_in(inner, "__properties_version1.0").is_some() {
        return Ok(Some(inner));
    }
    // An OLE object: what its streams hold.
    for (number, entry) in compound.children(inner) {
        if entry.kind == EntryKind::Stream {
            ole::stream(compound, number, entry, limit, unpacking)?;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::unpack;
    use crate::document::samples;
    use crate::document::test_support::{collect, survives};

    #[test]
    fn bodies_and_attachments_are_children() {
        let file = samples::msg("tool.exe", b"MZ payload");
        let found = collect(unpack, &file);
        assert_eq!(found.names(), ["body.txt", "tool.exe"]);
        assert_eq!(found.body("body.txt"), b"hello");
        assert_eq!(found.body("tool.exe"), b"MZ payload");
        assert_eq!(found.problems, []);
    }

    #[test]
    fn hostile_bytes_survive() {
        survives(unpack, &samples::msg("tool.exe", b"MZ payload"));
    }
}
