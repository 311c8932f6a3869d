//! Transport-neutral mail, `winmail.dat` (\[MS-OXTNEF\]).

use crate::bytes::Cursor;
use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

use super::decode::lzfu;
use super::mapi;

const ATTACH_TITLE: u32 = 0x0001_8010;
const ATTACH_DATA: u32 = 0x0006_800f;
const ATTACH_PROPERTIES: u32 = 0x0006_9005;
/// Begins an attachment.
const ATTACH_RENDERING: u32 = 0x0006_9002;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const BODY: u32 = 0x0002_800c;

/// Interface id before an embedded message, and before an embedded compound file.
const INTERFACE_BYTES: usize = 16;

#[derive(Default)]
struct Attachment<'a> {
    title: Option<String>,
    long_name: Option<String>,
    data: Vec<&'a [u8]>,
}

/// Hands out attachments and bodies.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut cursor = Cursor::new(input);
    // Signature and key.
    if cursor.skip(6).is_none() {
        return unpacking.stop(Problem::Truncated, "no attributes");
    }
    let mut attachment = Attachment::default();
    let mut number = 0;
    while !cursor.is_empty() {
        let (Some(_level), Some(id), Some(length)) =
            (cursor.u8(), cursor.u32_le(), cursor.u32_le())
        else {
            unpacking.problem(None, Problem::Truncated, "an attribute is cut short");
            break;
        };
        let rest = cursor.rest();
        let taken = (length as usize).min(rest.len());
        let value = &rest[..taken];
        if taken < length as usize {
            unpacking.problem(None, Problem::Truncated, "an attribute is cut short");
        }
        // The checksum behind it only guards against line noise.
        let _ = cursor.skip((taken + 2).min(rest.len()));
        match id {
            ATTACH_RENDERING => {
                hand_out(std::mem::take(&mut attachment), &mut number, unpacking)?;
            }
            ATTACH_TITLE => attachment.title = Some(mapi::text(0x1e, value)),
            ATTACH_DATA => attachment.data.push(value),
            ATTACH_PROPERTIES => attachment_properties(value, &mut attachment),
            MESSAGE_PROPERTIES => bodies(value, unpacking)?,
            BODY if !value.trim_ascii().is_empty() => {
                unpacking.child_bytes(&Child::new(ChildKind::Attachment, "body.txt"), value)?;
            }
            _ => {}
        }
    }
    hand_out(attachment, &mut number, unpacking)
}

fn attachment_properties<'a>(list: &'a [u8], attachment: &mut Attachment<'a>) {
    for property in mapi::properties(list) {
        match property.id {
            mapi::ATTACH_LONG_FILENAME => {
                attachment.long_name = Some(mapi::text(property.kind, property.value));
            }
            mapi::ATTACH_FILENAME | mapi::DISPLAY_NAME if attachment.title.is_none() => {
                attachment.title = Some(mapi::text(property.kind, property.value));
            }
            mapi::ATTACH_DATA => {
                // An object has the id of its interface in front.
                let skip = if property.kind == 0x0d { INTERFACE_BYTES } else { 0 };
                attachment.data.push(property.value.get(skip..).unwrap_or_default());
            }
            _ => {}
        }
    }
}

fn hand_out(
    attachment: Attachment<'_>,
    number: &mut usize,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    if attachment.data.is_empty() {
        return Ok(());
    }
    *number += 1;
    let name = attachment
        .long_name
        .or(attachment.title)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("attachment-{number}"));
    for data in attachment.data {
        unpacking.child_bytes(&Child::new(ChildKind::Attachment, name.clone()), data)?;
    }
    Ok(())
}

fn bodies(list: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    for property in mapi::properties(list) {
        body(property.id, property.kind, property.value, "", unpacking)?;
    }
    Ok(())
}

/// Hands out a body in any of its three forms, decoded.
pub(super) fn body(
    id: u16,
    kind: u16,
    value: &[u8],
    prefix: &str,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    if value.is_empty() {
        return Ok(());
    }
    let child = |name: &str| Child::new(ChildKind::Attachment, format!("{prefix}{name}"));
    match id {
        mapi::BODY => unpacking.child_bytes(&child("body.txt"), mapi::text(kind, value).as_bytes()),
        mapi::BODY_HTML => unpacking.child_bytes(&child("body.html"), value),
        mapi::RTF_COMPRESSED => match lzfu::decode(value) {
            Some(text) => unpacking.child_bytes(&child("body.rtf"), &text),
            None => {
                unpacking.problem(None, Problem::Corrupt, "compressed rich text of no known kind");
                Ok(())
            }
        },
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::unpack;
    use crate::document::samples;
    use crate::document::test_support::{collect, survives};
    use crate::unpack::Problem;

    #[test]
    fn attachments_and_bodies_are_children() {
        let file = samples::tnef("tool.exe", b"MZ payload");
        let found = collect(unpack, &file);
        assert_eq!(found.names(), ["body.txt", "tool.exe"]);
        assert_eq!(found.body("tool.exe"), b"MZ payload");
        assert_eq!(found.problems, []);
    }

    #[test]
    fn a_cut_file_is_stated() {
        let file = samples::tnef("tool.exe", b"MZ payload");
        let found = collect(unpack, &file[..file.len() - 5]);
        assert_eq!(found.body("tool.exe"), b"MZ payl");
        assert!(found.problems.contains(&Problem::Truncated));
    }

    #[test]
    fn hostile_bytes_survive() {
        survives(unpack, &samples::tnef("tool.exe", b"MZ payload"));
    }
}
