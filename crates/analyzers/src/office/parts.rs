//! The members of a zipped document that are worth reading, within bounds.

use std::io::Read;

use palisade_formats::unpack::{self, Child, ChildKind, Limits, Options, Problem, Sink, SinkError};

/// Bytes read of one part.
const MAX_PART_BYTES: u64 = 32 << 20;
/// Bytes read of all parts.
const MAX_PARTS_BYTES: u64 = 128 << 20;
/// Parts whose names are kept.
const MAX_PARTS: usize = 20_000;

/// A member.
pub(super) struct Part {
    /// Its name in lower case, with forward slashes and without a leading one.
    pub(super) name: String,
    /// Its bytes; empty when it was not wanted.
    pub(super) bytes: Vec<u8>,
}

/// The members of a package.
#[derive(Default)]
pub(super) struct Parts {
    /// In the order of the file.
    pub(super) parts: Vec<Part>,
    /// Contradictions of the package: member and detail.
    pub(super) contradictions: Vec<(String, String)>,
    /// Members that are encrypted: their names.
    pub(super) encrypted: Vec<String>,
    /// Whether bytes were left out at a bound.
    pub(super) cut: bool,
}

impl Parts {
    /// Reads the zip `input`, the members whose names `wanted` picks.
    pub(super) fn read(input: &[u8], wanted: fn(&str) -> bool) -> Self {
        let mut collector = Collector { parts: Self::default(), wanted, left: MAX_PARTS_BYTES };
        let limits = Limits {
            max_children: MAX_PARTS as u32,
            max_child_bytes: MAX_PART_BYTES,
            max_total_bytes: MAX_PARTS_BYTES,
            ..Limits::default()
        };
        let options = Options { limits, passwords: Vec::new() };
        unpack::unpack(input, "zip", &options, &mut collector);
        collector.parts
    }

    /// The part of this name, which is in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

struct Collector {
    parts: Parts,
    wanted: fn(&str) -> bool,
    left: u64,
}

impl Sink for Collector {
    fn child(&mut self, child: &Child, body: &mut dyn Read) -> Result<(), SinkError> {
        if child.kind != ChildKind::Member || self.parts.parts.len() >= MAX_PARTS {
            return Ok(());
        }
        let name = child.name.replace('\\', "/").to_lowercase();
        let name = name.trim_start_matches('/').to_owned();
        let mut bytes = Vec::new();
        if (self.wanted)(&name) {
            let bound = self.left.min(MAX_PART_BYTES);
            // What an unpacker could not read it states; what it could is still worth a look.
            let _ = body.take(bound).read_to_end(&mut bytes);
            self.parts.cut |= bytes.len() as u64 == bound;
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        self.parts.parts.push(Part { name, bytes });
        Ok(())
    }

    fn problem(&mut self, name: Option<&str>, problem: Problem, detail: &str) {
        let name = name.unwrap_or_default().to_owned();
        match problem {
            Problem::Encrypted | Problem::WrongPassword if self.parts.encrypted.len() < 16 => {
                self.parts.encrypted.push(name);
            }
            Problem::Corrupt if self.parts.contradictions.len() < 16 => {
                self.parts.contradictions.push((name, detail.to_owned()));
            }
            _ => {}
        }
    }
}
