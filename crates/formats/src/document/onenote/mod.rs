//! OneNote sections: files dropped into a page are `FileDataStoreObject`s (\[MS-ONESTORE\] 2.6.13).
//! They are found by their header wherever they stand, so that a broken section hides none.

use crate::bytes::{Cursor, find};
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

/// {BDE316E7-2665-4511-A4C4-8D4D0B7A9EAC}
const HEADER: &[u8; 16] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";

/// Hands out every file.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut at = 0;
    let mut number = 0;
    while let Some(found) = find(input, HEADER, at) {
        at = found + HEADER.len();
        let Some(mut cursor) = Cursor::at(input, at) else { break };
        let (Some(length), Some(())) = (cursor.u64_le(), cursor.skip(12)) else {
            unpacking.problem(None, Problem::Truncated, "an embedded file is cut short");
            break;
        };
        let rest = cursor.rest();
        let stated = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        // A length that lies ends at the next file, so that no byte is handed out twice.
        let bytes = stated.unwrap_or_else(|| &rest[..find(rest, HEADER, 0).unwrap_or(rest.len())]);
        number += 1;
        let child = Child::new(ChildKind::Embedded, format!("file-{number}"));
        unpacking.child_bytes(&child, bytes)?;
        if stated.is_none() {
            unpacking.problem(Some(&child.name), Problem::Truncated, "shorter than it says");
        }
        at = cursor.position() + bytes.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::unpack;
    use crate::document::samples;
    use crate::document::test_support::{collect, survives};
    use crate::filetype;

    #[test]
    fn files_are_children() {
        let section = samples::onenote(&[b"MZ one", b"@echo off"]);
        assert_eq!(filetype::detect(&section).ty.id, "onenote");
        let found = collect(unpack, &section);
        assert_eq!(found.names(), ["file-1", "file-2"]);
        assert_eq!(found.body("file-2"), b"@echo off");
    }

    #[test]
    fn a_length_that_lies_hides_no_other_file() {
        let mut section = samples::onenote(&[b"MZ one", b"MZ two"]);
        section[1024 + 16 + 3] = 0x7f;
        let found = collect(unpack, &section);
        assert!(found.body("file-1").starts_with(b"MZ one"));
        assert_eq!(found.body("file-2"), b"MZ two");
    }

    #[test]
    fn hostile_bytes_survive() {
        survives(unpack, &samples::onenote(&[b"MZ one"]));
    }
}
