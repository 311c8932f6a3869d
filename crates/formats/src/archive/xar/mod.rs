//! xar (the archive of macOS packages): a compressed table of contents in XML, then a heap.

mod contents;

use std::io::Read;

use super::codec;
use super::reading::{Body, Checked};
use super::stream;
use crate::bytes::Cursor;
use crate::unpack::{Child, ChildKind, Limits, Problem, Stop, Unpacking};
use contents::Entry;

const MAGIC: &[u8] = b"xar!";
/// The zlib header (RFC 1950), of which nothing is needed.
const ZLIB_HEADER: usize = 2;

/// Unpacks a xar.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let header = (|| {
        let mut cursor = Cursor::new(input.strip_prefix(MAGIC)?);
        let header = usize::from(cursor.u16_be()?);
        cursor.skip(2)?;
        let packed = usize::try_from(cursor.u64_be()?).ok()?;
        let size = cursor.u64_be()?;
        let heap = header.checked_add(packed)?;
        Some((input.get(header..heap)?, size, input.get(heap..)?))
    })();
    let Some((packed, size, heap)) = header else {
        return unpacking.stop(Problem::Truncated, "ends in the table of contents");
    };
    let limits = *unpacking.limits();
    if size > limits.max_memory_bytes {
        let detail = "table of contents larger than the memory limit";
        return unpacking.stop(Problem::MemoryTooHigh, detail);
    }
    let mut table = Vec::new();
    let reader = codec::deflate(packed.get(ZLIB_HEADER..).unwrap_or_default());
    let result = reader.take(size).read_to_end(&mut table);
    if result.is_err() || table.len() as u64 != size {
        let detail = "the table of contents is broken";
        unpacking.problem(None, Problem::Corrupt, detail);
    }
    // Folders take no child; leave room for them.
    let bound = (limits.max_children as usize).saturating_mul(2);
    let (entries, sound) = contents::parse(&table, bound);
    if !sound {
        unpacking.problem(None, Problem::Corrupt, "the table of contents is not well-formed");
    }
    for entry in entries {
        unpacking.keep_going()?;
        member(heap, &entry, &limits, unpacking)?;
    }
    Ok(())
}

fn member(
    heap: &[u8],
    entry: &Entry,
    limits: &Limits,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let name = &*entry.name;
    let Some((offset, length)) = entry.place else {
        if entry.is_file {
            return unpacking.child_bytes(&Child::new(ChildKind::Member, name).packed(0), &[]);
        }
        return Ok(());
    };
    let rest = usize::try_from(offset).ok().and_then(|offset| heap.get(offset..));
    let Some(rest) = rest else {
        unpacking.problem(Some(name), Problem::Truncated, "data beyond the end of the file");
        return Ok(());
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > rest.len() {
        unpacking.problem(Some(name), Problem::Truncated, "data beyond the end of the file");
    }
    let data = rest.get(..length).unwrap_or(rest);
    let body: Option<Body<'_>> = match &*entry.encoding {
        "" | "application/octet-stream" => Some(Box::new(data)),
        // It says gzip and means zlib.
        "application/x-gzip" | "application/zlib" => {
            Some(codec::deflate(data.get(ZLIB_HEADER..).unwrap_or_default()))
        }
        "application/x-bzip2" => stream::reader("bzip2", data, limits),
        "application/x-xz" => stream::reader("xz", data, limits),
        "application/x-lzma" if data.starts_with(b"\xfd7zXZ") => stream::reader("xz", data, limits),
        "application/x-lzma" => stream::reader("lzma", data, limits),
        _ => None,
    };
    let Some(body) = body else {
        unpacking.problem(Some(name), Problem::Unsupported, "unknown encoding");
        return Ok(());
    };
    let child = Child::new(ChildKind::Member, name).packed(data.len() as u64);
    unpacking.child(&child, &mut Checked::new(body, entry.size, None))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_survives, collect};
    use super::*;
    use crate::samples::{self, xar};

    const FILES: &[(&str, &[u8])] = &[("a & b", b"first"), ("dir/c", b"second")];

    #[test]
    fn files_in_folders() {
        collect(unpack, &xar(true, FILES)).assert_clean(FILES);
        collect(unpack, &xar(false, FILES)).assert_clean(FILES);
        let text = samples::text(50_000);
        collect(unpack, &xar(true, &[("t", &text)])).assert_clean(&[("t", &text)]);
    }

    #[test]
    fn cut_and_lying_archives_are_told() {
        let archive = xar(false, FILES);
        let collected = collect(unpack, &archive[..archive.len() - 2]);
        assert!(collected.has(Problem::Truncated));
        assert_eq!(collected.files(), [("a & b", &b"first"[..]), ("dir/c", b"seco")]);
        assert!(collect(unpack, &archive[..30]).has(Problem::Truncated));
        let mut lie = archive.clone();
        lie[16..24].fill(0x7f);
        assert!(collect(unpack, &lie).has(Problem::MemoryTooHigh));
    }

    #[test]
    fn survives_anything() {
        assert_survives(&xar(true, FILES), unpack);
        assert_survives(&xar(false, FILES), unpack);
    }
}
