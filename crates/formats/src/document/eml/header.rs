//! The header of a message or part.

use super::Encoding;
use super::name;

/// Header bytes that are read; a header beyond it is cut.
const MAX_HEADER: usize = 256 << 10;
/// Fields that are kept as they are.
const MAX_FIELDS: usize = 512;
/// Repeated headers that are followed.
const MAX_REPEATS: usize = 4;

/// The fields that decide how the body is read, each as often as it stands there.
#[derive(Default)]
pub(super) struct Header {
    types: Vec<Field>,
    encodings: Vec<String>,
    dispositions: Vec<Field>,
    description: Option<String>,
    fields: Vec<(String, Vec<u8>)>,
}

/// A value with parameters (RFC 2045, 5.1).
struct Field {
    value: String,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Header {
    /// Header and body of `bytes`. Without a header all is body.
    pub(super) fn read(bytes: &[u8]) -> (Self, &[u8]) {
        let mut header = Self::default();
        let mut at = 0;
        let mut field: Vec<u8> = Vec::new();
        let mut fields = 0u32;
        while at < bytes.len() && at < MAX_HEADER {
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end + 1);
            let line = bytes[at..end].trim_ascii_end();
            let starts = bytes[at];
            if matches!(starts, b' ' | b'\t') && !line.is_empty() {
                // Folded, as RFC 5322 2.2.3 has it.
                field.push(b' ');
                field.extend_from_slice(line.trim_ascii_start());
            } else {
                header.see(&field);
                field.clear();
                if line.is_empty() {
                    at = end;
                    return (header, &bytes[at..]);
                }
                if !is_field(line) {
                    if fields == 0 && !line.starts_with(b"From ") && !line.starts_with(b">From ") {
                        // No header at all.
                        return (header, bytes);
                    }
                    // A line that is no field ends the header for most readers.
                    if fields > 0 && !line.starts_with(b"From ") {
                        return (header, &bytes[at..]);
                    }
                } else {
                    fields += 1;
                    field.extend_from_slice(line);
                }
            }
            at = end;
        }
        header.see(&field);
        (header, bytes.get(at..).unwrap_or_default())
    }

    fn see(&mut self, field: &[u8]) {
        let Some(colon) = memchr::memchr(b':', field) else { return };
        let (name, value) = (field[..colon].trim_ascii(), &field[colon + 1..]);
        if self.fields.len() < MAX_FIELDS {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            self.fields.push((name, value.trim_ascii().to_vec()));
        }
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("Content-Type") && self.types.len() < MAX_REPEATS {
            self.types.push(Field::parse(value));
        } else if is("Content-Transfer-Encoding") && self.encodings.len() < MAX_REPEATS {
            let text = String::from_utf8_lossy(value).trim().to_ascii_lowercase();
            self.encodings.push(text);
        } else if is("Content-Disposition") && self.dispositions.len() < MAX_REPEATS {
            self.dispositions.push(Field::parse(value));
        } else if is("Content-Description") && self.description.is_none() {
            self.description = Some(name::decode_words(value));
        }
    }

    /// Every field in order: its name in lower case, its value without folds.
    pub(super) fn into_fields(self) -> Vec<(String, Vec<u8>)> {
        self.fields
    }

    /// Whether the part is shown where it stands, not offered as a file.
    pub(super) fn is_inline(&self) -> bool {
        !self.dispositions.iter().any(|field| field.value.starts_with("attachment"))
    }

    /// The name in the disposition and the name in the type, where they differ.
    pub(super) fn second_name(&self) -> Option<String> {
        let first = self.file_name()?;
        self.types
            .iter()
            .find_map(|field| name::parameter(&field.parameters, "name"))
            .filter(|second| *second != first)
    }

    /// How many content types and transfer encodings are given; one of each is right.
    pub(super) fn repeats(&self) -> usize {
        self.types.len().max(self.encodings.len())
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.types.iter().any(|field| field.value.starts_with("multipart/"))
    }

    pub(super) fn content_type(&self) -> &str {
        self.types.first().map_or("", |field| &field.value)
    }

    /// Every boundary that a content type names.
    pub(super) fn boundaries(&self) -> Vec<Vec<u8>> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        for field in &self.types {
            for (name, value) in &field.parameters {
                let value = value.trim_ascii_end();
                if name == "boundary" && !value.is_empty() && !found.iter().any(|old| old == value)
                {
                    found.push(value.to_vec());
                }
            }
        }
        found.truncate(MAX_REPEATS);
        found
    }

    /// The transfer encodings, each once; plain when there is none.
    pub(super) fn encodings(&self) -> Vec<Encoding> {
        let mut found = Vec::new();
        for text in &self.encodings {
            // Comments and quotes around the word are seen in the wild.
            let encoding = if text.contains("base64") {
                Encoding::Base64
            } else if text.contains("quoted-printable") {
                Encoding::QuotedPrintable
            } else {
                Encoding::Plain
            };
            if !found.contains(&encoding) {
                found.push(encoding);
            }
        }
        if found.is_empty() {
            found.push(Encoding::Plain);
        }
        found
    }

    /// The attachment's name: of the disposition, else of the type, else its description when that
    /// looks like a name.
    pub(super) fn file_name(&self) -> Option<String> {
        let parameter = |fields: &[Field], wanted: &str| {
            fields.iter().find_map(|field| name::parameter(&field.parameters, wanted))
        };
        parameter(&self.dispositions, "filename")
            .or_else(|| parameter(&self.types, "name"))
            .or_else(|| parameter(&self.types, "filename"))
            .or_else(|| {
                let text = self.description.clone()?;
                let (stem, extension) = text.rsplit_once('.')?;
                let short = (1..=5).contains(&extension.len()) && !stem.is_empty();
                (short && extension.chars().all(|c| c.is_ascii_alphanumeric())).then_some(text)
            })
            .filter(|name| !name.trim().is_empty())
    }
}

fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(|byte| (33..127).contains(byte))
}

impl Field {
    fn parse(text: &[u8]) -> Self {
        let mut pieces = split_parameters(text).into_iter();
        let value = pieces.next().unwrap_or_default();
        let value = String::from_utf8_lossy(&value).trim().to_ascii_lowercase();
        let parameters = pieces
            .filter_map(|piece| {
                let equals = memchr::memchr(b'=', &piece)?;
                let name = String::from_utf8_lossy(&piece[..equals]).trim().to_ascii_lowercase();
                let value = piece[equals + 1..].trim_ascii().to_vec();
                Some((name, value))
            })
            .take(64)
            .collect();
        Self { value, parameters }
    }
}

/// Cuts at semicolons outside quotes, and takes the quotes away.
fn split_parameters(text: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let mut quoted = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                // Windows paths stand in quotes unescaped: only quotes and backslashes escape.
                match bytes.as_slice().first() {
                    Some(b'"' | b'\\') => {
                        let next = bytes.next().copied();
                        pieces.last_mut().expect("never empty").extend(next);
                    }
                    _ => pieces.last_mut().expect("never empty").push(b'\\'),
                }
            }
            b';' if !quoted => pieces.push(Vec::new()),
            _ => pieces.last_mut().expect("never empty").push(*byte),
        }
    }
    pieces
}
