//! Actions of shapes in binary presentations (\[MS-PPT\] 2.6 and 2.8).

use palisade_formats::bytes::Cursor;

use super::{kinds, relationships, wide};
use crate::Examination;

const CONTAINER: u16 = 15;
/// `InteractiveInfoAtom`.
const INTERACTIVE_INFO: u16 = 0x0ff3;
/// `CString`: text of a hyperlink, or of an action.
const C_STRING: u16 = 0x0fba;
/// The action that runs a program.
const RUN_PROGRAM: u8 = 2;
/// Records that are walked.
const MAX_RECORDS: usize = 1_000_000;

/// Looks at a `PowerPoint Document` stream.
pub(super) fn examine(examination: &mut Examination<'_>, stream: &[u8]) {
    let mut cursor = Cursor::new(stream);
    let mut runs = false;
    for _ in 0..MAX_RECORDS {
        let (Some(head), Some(kind), Some(length)) =
            (cursor.u16_le(), cursor.u16_le(), cursor.u32_le())
        else {
            return;
        };
        if head & 15 == CONTAINER {
            continue;
        }
        let rest = cursor.rest();
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        let Some(body) = cursor.take(length) else { return };
        match kind {
            // Sound, hyperlink id, then the action in a byte (2.8.7).
            INTERACTIVE_INFO => runs = body.get(8) == Some(&RUN_PROGRAM),
            C_STRING => {
                let text = wide(body);
                let text = text.trim_end_matches('\0');
                if runs {
                    runs = false;
                    examination
                        .find(&kinds::RUN_PROGRAM_ACTION, format!("A click on a shape runs {text}"))
                        .quoting("program", text.as_bytes());
                } else {
                    relationships::link(examination, "a shape", "hyperlink", text);
                }
            }
            _ => {}
        }
    }
}
