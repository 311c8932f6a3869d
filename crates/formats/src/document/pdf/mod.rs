//! PDF: embedded files and scripts (ISO 32000-1).
//!
//! Objects are found by scanning, not by the cross-reference table, so that files which readers
//! repair are read, and what an update replaced is seen as well.

pub mod crypt;
pub mod filter;
pub mod object;
pub mod scan;
mod security;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};
use crypt::Cipher;
use filter::{Decoded, Outcome};
use object::{Object, Parser};
use scan::{Found, Scanner};
pub use security::Security;

/// Scripts that are handed out.
const MAX_SCRIPTS: usize = 10_000;
/// Objects of one object stream.
const MAX_PACKED: usize = 20_000;

/// Where a string stands: that decides how it was encrypted.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Number of its object.
    pub number: u32,
    /// Generation of its object.
    pub generation: u16,
    /// In an object stream: encrypted with it, not by itself.
    pub packed: bool,
}

/// A string as it stands in the file.
pub type Raw = (Origin, Vec<u8>);

/// What the objects say of each other, gathered before anything is handed out.
#[derive(Default)]
struct Index {
    /// Streams, latest last.
    streams: Vec<Found>,
    /// Streams that a file specification names as its file.
    files: HashMap<u32, Option<Raw>>,
    /// Streams that a script entry names.
    script_streams: BTreeMap<u32, ()>,
    /// Scripts that stand in strings, with their object for decryption.
    scripts: Vec<Raw>,
    /// String objects, in case a script entry names one.
    strings: HashMap<u32, Raw>,
    security: Security,
}

/// Hands out embedded files and scripts.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut index = Index::default();
    let mut scanner = Scanner::new(input);
    let mut count = 0u32;
    for found in scanner.by_ref() {
        count += 1;
        if count.is_multiple_of(4096) {
            unpacking.keep_going()?;
        }
        index.security.see(found.number, &found.value);
        let origin = Origin { number: found.number, generation: found.generation, packed: false };
        index.see(&found.value, origin);
        if found.stream.is_some() {
            index.streams.push(found);
        }
    }
    if scanner.gave_up() {
        unpacking.problem(None, Problem::Corrupt, "too broken to be read in good time");
    }
    index.security.trailers(input);
    // The user password is empty when only rights are restricted.
    let mut passwords = vec![String::new()];
    passwords.extend_from_slice(unpacking.passwords());
    let cipher = index.security.cipher(&passwords);
    if index.security.is_encrypted() && cipher.is_none() {
        unpacking.problem(None, Problem::ProtectedDocument, "an encrypted PDF");
        return Ok(());
    }
    let document = Document { input, cipher };
    object_streams(&document, &mut index, unpacking)?;
    hand_out(&document, index, unpacking)
}

/// A file, and the key that opens it where it is encrypted.
pub struct Document<'a> {
    /// The whole file.
    pub input: &'a [u8],
    /// The key.
    pub cipher: Option<Cipher>,
}

impl Document<'_> {
    /// The bytes of a stream, decrypted and decoded, at most `limit` of them.
    pub fn decode(&self, found: &Found, limit: usize) -> Decoded {
        let range = found.stream.clone().unwrap_or_default();
        let raw = self.input.get(range).unwrap_or_default();
        // Cross-reference streams are never encrypted.
        let plain = found.value.get(b"Type").is_some_and(|kind| kind.is_name(b"XRef"));
        match &self.cipher {
            Some(cipher) if !plain => {
                let bytes = cipher.decrypt(raw, found.number, found.generation);
                filter::decode(&found.value, &bytes, limit)
            }
            _ => filter::decode(&found.value, raw, limit),
        }
    }

    /// A string, decrypted, as text.
    pub fn string(&self, (origin, bytes): &Raw) -> String {
        match &self.cipher {
            Some(cipher) if !origin.packed => {
                text(&cipher.decrypt(bytes, origin.number, origin.generation))
            }
            _ => text(bytes),
        }
    }
}

impl Index {
    /// Notes what a value says, at any depth.
    fn see(&mut self, value: &Object, origin: Origin) {
        if let Object::Text(text) = value {
            // Only what a script entry could name; megabytes of strings are no scripts' tables.
            if self.strings.len() < MAX_SCRIPTS {
                self.strings.insert(origin.number, (origin, text.clone()));
            }
            return;
        }
        value.each_dictionary(|dictionary| self.dictionary(dictionary, origin));
    }

    fn dictionary(&mut self, value: &Object, origin: Origin) {
        if let Some(Object::Dictionary(files)) = value.get(b"EF") {
            let name = [&b"UF"[..], b"F", b"Unix", b"DOS", b"Mac"]
                .iter()
                .find_map(|key| value.get(key)?.text())
                .map(|name| (origin, name.to_vec()));
            for (_, file) in files {
                if let Object::Reference(stream, _) = file {
                    self.files.insert(*stream, name.clone());
                }
            }
        }
        match value.get(b"JS") {
            Some(Object::Text(script)) if self.scripts.len() < MAX_SCRIPTS => {
                self.scripts.push((origin, script.clone()));
            }
            Some(Object::Reference(stream, _)) => {
                self.script_streams.insert(*stream, ());
            }
            _ => {}
        }
    }
}

