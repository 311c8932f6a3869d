//! An Outlook message for those who judge it, in the form of [`crate::document::eml::Message`].

use crate::document::eml::{Message, MessagePart, read_fields};
use crate::document::mapi;
use crate::document::ole::compound::{Compound, EntryKind};

/// Entries of the compound file that are read.
const MAX_ENTRIES: usize = 50_000;
/// Bytes of the header and of each body.
const MAX_TEXT: u64 = 4 << 20;
/// Bytes of an attachment: enough to tell its type.
const MAX_HEAD: u64 = 96 << 10;
/// Attachments that are read.
const MAX_ATTACHMENTS: usize = 200;

/// Reads a message; `None` when it is no compound file. The fields are those that came with it over
/// SMTP; of a message that was never sent, those that its properties tell.
pub fn read(input: &[u8]) -> Option<Message> {
    let compound = Compound::open(input, MAX_ENTRIES)?;
    let root = compound.root_number();
    let text = |id: u16| {
        super::value(&compound, root, id, &[0x1f, 0x1e], MAX_TEXT)
            .map(|(kind, bytes)| mapi::text(kind, &bytes))
            .filter(|text| !text.is_empty())
    };
    let mut message = Message::default();
    if let Some(header) = text(mapi::TRANSPORT_HEADERS) {
        message.fields = read_fields(header.as_bytes());
    }
    let missing = |message: &Message, name: &str| message.first(name).is_none();
    if missing(&message, "from") {
        let name = text(mapi::SENT_REPRESENTING_NAME)
            .or_else(|| text(mapi::SENDER_NAME))
            .unwrap_or_default();
        let address =
            text(mapi::SENDER_SMTP).or_else(|| text(mapi::SENDER_ADDRESS)).unwrap_or_default();
        if !address.is_empty() {
            let from = format!("\"{}\" <{address}>", name.replace('"', ""));
            message.fields.push(("from".to_owned(), from.into_bytes()));
        }
    }
    if missing(&message, "subject")
        && let Some(subject) = text(mapi::SUBJECT)
    {
        message.fields.push(("subject".to_owned(), subject.into_bytes()));
    }
    for (id, content_type) in [(mapi::BODY, "text/plain"), (mapi::BODY_HTML, "text/html")] {
        if let Some((kind, bytes)) =
            super::value(&compound, root, id, &[0x1f, 0x1e, 0x102], MAX_TEXT)
        {
            let bytes = if kind == 0x1f { mapi::text(kind, &bytes).into_bytes() } else { bytes };
            message.parts.push(MessagePart {
                content_type: content_type.to_owned(),
                inline: true,
                bytes,
                ..MessagePart::default()
            });
        }
    }
    for (number, entry) in compound.children(root) {
        let attachment = entry.kind == EntryKind::Storage
            && entry.name.to_ascii_lowercase().starts_with("__attach_version1.0_");
        if !attachment || message.parts.len() >= MAX_ATTACHMENTS {
            continue;
        }
        let data = super::value(&compound, number, mapi::ATTACH_DATA, &[0x102], MAX_HEAD);
        message.parts.push(MessagePart {
            file_name: super::attachment_name(&compound, number),
            bytes: data.map(|(_, bytes)| bytes).unwrap_or_default(),
            ..MessagePart::default()
        });
    }
    Some(message)
}
