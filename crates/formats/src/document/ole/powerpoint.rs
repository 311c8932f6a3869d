//! Objects in a presentation: records of type `ExOleObjStg` (\[MS-PPT\] 2.10.34).

use flate2::read::ZlibDecoder;

use crate::bytes::Cursor;
use crate::unpack::{Child, ChildKind, Stop, Unpacking};

const EX_OLE_OBJ_STG: u16 = 0x1011;

/// Hands out the storages of the objects in the document stream.
pub(super) fn objects(stream: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut cursor = Cursor::new(stream);
    let mut number = 0;
    while let (Some(head), Some(kind), Some(length)) =
        (cursor.u16_le(), cursor.u16_le(), cursor.u32_le())
    {
        // Version 15 is a container: its records come next.
        if head & 15 == 15 {
            continue;
        }
        let rest = cursor.rest();
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        let Some(body) = cursor.take(length) else { return Ok(()) };
        if kind != EX_OLE_OBJ_STG {
            continue;
        }
        number += 1;
        let child = Child::new(ChildKind::Embedded, format!("object-{number}.ole"));
        let child = child.packed(length as u64);
        // Instance 1: compressed, behind the unpacked size.
        if head >> 4 == 1 {
            let packed = body.get(4..).unwrap_or_default();
            let mut decoder = ZlibDecoder::new(packed);
            unpacking.child(&child, &mut decoder)?;
        } else {
            unpacking.child_bytes(&child, body)?;
        }
    }
    Ok(())
}