fn memory(unpacking: &Unpacking<'_>) -> usize {
    usize::try_from(unpacking.limits().max_memory_bytes).unwrap_or(usize::MAX)
}

/// Reads the objects that are packed into streams (7.5.7).
fn object_streams(
    document: &Document<'_>,
    index: &mut Index,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let streams = std::mem::take(&mut index.streams);
    // Bombs are bounded over all of them, as their bytes never pass the meter.
    let mut left = memory(unpacking);
    for found in &streams {
        if !found.value.get(b"Type").is_some_and(|kind| kind.is_name(b"ObjStm")) {
            continue;
        }
        unpacking.keep_going()?;
        let decoded = document.decode(found, left);
        left = left.saturating_sub(decoded.bytes.len());
        state(&decoded, None, unpacking);
        packed_objects(&found.value, &decoded.bytes, index);
        if left == 0 {
            unpacking.problem(None, Problem::MemoryTooHigh, "object streams too large");
            break;
        }
    }
    index.streams = streams;
    Ok(())
}

fn packed_objects(dictionary: &Object, bytes: &[u8], index: &mut Index) {
    packed(dictionary, bytes, |number, value| {
        index.see(&value, Origin { number, generation: 0, packed: true });
    });
}

/// Gives `see` every object of an object stream (7.5.7) with its number: of at most 20,000.
pub fn packed(dictionary: &Object, bytes: &[u8], mut see: impl FnMut(u32, Object)) {
    let number = |key: &[u8]| {
        dictionary.get(key).and_then(Object::number).and_then(|n| usize::try_from(n).ok())
    };
    let first = number(b"First").unwrap_or(0);
    let count = number(b"N").unwrap_or(0).min(MAX_PACKED);
    let mut heads = Parser::new(bytes, 0);
    let mut furthest = first;
    for _ in 0..count {
        let (Some(Object::Number(number)), Some(Object::Number(offset))) =
            (heads.value(), heads.value())
        else {
            return;
        };
        let (Ok(number), Ok(offset)) = (u32::try_from(number), usize::try_from(offset)) else {
            continue;
        };
        // Objects stand in order; one that points back would be read many times over.
        let at = first.saturating_add(offset);
        if at < furthest {
            continue;
        }
        let mut parser = Parser::new(bytes, at);
        if let Some(value) = parser.value() {
            see(number, value);
        }
        furthest = parser.at.min(bytes.len());
    }
}

fn hand_out(
    document: &Document<'_>,
    mut index: Index,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let limit = memory(unpacking);
    for found in &index.streams {
        let typed = found.value.get(b"Type").is_some_and(|kind| kind.is_name(b"EmbeddedFile"));
        let named = index.files.get(&found.number);
        let script = index.script_streams.contains_key(&found.number);
        if !typed && named.is_none() && !script {
            continue;
        }
        let name = match named {
            Some(Some(raw)) if !raw.1.is_empty() => document.string(raw),
            _ if script => format!("javascript-{}.js", found.number),
            _ => format!("file-{}", found.number),
        };
        let packed = found.stream.as_ref().map_or(0, std::ops::Range::len) as u64;
        let child = Child::new(ChildKind::Embedded, name).packed(packed);
        let child = if document.cipher.is_some() { child.encrypted() } else { child };
        let decoded = document.decode(found, limit);
        unpacking.child_bytes(&child, &decoded.bytes)?;
        state(&decoded, Some(&child.name), unpacking);
    }
    for number in index.script_streams.keys() {
        index.scripts.extend(index.strings.remove(number));
    }
    for (at, raw) in index.scripts.iter().enumerate() {
        let name = format!("javascript-{}-{at}.js", raw.0.number);
        let child = Child::new(ChildKind::Embedded, name);
        unpacking.child_bytes(&child, document.string(raw).as_bytes())?;
    }
    Ok(())
}

/// States what went wrong with a stream.
fn state(decoded: &Decoded, name: Option<&str>, unpacking: &mut Unpacking<'_>) {
    match decoded.outcome {
        Outcome::Whole => {}
        Outcome::Broken => unpacking.problem(name, Problem::Corrupt, "a stream is broken"),
        Outcome::TooLarge => {
            unpacking.problem(name, Problem::MemoryTooHigh, "a stream larger than the limit");
        }
        Outcome::Unsupported => {
            unpacking.problem(name, Problem::Unsupported, "a filter that is not read");
        }
    }
}

/// Text strings are UTF-16 with a mark, or nearly Latin-1 (7.9.2.2); script engines want UTF-8.
pub fn text(bytes: &[u8]) -> String {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|p| read([p[0], p[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    if bytes.starts_with(b"\xfe\xff") {
        wide(u16::from_be_bytes)
    } else if bytes.starts_with(b"\xff\xfe") {
        wide(u16::from_le_bytes)
    } else {
        String::from_utf8(bytes.to_vec())
            .unwrap_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect())
    }
}
