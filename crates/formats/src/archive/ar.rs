//! Unix `ar` in its GNU and BSD forms; Debian packages (deb(5)) are such archives.

use super::reading::Checked;
use super::text;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

const MAGIC: &[u8] = b"!<arch>\n";
/// Members are elsewhere; only tables are here.
const THIN: &[u8] = b"!<thin>\n";
const HEADER: usize = 60;

/// Unpacks an ar archive.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    if input.starts_with(THIN) {
        let detail = "a thin archive only names its members";
        unpacking.problem(None, Problem::Unsupported, detail);
        return Ok(());
    }
    let mut position = if input.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    let mut long_names: &[u8] = &[];
    while let Some(rest) = input.get(position..).filter(|rest| !rest.is_empty()) {
        unpacking.keep_going()?;
        let Some((header, rest)) = rest.split_at_checked(HEADER) else {
            if rest.iter().any(|byte| !matches!(byte, 0 | b'\n')) {
                unpacking.problem(None, Problem::Truncated, "ends inside a header");
            }
            break;
        };
        let stated = decimal(&header[48..58]).filter(|_| header.ends_with(b"`\n"));
        let Some(size) = stated else {
            unpacking.problem(None, Problem::Corrupt, "no member header where one is due");
            // What this reader cannot name may still be scanned.
            let start = position.min(input.len());
            let rest = input.get(start..).unwrap_or_default();
            let child = Child::new(ChildKind::Overlay, "").packed(rest.len() as u64);
            return unpacking.child_bytes(&child, rest);
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let data = rest.get(..size.min(rest.len())).unwrap_or_default();
        // Members start at even places.
        position = position
            .saturating_add(HEADER)
            .saturating_add(size)
            .checked_next_multiple_of(2)
            .unwrap_or(usize::MAX);
        let field = header[..16].trim_ascii_end();
        if field == b"//" {
            long_names = data;
        } else if !matches!(field, b"/" | b"/SYM64/" | b"__.SYMDEF" | b"__.SYMDEF SORTED") {
            let (name, data, size) = named(field, data, size, long_names);
            let child = Child::new(ChildKind::Member, name).packed(data.len() as u64);
            unpacking.child(&child, &mut Checked::new(data, Some(size as u64), None))?;
        }
    }
    Ok(())
}

/// The member's name, wherever it is, and its data without the name.
fn named<'a>(
    field: &[u8],
    data: &'a [u8],
    size: usize,
    long_names: &[u8],
) -> (String, &'a [u8], usize) {
    // BSD: the name stands in front of the data.
    if let Some(length) = field.strip_prefix(b"#1/").and_then(decimal)
        && let Ok(length) = usize::try_from(length)
        && let Some((name, data)) = data.split_at_checked(length)
    {
        return (text::until_nul(name), data, size - length);
    }
    // GNU: a place in the table of names, each ended by a slash and a newline.
    if let Some(offset) = field.strip_prefix(b"/").and_then(decimal)
        && let Ok(offset) = usize::try_from(offset)
        && let Some(name) = long_names.get(offset..)
    {
        let end = name.iter().position(|&byte| byte == b'\n' || byte == 0).unwrap_or(name.len());
        let name = name[..end].strip_suffix(b"/").unwrap_or(&name[..end]);
        return (String::from_utf8_lossy(name).into_owned(), data, size);
    }
    let field = field.strip_suffix(b"/").unwrap_or(field);
    (String::from_utf8_lossy(field).into_owned(), data, size)
}

fn decimal(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{assert_survives, collect};
    use super::*;
    use crate::samples::ar;

    #[test]
    fn plain_gnu_and_bsd_names() {
        let archive = ar(&[
            ("/", b"symbols"),
            ("//", b"a_name_that_is_longer_than_it_may_be/\n"),
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz/", b"odd"),
            ("/0", b"long"),
            ("#1/4", b"bsd\0data"),
        ]);
        collect(unpack, &archive).assert_clean(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", b"odd"),
            ("a_name_that_is_longer_than_it_may_be", b"long"),
            ("bsd", b"data"),
        ]);
    }

    #[test]
    fn cut_lying_and_broken_archives_are_told() {
        let archive = ar(&[("a", b"12345678")]);
        let collected = collect(unpack, &archive[..archive.len() - 3]);
        assert_eq!(collected.problems(), [(Some("a"), Problem::Truncated)]);
        let mut archive = ar(&[("a", b"12"), ("b", b"34")]);
        let at = archive.len() - 4;
        archive[at] = b'!';
        let collected = collect(unpack, &archive);
        assert_eq!(collected.problems(), [(None, Problem::Corrupt)]);
        assert_eq!(collected.files().len(), 2);
        assert!(collect(unpack, THIN).has(Problem::Unsupported));
    }

    #[test]
    fn survives_anything() {
        assert_survives(&ar(&[("//", b"long/\n"), ("/0", b"1"), ("#1/2", b"ab12")]), unpack);
    }
}
