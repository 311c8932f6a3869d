//! OneNote sections: files on their pages, and what the page says about them.

use std::io::Read;

use palisade_formats::unpack::{self, Child, Options, Problem, Sink, SinkError};

use super::{embedded, kinds};
use crate::Examination;

/// Files of one section that are looked at.
const MAX_FILES: usize = 1_000;
/// Bytes of a file that are looked at: enough to tell its type.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Text of pages that send the reader to the file: as a note (in UTF-16) has it.
const LURES: &[&str] = &[
    "double click",
    "double-click",
    "doubleclick",
    "click to view",
    "doppelklick",
    "doble clic",
    "double-cliquez",
    "double cliquez",
    "fai doppio clic",
];

/// Keeps the starts of files.
#[derive(Default)]
struct Files(Vec<Vec<u8>>);

impl Sink for Files {
    fn child(&mut self, _: &Child, body: &mut dyn Read) -> Result<(), SinkError> {
        if self.0.len() >= MAX_FILES {
            return Err(SinkError);
        }
        let mut bytes = Vec::new();
        body.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(|_| SinkError)?;
        self.0.push(bytes);
        Ok(())
    }

    fn problem(&mut self, _: Option<&str>, _: Problem, _: &str) {}
}

/// Looks at a section.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let input = examination.bytes();
    let mut files = Files::default();
    unpack::unpack(input, "onenote", &Options::default(), &mut files);
    if files.0.is_empty() {
        return;
    }
    // Names of files stand in the properties, as UTF-16, without a link that is worth following.
    let names = texts(input);
    let named: Vec<&String> = names.iter().filter(|name| is_file_name(name)).collect();
    for bytes in &files.0 {
        embedded::judge(examination, "The page", "", bytes);
    }
    for name in named {
        embedded::judge(examination, "The page", name, b"");
    }
    let lure = names.iter().find_map(|text| {
        let lower = text.to_lowercase();
        LURES.iter().find(|lure| lower.contains(**lure))
    });
    if let Some(lure) = lure
        && examination.has(&kinds::EMBEDDED_EXECUTABLE)
    {
        examination.find(
            &kinds::NOTE_LURE,
            format!("The page says \"{lure}\" and holds a program or script"),
        );
    }
}

/// Runs of printable UTF-16, at both alignments, of four letters or more.
fn texts(input: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    let window = input.get(..input.len().min(64 << 20)).unwrap_or_default();
    for start in [0, 1] {
        let units = window.get(start..).unwrap_or_default().as_chunks::<2>().0;
        let mut run = String::new();
        for pair in units.iter().chain([&[0, 0]]) {
            match *pair {
                [byte @ 0x20..=0x7e, 0] => run.push(char::from(byte)),
                _ if run.len() >= 4 && out.len() < 20_000 => out.push(std::mem::take(&mut run)),
                _ => run.clear(),
            }
        }
    }
    out
}

/// Whether text is a name of one file with an extension of letters.
fn is_file_name(text: &str) -> bool {
    text.len() < 256
        && !text.contains(['\\', '/', ':', '<', '>', '"'])
        && text.rsplit_once('.').is_some_and(|(stem, extension)| {
            !stem.is_empty()
                && (2..=14).contains(&extension.len())
                && extension.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
}
