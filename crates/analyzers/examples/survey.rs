//! For whoever changes an analyser: compiles in a minute and scans in this process, without archives and
//! rules. What users see is `cargo xtask survey`.
//!
//! Runs every analyser over every file below the given directories and prints, for each finding, how
//! often it was noted, and with `--files` where: `survey [--files] [--at-least suspicious] DIRECTORY…`.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use palisade_analyzers::ALL;
use palisade_model::{FileType, Severity, UnpackLimits};
use palisade_ports::engine::{ChildHead, Scan, ScanContext};

/// Files above this are left out, in bytes.
const LARGEST: u64 = 256 << 20;

struct Survey {
    children: u64,
}

impl Scan for Survey {
    fn should_stop(&mut self) -> bool {
        false
    }

    fn remaining_ms(&self) -> u64 {
        60_000
    }

    fn child(&mut self, _: &ChildHead, _: &mut dyn Read) -> io::Result<()> {
        self.children += 1;
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut show_files = false;
    let mut least = Severity::Info;
    let mut waiting = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--files" => show_files = true,
            "--at-least" => {
                least = match arguments.next().as_deref() {
                    Some("malicious") => Severity::Malicious,
                    Some("suspicious") => Severity::Suspicious,
                    _ => Severity::Info,
                }
            }
            _ => waiting.push(PathBuf::from(argument)),
        }
    }
    let mut counts: BTreeMap<(&str, String), (Severity, u64, String)> = BTreeMap::new();
    let mut read: BTreeMap<&str, (u64, u64, u128)> = BTreeMap::new();
    let mut survey = Survey { children: 0 };
    while let Some(path) = waiting.pop() {
        let Ok(about) = path.symlink_metadata() else { continue };
        if about.is_dir() {
            waiting.extend(std::fs::read_dir(&path)?.flatten().map(|entry| entry.path()));
            continue;
        }
        if !about.is_file() || about.len() > LARGEST {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let type_id = palisade_formats::filetype::detect(&bytes).ty.id;
        let context = context(&path, type_id);
        for analyzer in ALL.iter().filter(|analyzer| analyzer.reads(type_id)) {
            let started = Instant::now();
            let opinion = analyzer.analyze(&bytes, &context, &mut survey);
            let sum = read.entry(analyzer.name).or_default();
            *sum = (sum.0 + 1, sum.1 + bytes.len() as u64, sum.2 + started.elapsed().as_micros());
            for finding in opinion.findings {
                if finding.severity < least {
                    continue;
                }
                if show_files {
                    let path = path.display();
                    writeln!(
                        out,
                        "{}/{}\t{path}\t{}",
                        analyzer.name, finding.id, finding.explanation
                    )?;
                }
                let key = (analyzer.name, finding.id);
                let count = counts.entry(key).or_insert((finding.severity, 0, String::new()));
                count.1 += 1;
                if count.2.is_empty() {
                    count.2 = path.display().to_string();
                }
            }
        }
    }
    for (analyzer, (files, bytes, micros)) in read {
        let each = micros as f64 / files as f64 / 1e3;
        writeln!(out, "{analyzer}: {files} files, {} MiB, {each:.2} ms each", bytes >> 20)?;
    }
    for ((analyzer, id), (severity, count, example)) in counts {
        writeln!(out, "{severity:?}\t{analyzer}/{id}\t{count}\t{example}")?;
    }
    writeln!(out, "children: {}", survey.children)
}

fn context(path: &Path, type_id: &str) -> ScanContext {
    ScanContext {
        command: None,
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        file_type: FileType { id: type_id.to_owned(), ..FileType::default() },
        passwords: Vec::new(),
        limits: UnpackLimits::default(),
    }
}
