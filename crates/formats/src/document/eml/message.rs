//! A message for those who judge it: its fields, its texts, and the beginnings of its files. Children
//! are handed out by [`super::unpack`]; this reads no further than a judgement needs.

use super::header::Header;
use super::{Encoding, MAX_DEPTH, base64, guess_boundary, name, quoted_printable, split};

/// Parts that are read.
const MAX_PARTS: usize = 200;
/// Bytes of a text, decoded.
const MAX_TEXT: usize = 4 << 20;
/// Bytes of an attachment, decoded: enough to tell its type.
const MAX_HEAD: usize = 96 << 10;

/// A message.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Every field of the header in order: the name in lower case, the value without folds.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The parts that are not multiparts, in order.
    pub parts: Vec<Part>,
    /// Multiparts with several boundaries or parts with several encodings: readers disagree on them.
    pub confusions: Vec<String>,
}

/// A part of a message.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The content type in lower case, without parameters; empty when there is none.
    pub content_type: String,
    /// The name of the attachment.
    pub file_name: Option<String>,
    /// Another name for it in the content type, when it differs.
    pub second_name: Option<String>,
    /// Whether it is shown where it stands.
    pub inline: bool,
    /// The decoded bytes: all of a text, the beginning of anything else.
    pub bytes: Vec<u8>,
}

impl Message {
    /// The values of a field, whose name is given in lower case.
    pub fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m [u8]> {
        self.fields
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The first value of a field.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }
}

/// Reads a message. What is broken is read as far as it goes.
pub fn read(input: &[u8]) -> Message {
    // Apple Mail puts the length of the message on a line before it.
    let first =
        input.get(..memchr::memchr(b'\n', input).unwrap_or(0)).unwrap_or_default().trim_ascii();
    let counted = !first.is_empty() && first.len() < 12 && first.iter().all(u8::is_ascii_digit);
    let input = if counted {
        memchr::memchr(b'\n', input).and_then(|end| input.get(end + 1..)).unwrap_or_default()
    } else {
        input
    };
    let mut message = Message::default();
    let mut open: Vec<(Vec<u8>, usize)> = Vec::new();
    let (header, body) = Header::read(input);
    collect(header, body, 0, true, &mut message, &mut open);
    while let Some((bytes, depth)) = open.pop() {
        if message.parts.len() >= MAX_PARTS {
            break;
        }
        let (header, body) = Header::read(&bytes);
        collect(header, body, depth, false, &mut message, &mut open);
    }
    message
}

/// The fields of a header that stands alone.
pub fn read_fields(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    Header::read(header).0.into_fields()
}

/// Decodes `=?charset?B or Q?text?=` words (RFC 2047); other text is read as UTF-8.
pub fn decode_words(value: &[u8]) -> String {
    name::decode_words(value)
}

fn collect(
    header: Header,
    body: &[u8],
    depth: usize,
    top: bool,
    message: &mut Message,
    open: &mut Vec<(Vec<u8>, usize)>,
) {
    if header.repeats() > 1 {
        message.confusions.push("a part with several content types or encodings".to_owned());
    }
    if header.is_multipart() && depth < MAX_DEPTH {
        let mut boundaries = header.boundaries();
        if boundaries.len() > 1 {
            message.confusions.push("a multipart with several boundaries".to_owned());
        }
        if boundaries.is_empty() {
            boundaries.extend(guess_boundary(body));
        }
        let pieces = split(body, &boundaries).parts;
        // The next part is at the end. A part is copied once on each level, of which there are few.
        let room = MAX_PARTS.saturating_sub(open.len());
        let inner = pieces.into_iter().take(room).map(|piece| (piece.to_vec(), depth + 1));
        let mut inner: Vec<_> = inner.collect();
        inner.reverse();
        open.extend(inner);
    } else if !body.trim_ascii().is_empty() {
        let file_name = header.file_name();
        let text = header.content_type().starts_with("text/") || header.content_type().is_empty();
        let limit = if text { MAX_TEXT } else { MAX_HEAD };
        let raw = body.get(..body.len().min(limit * 3 / 2)).unwrap_or_default();
        let mut bytes = match header.encodings().first() {
            Some(Encoding::Base64) => base64::decode(raw),
            Some(Encoding::QuotedPrintable) => quoted_printable::decode(raw),
            _ => raw.to_vec(),
        };
        bytes.truncate(limit);
        message.parts.push(Part {
            content_type: header.content_type().to_owned(),
            second_name: header.second_name(),
            inline: header.is_inline(),
            file_name,
            bytes,
        });
    }
    if top {
        message.fields = header.into_fields();
    }
}
